// What comes out of the YAML is what went in, whichever version of YAML the reader speaks, and whatever the texts are.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatConfigText } from "../../src/manifest/config_text.ts";
import { formatYaml } from "../../src/manifest/format_yaml.ts";
import { parseManifest } from "./cases.ts";

const VERSIONS = ["1.1", "1.2"] as const;

/** Texts that one version of YAML or the other takes for something else. */
const AMBIGUOUS = [
  ..."yes no on off y n true false null ~ NO Off".split(" "),
  ..."123 1e3 0x1f 0o17 017 1_000 1.5 .5 +1 -1 .inf 1:20 190:20:30 2001-01-01 0b11".split(" "),
  ...[
    "",
    " ",
    " a",
    "a ",
    "- a",
    "? a",
    ": a",
    "a: b",
    "a #b",
    "#a",
    "[a]",
    "{a}",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
  ],
  ...["'a'", '"a"', "a'b", 'a"b', "a\\b", ":8081", "$(POD_IP):8080", "---", "...", "<<", "=", "\t", "a\tb"],
  ...[" \n", "\n", "\n\n ", " \n \n", "\t\n", " \r\n"],
];

describe("formatYaml()", () => {
  for (const text of AMBIGUOUS) {
    test(`keeps ${JSON.stringify(text)} a text, as value and as key`, () => {
      const object = { value: text, list: [text], [text]: "key" };
      const yaml = formatYaml([{ comment: ["x"], object }]);
      for (const version of VERSIONS) expect(parseManifest(yaml, version)).toEqual([object]);
    });
  }

  test("keeps every text, key and shape (property)", () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.dictionary(fc.string({ unit: "binary" }).filter((key) => key !== "__proto__"), tie("value"), {
        maxKeys: 4,
      }),
      value: fc.oneof(
        { depthSize: "small" },
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom(" ", "\n", "a", ":", "-", "#", "\r", "\t") }),
        fc.boolean(),
        fc.integer(),
        fc.array(tie("value"), { maxLength: 3 }),
        tie("tree"),
      ),
    }));
    fc.assert(
      fc.property(tree, (object) => {
        const yaml = formatYaml([{ comment: ["x"], object: object as Record<string, string> }]);
        expect(parseManifest(yaml, "1.2")).toEqual([object as Record<string, unknown>]);
      }),
      { numRuns: 300 },
    );
  });

  test("puts several documents and their comments one behind the other", () => {
    const yaml = formatYaml([
      { comment: ["first", "  more"], object: { a: "1" } },
      { comment: ["second"], object: { b: [{ c: 1, d: undefined }] } },
    ]);
    expect(yaml).toBe('---\n# first\n#   more\na: "1"\n---\n# second\nb:\n  - c: 1\n');
  });

  test("writes lines as a literal block, and an object that stands twice without an anchor", () => {
    const twice = { a: "b" };
    const yaml = formatYaml([{ comment: ["x"], object: { one: twice, two: twice, text: "a\n\n# b\n*\n" } }]);
    expect(yaml).toBe("---\n# x\none:\n  a: b\ntwo:\n  a: b\ntext: |\n  a\n\n  # b\n  *\n");
  });

  test("does not fold a long line", () => {
    const text = "word ".repeat(100).trim();
    expect(formatYaml([{ comment: ["x"], object: { text } }])).toContain(`text: ${text}\n`);
  });
});

describe("formatConfigText()", () => {
  const table = [
    { name: "leaves good text as it is", input: "a.example\n*\n", expected: "a.example\n*\n" },
    { name: "ends the last line", input: "*", expected: "*\n" },
    { name: "reads CR LF as LF", input: "a.example\r\n*\r\n", expected: "a.example\n*\n" },
    { name: "drops blanks around lines", input: "  a.example\t\n\t* ", expected: "a.example\n*\n" },
    { name: "keeps empty lines but those at the end", input: "\n\na\n\n*\n\n\n", expected: "\n\na\n\n*\n" },
    { name: "drops a byte order mark in front", input: "\ufeff*", expected: "*\n" },
    { name: "keeps tabs in a comment", input: "# a\tb\n*", expected: "# a\tb\n*\n" },
    { name: "keeps what is visible", input: "# bücher 🦊 \u00a0\n*", expected: "# bücher 🦊 \u00a0\n*\n" },
    {
      name: "replaces what YAML 1.1 takes for a line end",
      input: "# a\u2028b\u2029c\u0085d\re\n*",
      expected: "# a\ufffdb\ufffdc\ufffdd\ufffde\n*\n",
    },
    {
      name: "replaces controls, marks and half characters",
      input: "# \0\x0b\x1b\x7f\x9f\ufeff\ufffe\uffff\ud800\n*",
      expected: `# ${"\ufffd".repeat(9)}\n*\n`,
    },
  ];
  for (const { name, input, expected } of table) {
    test(name, () => expect(formatConfigText(input)).toBe(expected));
  }

  test("makes text that stays the same in a block literal of either version (property)", () => {
    const unit = fc.oneof(
      fc.constantFrom("\n", "\r", "\t", " ", "#", "*", "\u2028", "\u0085", "\ufeff", "'", '"', ":", "-"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.string({ unit }), (input) => {
        const text = formatConfigText(input);
        expect(text).not.toMatch(/[\r\u0085\u2028\u2029]/);
        const yaml = formatYaml([{ comment: ["x"], object: { data: { rules: text } } }]);
        if (/[^\n]/.test(text)) expect(yaml).toMatch(/rules: \|/);
        for (const version of VERSIONS) expect(parseManifest(yaml, version)).toEqual([{ data: { rules: text } }]);
      }),
      { numRuns: 500 },
    );
  });
});
