// Proves that the line that explains a decision is one line of ASCII, whatever stands in it.
import { describe, expect, test } from "bun:test";
import type { Decision } from "../../src/policy/decide.ts";
import { formatDecision, formatRuleReference } from "../../src/policy/explain.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import type { Rule } from "../../src/policy/rule.ts";

function rule(text: string): Rule {
  const parsed = parseRules(text).rules[0];
  if (parsed === undefined) throw new Error(`Cannot parse '${text}'`);
  return parsed;
}

const NOTHING: Decision = {
  verdict: "deny",
  rule: undefined,
  passedOver: undefined,
  special: undefined,
  embedded: undefined,
  loopback: undefined,
};

describe("formatDecision()", () => {
  test("escapes a hostile subject and keeps to one line", () => {
    expect(formatDecision(NOTHING, 'a\r\n"b\\\x1b\xff')).toBe(
      "a\\x0d\\x0a\\x22b\\x5c\\x1b\\xff: denied: no rule matches",
    );
  });

  test("names an international rule by its normal form, so that the line is ASCII", () => {
    expect(formatDecision({ ...NOTHING, rule: rule("\n !*.BÜCHER.example.") }, "xn--bcher-kva.example")).toBe(
      "xn--bcher-kva.example: denied by rule 1 at line 2 '!*.xn--bcher-kva.example'",
    );
  });

  test("says what a name waits for", () => {
    expect(formatDecision({ ...NOTHING, verdict: "needs-address", rule: rule("10.0.0.0/8") }, "a.test")).toBe(
      "a.test: depends on its addresses, rule 1 at line 1 '10.0.0.0/8' is tried first",
    );
  });
});

describe("formatRuleReference()", () => {
  test("names number, line and text as written", () => {
    expect(formatRuleReference(rule("# c\n\n!WWW.Example.com."))).toBe("rule 1 at line 3 '!WWW.Example.com.'");
  });
});
