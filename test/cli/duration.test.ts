// Durations: what people write, what is refused and why, and the way there and back.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, MAX_DURATION_MS, parseDuration } from "../../src/cli/duration.ts";

describe("parseDuration()", () => {
  const good = [
    { name: "milliseconds", input: "500ms", expected: 500 },
    { name: "seconds", input: "10s", expected: 10_000 },
    { name: "minutes", input: "5m", expected: 300_000 },
    { name: "hours", input: "1h", expected: 3_600_000 },
    { name: "minutes and seconds", input: "1m30s", expected: 90_000 },
    { name: "all units", input: "1h2m3s4ms", expected: 3_723_004 },
    { name: "minutes and milliseconds, which begin alike", input: "1m1ms", expected: 60_001 },
    { name: "a bare zero", input: "0", expected: 0 },
    { name: "a zero with a unit", input: "0s", expected: 0 },
    { name: "more of a unit than fits the next", input: "90s", expected: 90_000 },
    { name: "the longest", input: "8760h", expected: MAX_DURATION_MS },
  ];
  for (const { name, input, expected } of good) {
    test(`takes ${name}`, () => expect(parseDuration(input)).toEqual({ value: expected }));
  }

  const bad = [
    { name: "nothing", input: "", expected: "it is empty" },
    { name: "a number without unit", input: "10", expected: "the unit is missing, as in '10s'" },
    { name: "a unit without number", input: "s", expected: "it is not a number with a unit" },
    { name: "a sign", input: "-1s", expected: "it is not a number with a unit" },
    { name: "a fraction", input: "1.5s", expected: "it is not a number with a unit" },
    { name: "a space", input: "1m 30s", expected: "it is not a number with a unit" },
    { name: "an unknown unit", input: "1d", expected: "'d' is no unit of time here" },
    { name: "a capital unit", input: "1S", expected: "it is not a number with a unit" },
    {
      name: "units in the wrong order",
      input: "30s1m",
      expected: "its units are not in order, longest first and each once",
    },
    { name: "a unit twice", input: "1s1s", expected: "its units are not in order, longest first and each once" },
    { name: "rubbish behind", input: "1s!", expected: "it is not a number with a unit" },
    { name: "one millisecond over the longest", input: "8760h1ms", expected: "the longest is 8760h" },
    { name: "a number without end", input: `${"9".repeat(400)}s`, expected: "the longest is 8760h" },
  ];
  for (const { name, input, expected } of bad) {
    test(`refuses ${name}`, () => expect(parseDuration(input)).toEqual({ why: expected }));
  }

  test("reads back whatever formatDuration() writes", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (durationMs) => {
      expect(parseDuration(formatDuration(durationMs))).toEqual({ value: durationMs });
    }));
  });

  test("takes only what is zero or written in digits and units, within the bound", () => {
    const pieces = fc.constantFrom("0", "1", "59", "h", "m", "s", "ms", " ", "-", ".", "d", "\n");
    fc.assert(fc.property(fc.array(pieces).map((parts) => parts.join("")), (text) => {
      const parsed = parseDuration(text);
      if (!("value" in parsed)) return;
      expect(text).toMatch(/^(0|([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$/);
      expect(parsed.value).toBeGreaterThanOrEqual(0);
      expect(parsed.value).toBeLessThanOrEqual(MAX_DURATION_MS);
    }));
  });
});

describe("formatDuration()", () => {
  const table = [
    { input: 0, expected: "0s" },
    { input: 999, expected: "999ms" },
    { input: 1_000, expected: "1s" },
    { input: 90_000, expected: "1m30s" },
    { input: 3_600_001, expected: "1h1ms" },
  ];
  for (const { input, expected } of table) {
    test(`writes ${input} ms as ${expected}`, () => expect(formatDuration(input)).toBe(expected));
  }
});
