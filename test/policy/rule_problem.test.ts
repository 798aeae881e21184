// Proves that a problem is shown with its place, and the caret under the culprit.
import { describe, expect, test } from "bun:test";
import { formatRuleProblem } from "../../src/policy/rule_problem.ts";

describe("formatRuleProblem()", () => {
  test("shows place, line and caret", () => {
    expect(formatRuleProblem({ line: 3, column: 10, text: "10.0.0.0/33", message: "Bad" })).toEqual([
      "line 3, column 10: Bad",
      "  10.0.0.0/33",
      "           ^",
    ]);
  });

  test("shows a problem of the whole text as its message alone", () => {
    expect(formatRuleProblem({ line: 0, column: 0, text: "", message: "None" })).toEqual(["None"]);
  });

  test("keeps the caret under its character behind escapes, tabs and characters of two units", () => {
    expect(formatRuleProblem({ line: 1, column: 5, text: "\t\x07𝒳ü*x", message: "Bad" }).slice(1)).toEqual([
      "   \\x07𝒳ü*x",
      "         ^",
    ]);
  });

  test("shows no more of a long line than the neighbourhood of the caret", () => {
    const text = `${"a".repeat(100)}*${"b".repeat(100)}`;
    expect(formatRuleProblem({ line: 1, column: 101, text, message: "Bad" }).slice(1)).toEqual([
      `  ...${"a".repeat(60)}*${"b".repeat(59)}...`,
      `  ${" ".repeat(63)}^`,
    ]);
  });

  test("puts the caret behind the last character where something is missing", () => {
    expect(formatRuleProblem({ line: 1, column: 2, text: "!", message: "Bad" }).slice(1)).toEqual(["  !", "   ^"]);
  });
});
