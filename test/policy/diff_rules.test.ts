// diffRules(): what is added, removed and moved, by meaning; and as a property: the changes lead from one list to the other.
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { diffRules } from "../../src/policy/diff_rules.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { formatRule } from "../../src/policy/rule.ts";

const rulesOf = (lines: readonly string[]) => parseRules(lines.join("\n")).rules;

function show(before: readonly string[], after: readonly string[]): string[] {
  return diffRules(rulesOf(before), rulesOf(after)).map(({ kind, rule, was }) =>
    `${kind} ${rule.text} at ${rule.line}${was === undefined ? "" : ` from ${was.line}`}`
  );
}

describe("diffRules()", () => {
  const cases: readonly { name: string; before: string[]; after: string[]; expected: string[] }[] = [
    { name: "the same", before: ["a.test", "b.test"], after: ["a.test", "b.test"], expected: [] },
    { name: "another spelling", before: ["A.test."], after: ["# first", "a.test"], expected: [] },
    {
      name: "one more, one less",
      before: ["a.test", "b.test"],
      after: ["x.test", "a.test"],
      expected: ["added x.test at 1", "removed b.test at 2"],
    },
    {
      name: "a deny for an allow",
      before: ["a.test"],
      after: ["!a.test"],
      expected: ["added !a.test at 1", "removed a.test at 1"],
    },
    {
      name: "the last to the front: it alone has moved",
      before: ["a.test", "b.test", "c.test"],
      after: ["c.test", "a.test", "b.test"],
      expected: ["moved c.test at 1 from 3"],
    },
    {
      name: "twice before, once after",
      before: ["a.test", "b.test", "a.test"],
      after: ["a.test", "b.test"],
      expected: ["removed a.test at 3"],
    },
  ];
  for (const { name, before, after, expected } of cases) {
    test(name, () => expect(show(before, after)).toEqual(expected));
  }

  test("leads from one list to the other", () => {
    const list = fc.array(fc.constantFrom("a.test", "b.test", "c.test", "!a.test", "10.0.0.0/8", "*.a.test"), {
      minLength: 1,
    });
    fc.assert(
      fc.property(list, list, (before, after) => {
        const [old, now] = [rulesOf(before), rulesOf(after)];
        const changes = diffRules(old, now);
        const gone = new Set(changes.flatMap(({ kind, rule, was }) => kind === "removed" ? [rule] : was ?? []));
        const come = new Set(changes.flatMap(({ kind, rule }) => kind === "removed" ? [] : [rule]));
        // What is neither gone nor come stands in both lists in the same order.
        expect(old.filter((rule) => !gone.has(rule)).map(formatRule))
          .toEqual(now.filter((rule) => !come.has(rule)).map(formatRule));
      }),
    );
  });
});
