// The default number of client connections, from one descriptor to no limit at all.
import { describe, expect, test } from "bun:test";
import { defaultMaxConnections } from "../../src/cli/connection_limit.ts";

describe("defaultMaxConnections()", () => {
  const table = [
    { name: "an unknown or missing limit", input: undefined, expected: 100_000 },
    { name: "what some container runtimes set", input: 1_073_741_816, expected: 100_000 },
    { name: "the first limit that is enough for the most", input: 200_064, expected: 100_000 },
    { name: "just below it", input: 200_063, expected: 99_999 },
    { name: "a usual limit", input: 1024, expected: 480 },
    { name: "hardly any", input: 67, expected: 1 },
    { name: "none to speak of", input: 0, expected: 1 },
  ];
  for (const { name, input, expected } of table) {
    test(`is ${expected} for ${name}`, () => expect(defaultMaxConnections(input)).toBe(expected));
  }
});
