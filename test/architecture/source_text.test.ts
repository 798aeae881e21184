// The scanner that the architecture checks stand on: a check that reads nothing would pass for ever.
import { describe, expect, test } from "bun:test";
import { parseSource } from "./source_text.ts";

describe("parseSource()", () => {
  const table = [
    { name: "a named import", input: 'import { a } from "./a.ts";', expected: ["./a.ts"] },
    { name: "a type import", input: 'import type { A } from "./a.ts";', expected: ["./a.ts"] },
    { name: "an import over several lines", input: 'import {\n  a,\n  b,\n} from "./a.ts";', expected: ["./a.ts"] },
    { name: "a bare import", input: 'import "./a.ts";', expected: ["./a.ts"] },
    { name: "a dynamic import", input: 'const a = await import("./a.ts");', expected: ["./a.ts"] },
    { name: "a type position", input: 'let a: import("./a.ts").A;', expected: ["./a.ts"] },
    {
      name: "a re-export",
      input: 'export { a } from "./a.ts";\nexport * from "./b.ts";',
      expected: ["./a.ts", "./b.ts"],
    },
    {
      name: "an import with attributes",
      input: 'import a from "./a.json" with { type: "json" };',
      expected: ["./a.json"],
    },
    { name: "nothing in a comment", input: '// import "./a.ts"\n/* from "./b.ts" */', expected: [] },
    { name: "nothing in a string", input: "const a = 'import \"./a.ts\"';", expected: [] },
    { name: "nothing in a template", input: 'const a = `import "./a.ts"`;', expected: [] },
    { name: "an import behind a template", input: 'const a = `${b} "`;\nimport "./a.ts";', expected: ["./a.ts"] },
    {
      name: "an import behind a regular expression",
      input: 'const a = /["`/*]/;\nimport "./a.ts";',
      expected: ["./a.ts"],
    },
  ];
  for (const { name, input, expected } of table) {
    test(`finds ${name}`, () => {
      expect(parseSource("x.ts", input).imports.map(({ specifier }) => specifier)).toEqual(expected);
    });
  }

  test("tells the line of an import", () => {
    expect(parseSource("x.ts", '// one\n\nimport "./a.ts";').imports).toEqual([{ specifier: "./a.ts", line: 3 }]);
  });

  test("blanks comments, strings, templates and regular expressions, and keeps the code between", () => {
    const { code } = parseSource("x.ts", 'a("Bun") /* Bun */ + `Bun ${Deno.x + `${Y}`} Bun` / 2 && /Bun/.y // Bun');
    expect(code).not.toContain("Bun");
    expect(code).toContain("Deno.x");
    expect(code).toContain("${Y}");
    expect(code).toContain("/ 2 &&");
    expect(code).toContain(".y");
  });

  test("keeps every offset", () => {
    const text = "a // ü\nb `\n${c}\n` /x/ 'd'";
    const { code, uncommented } = parseSource("x.ts", text);
    expect(code.length).toBe(text.length);
    expect(uncommented.split("\n").length).toBe(text.split("\n").length);
  });
});
