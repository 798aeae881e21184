// Proves which rules are reported as idle, and that no rule is that could still decide.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { analyseRules } from "../../src/policy/analyse.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { decideSlowly, type ReferenceAddress, type ReferenceRule, writeRule } from "./reference.ts";

function analyse(text: string): string[] {
  const { rules, errors } = parseRules(text);
  expect(errors).toEqual([]);
  return analyseRules(rules).map(({ line, message }) => `${line}: ${message}`);
}

describe("analyseRules()", () => {
  const table = [
    { name: "nothing in a list without idle rules", input: "a.test\n*.b.test\n10.0.0.0/8\n!c.test\n*", expected: [] },
    {
      name: "a repeated name, in another spelling",
      input: "a.test\nA.TEST.",
      expected: ["2: Remove 'A.TEST.': it repeats rule 1 at line 1 'a.test'"],
    },
    {
      name: "a repeated range, in another spelling",
      input: "10.0.0.0/8\n::ffff:10.1.0.0/104",
      expected: ["2: Remove '::ffff:10.1.0.0/104': it repeats rule 1 at line 1 '10.0.0.0/8'"],
    },
    {
      name: "an address repeated as a range of one",
      input: "192.0.2.1\n192.0.2.1/32",
      expected: ["2: Remove '192.0.2.1/32': it repeats rule 1 at line 1 '192.0.2.1'"],
    },
    {
      name: "the opposite of an earlier rule",
      input: "a.test\n!a.test",
      expected: ["2: Check '!a.test': it is never reached, rule 1 at line 1 'a.test' decides the opposite first"],
    },
    {
      name: "a name under an earlier one",
      input: "*.test\n!www.a.test",
      expected: ["2: Check '!www.a.test': it is never reached, rule 1 at line 1 '*.test' matches first"],
    },
    {
      name: "the apex under an earlier rule of all names under it",
      input: "!*.a.test\na.test",
      expected: ["2: Check 'a.test': it is never reached, rule 1 at line 1 '!*.a.test' matches first"],
    },
    {
      name: "subdomains under earlier subdomains",
      input: "*.test\n!*.a.test",
      expected: ["2: Check '!*.a.test': it is never reached, rule 1 at line 1 '*.test' matches first"],
    },
    { name: "no subdomains behind their apex alone", input: "a.test\n!*.a.test", expected: [] },
    { name: "no exception before its rule", input: "!www.a.test\n*.a.test", expected: [] },
    { name: "no name that only ends alike", input: "*.a.test\nba.test", expected: [] },
    {
      name: "a range inside an earlier one",
      input: "10.0.0.0/8\n!10.1.0.0/16",
      expected: ["2: Check '!10.1.0.0/16': it is never reached, rule 1 at line 1 '10.0.0.0/8' matches first"],
    },
    {
      name: "a range that earlier ones cover together",
      input: "10.0.0.0/9\n10.128.0.0/9\n!10.0.0.0/8",
      expected: [
        "3: Check '!10.0.0.0/8': it is never reached, several rules before it together match all its addresses",
      ],
    },
    { name: "no range with one address left", input: "10.0.0.0\n10.0.0.2/31\n!10.0.0.0/30", expected: [] },
    {
      name: "every rule behind ranges that match every address",
      input: "0.0.0.0/0\n::/0\n!a.test\n*",
      expected: [
        "3: Check '!a.test': it is never reached, the rules before it match every address",
        "4: Check '*': it is never reached, the rules before it match every address",
      ],
    },
    { name: "no rule behind all of one family", input: "0.0.0.0/0\na.test\n*", expected: [] },
  ];
  for (const { name, input, expected } of table) {
    test(`finds ${name}`, () => expect(analyse(input)).toEqual(expected));
  }

  test("gives the place of an indented rule", () => {
    const { rules } = parseRules("a.test\n   a.test");
    expect(analyseRules(rules)).toEqual([
      { line: 2, column: 4, text: "   a.test", message: "Remove 'a.test': it repeats rule 1 at line 1 'a.test'" },
    ]);
  });

  test("reports no rule that decides on a remote address, and every address rule that decides on none", () => {
    const range = fc.tuple(fc.nat(15), fc.integer({ min: 28, max: 32 })).map(([low, length]) => {
      const shift = BigInt(32 - length);
      return { kind: "ipv4" as const, value: (0x0a00_0000n + BigInt(low)) >> shift << shift, length };
    });
    const named = fc.tuple(
      fc.constantFrom("name" as const, "subdomains" as const),
      fc.constantFrom("a", "b.a", "c.b.a", "ba"),
    )
      .map(([kind, name]) => ({ kind, name }));
    const rules = fc.array(fc.record({ deny: fc.boolean(), what: fc.oneof(range, named) }), {
      minLength: 1,
      maxLength: 12,
    });
    const addresses: ReferenceAddress[] = Array.from(
      { length: 18 },
      (_, i) => ({ family: 4, value: 0x09ff_ffffn + BigInt(i) }),
    );
    const names = [undefined, "a", "b.a", "c.b.a", "d.c.b.a", "x.b.a", "x.a", "ba", "x.ba"];
    fc.assert(
      fc.property(rules, (list: ReferenceRule[]) => {
        const deciding = new Set<number>();
        for (const one of addresses) for (const name of names) deciding.add(decideSlowly(list, name, one).number);
        const idle = list.map((_, index) => index + 1).filter((number) => !deciding.has(number));
        const parsed = parseRules(list.map(writeRule).join("\n"));
        const reported = analyseRules(parsed.rules).map(({ line }) => line);
        // Names are compared with single earlier rules only, so an idle one may go unreported; addresses are exact.
        for (const line of reported) expect(idle).toContain(line);
        for (const number of idle) {
          if (list[number - 1]?.what.kind === "ipv4") expect(reported).toContain(number);
        }
      }),
      { numRuns: 500 },
    );
  });
});
