// The time of log lines, and their text form.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTime, toTextLine } from "../../src/observe/log_line.ts";

describe("formatTime()", () => {
  test("writes what Date writes, whatever came before", () => {
    const times = fc.array(fc.integer({ min: 0, max: 4_102_444_800_000 }), { minLength: 1 });
    fc.assert(fc.property(times, (all) => {
      for (const epochMs of all) expect(formatTime(epochMs)).toBe(new Date(epochMs).toISOString());
    }));
  });

  test("cuts fractions of milliseconds off", () => {
    expect(formatTime(1_999.9)).toBe("1970-01-01T00:00:01.999Z");
  });
});

describe("toTextLine()", () => {
  const write = (value: unknown, message = "a message") =>
    toTextLine(`${JSON.stringify({ time: "2030-01-02T03:04:05.006Z", level: "warn", message, key: value })}\n`);

  const table = [
    { name: "a plain value", input: "[::1]:80", expected: "[::1]:80" },
    { name: "a number", input: 1.5, expected: "1.5" },
    { name: "a truth value", input: true, expected: "true" },
    { name: "an empty value", input: "", expected: '""' },
    { name: "a space", input: "a b", expected: '"a b"' },
    { name: "an equals sign", input: "a=b", expected: '"a=b"' },
    { name: "a quote", input: 'a"b', expected: '"a\\"b"' },
    { name: "a line end", input: "a\nb", expected: '"a\\nb"' },
    { name: "an escape", input: "\u001b[2J", expected: '"\\u001b[2J"' },
  ];
  for (const { name, input, expected } of table) {
    test(`writes ${name}`, () => {
      expect(write(input)).toBe(`2030-01-02T03:04:05.006Z warn  a message key=${expected}\n`);
    });
  }

  test("escapes a message too", () => {
    expect(write("v", "a\nb")).toBe("2030-01-02T03:04:05.006Z warn  a\\nb key=v\n");
  });

  test("writes one line without controls for any value", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (value, message) => {
      expect(write(value, message)).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*\n$/u);
    }));
  });
});
