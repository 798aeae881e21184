// Proves that quoted text stays on its line, shows what is hidden, and has an end.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatQuotedOctets, formatQuotedText } from "../../src/address/quoted_text.ts";

describe("formatQuotedText()", () => {
  const table = [
    { name: "plain text", input: "exa mple.com", expected: "'exa mple.com'" },
    { name: "letters of any script", input: "bücher.例え", expected: "'bücher.例え'" },
    { name: "line ends", input: "a\r\nb", expected: "'a\\x0d\\x0ab'" },
    { name: "an escape sequence", input: "\x1b[2J", expected: "'\\x1b[2J'" },
    { name: "C1 controls", input: "\x9b", expected: "'\\x9b'" },
    { name: "a no-break space", input: "\u00a0", expected: "'\\xa0'" },
    { name: "a bidi override", input: "\u202ea", expected: "'\\u{202e}a'" },
    { name: "a line separator", input: "\u2028", expected: "'\\u{2028}'" },
    { name: "a lone surrogate", input: "\ud800", expected: "'\\u{d800}'" },
    { name: "400 characters", input: "a".repeat(400), expected: `'${"a".repeat(400)}'` },
    { name: "401 characters", input: "a".repeat(401), expected: `'${"a".repeat(400)}...'` },
  ];
  for (const { name, input, expected } of table) {
    test(`shows ${name}`, () => expect(formatQuotedText(input)).toBe(expected));
  }

  test("never lets a control or format character through", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(formatQuotedText(text)).not.toMatch(/\p{C}|[\u2028\u2029\u00a0]/u);
    }));
  });
});

describe("formatQuotedOctets()", () => {
  const table = [
    { name: "plain text", input: "a'b c", expected: "'a'b c'" },
    { name: "what a structured field would have to escape", input: 'a"\\', expected: "'a\\x22\\x5c'" },
    { name: "octets from 0x80", input: "\xc3\xbc", expected: "'\\xc3\\xbc'" },
    { name: "401 octets", input: "a".repeat(401), expected: `'${"a".repeat(400)}...'` },
  ];
  for (const { name, input, expected } of table) {
    test(`shows ${name}`, () => expect(formatQuotedOctets(input)).toBe(expected));
  }
});
