// JSON strings of log lines: nothing in them can end a line, drive a terminal or hide.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatJsonString } from "../../src/observe/json_text.ts";

describe("formatJsonString()", () => {
  const table = [
    { name: "plain ASCII", input: "www.example.com", expected: '"www.example.com"' },
    { name: "nothing", input: "", expected: '""' },
    { name: "quotes and backslashes", input: 'a"b\\c', expected: '"a\\"b\\\\c"' },
    { name: "line ends", input: "a\r\nb", expected: '"a\\r\\nb"' },
    { name: "other controls", input: "\u0000\u001b", expected: '"\\u0000\\u001b"' },
    { name: "DEL and C1 controls", input: "\u007f\u009b", expected: '"\\u007f\\u009b"' },
    { name: "Unicode's line ends", input: "\u2028\u2029\u0085", expected: '"\\u2028\\u2029\\u0085"' },
    { name: "direction marks and zero width", input: "\u202e\u200b\ufeff", expected: '"\\u202e\\u200b\\ufeff"' },
    { name: "tag characters", input: "\u{e0041}", expected: '"\\udb40\\udc41"' },
    { name: "lone surrogates", input: "\ud800x\udc00", expected: '"\\ud800x\\udc00"' },
    { name: "letters of other scripts", input: "bücher 日本 😀", expected: '"bücher 日本 😀"' },
  ];
  for (const { name, input, expected } of table) {
    test(`writes ${name}`, () => expect(formatJsonString(input)).toBe(expected));
  }

  test("gives back any text through JSON.parse(), on one line that is valid UTF-8", () => {
    const anyText = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(fc.property(anyText, (text) => {
      const json = formatJsonString(text);
      expect(JSON.parse(json)).toBe(text);
      expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(json.isWellFormed()).toBe(true);
    }));
  });
});
