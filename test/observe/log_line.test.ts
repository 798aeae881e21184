// The shape of log lines, and their time.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTime, lineFormat } from "../../src/observe/log_line.ts";

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

describe("lineFormat()", () => {
  const write = (format: "json" | "text", value: string): string => {
    const lines = lineFormat(format);
    return lines.start(0, "warn", "a message") + lines.text("key", value) + lines.plain("count", 3) +
      lines.plain("on", true) + lines.end;
  };

  test("writes JSON with the fields in order", () => {
    expect(write("json", "v")).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"a message","key":"v","count":3,"on":true}\n',
    );
  });

  const texts = [
    { name: "plain", input: "[::1]:80", expected: "[::1]:80" },
    { name: "empty", input: "", expected: '""' },
    { name: "with a space", input: "a b", expected: '"a b"' },
    { name: "with an equals sign", input: "a=b", expected: '"a=b"' },
    { name: "with a quote", input: 'a"b', expected: '"a\\"b"' },
    { name: "with a line end", input: "a\nb", expected: '"a\\nb"' },
    { name: "with an escape", input: "\u001b[2J", expected: '"\\u001b[2J"' },
  ];
  for (const { name, input, expected } of texts) {
    test(`writes text with a value ${name}`, () => {
      expect(write("text", input)).toBe(`1970-01-01T00:00:00.000Z warn  a message key=${expected} count=3 on=true\n`);
    });
  }

  test("escapes a message in text too", () => {
    expect(lineFormat("text").start(0, "error", "a\nb")).toBe("1970-01-01T00:00:00.000Z error a\\nb");
  });

  test("writes one line for any value, in both formats", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
      for (const format of ["json", "text"] as const) expect(write(format, value).split(/[\r\n]/).length).toBe(2);
      expect(JSON.parse(write("json", value)).key).toBe(value);
    }));
  });
});
