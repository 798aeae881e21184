// "Did you mean": slips of the keys are recognised, strangers are not.
import { describe, expect, test } from "bun:test";
import { nearest } from "../../src/cli/nearest.ts";

describe("nearest()", () => {
  const known = ["run", "check", "explain", "healthcheck"];
  const table = [
    { name: "the word itself", input: "check", expected: "check" },
    { name: "a letter left out", input: "chek", expected: "check" },
    { name: "a letter too many", input: "checkk", expected: "check" },
    { name: "another letter", input: "explaim", expected: "explain" },
    { name: "neighbours swapped", input: "rnu", expected: "run" },
    { name: "two slips", input: "exlpian", expected: "explain" },
    { name: "a stranger", input: "manifest", expected: undefined },
    { name: "a very long word", input: "check".repeat(1000), expected: undefined },
  ];
  for (const { name, input, expected } of table) {
    test(`finds ${expected} for ${name}`, () => expect(nearest(input, known)).toBe(expected));
  }
});
