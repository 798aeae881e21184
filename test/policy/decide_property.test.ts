// Compares every decision with a slow, obvious reading of the rules, over generated rule lists and addresses that crowd
// round the edges of ranges, special ranges and embeddings.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IpAddress } from "../../src/address/ip_address.ts";
import { decideAddress, decideName, decideNameAddress } from "../../src/policy/decide.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";
import {
  decideSlowly,
  isSpecial,
  type ReferenceAddress,
  type ReferenceRule,
  writeAddress,
  writeRule,
} from "./reference.ts";

const FULL4 = (1n << 32n) - 1n;
const FULL6 = (1n << 128n) - 1n;

function compile(rules: readonly ReferenceRule[]): Policy {
  const { rules: parsed, errors } = parseRules(rules.map(writeRule).join("\n"));
  expect(errors).toEqual([]);
  return Policy.compile(parsed);
}

function toAddress(address: ReferenceAddress): IpAddress {
  const parsed = IpAddress.parse(writeAddress(address));
  if (parsed === undefined) throw new Error(`Cannot parse ${writeAddress(address)}`);
  return parsed;
}

/** Labels so few that names fall under each other often; "aa" ends in "a" without being under it. */
const name = fc.array(fc.constantFrom("a", "b", "aa"), { minLength: 1, maxLength: 4 }).map((labels) =>
  labels.join(".")
);

const IPV4_POINTS = [
  0n,
  0x7f00_0001n,
  0xa9fe_a9fen,
  0xe000_0001n,
  FULL4,
  0x0a00_0001n,
  0x0808_0808n,
  0xa9fd_ffffn,
  0x8000_0000n,
];
const IPV6_POINTS = [
  0n,
  1n,
  2n,
  0xfe80n << 112n,
  0xff02n << 112n,
  0x2001_0db8n << 96n,
  0x0064_ff9bn << 96n,
  0x0064_ff9b_0001n << 80n,
  0x2001_0000n << 96n,
  0x2002n << 112n,
  (0x2001_0db8n << 96n) + (0x5efen << 32n),
  (0xfe80n << 112n) + (0x0200_5efen << 32n),
];

const ipv4Value = fc.oneof(fc.constantFrom(...IPV4_POINTS), fc.bigInt({ min: 0n, max: FULL4 }));
/** A point, alone or with an IPv4 value in its last 32 bits or in a 6to4 prefix. */
const ipv6Value = fc.oneof(
  fc.constantFrom(...IPV6_POINTS),
  fc.tuple(fc.constantFrom(...IPV6_POINTS), ipv4Value).map(([point, low]) => point | low),
  fc.tuple(fc.constantFrom(...IPV6_POINTS), ipv4Value).map(([point, low]) => point | low ^ FULL4),
  ipv4Value.map((value) => 0x2002n << 112n | value << 80n),
  fc.bigInt({ min: 0n, max: FULL6 }),
).filter((value) => value >> 32n !== 0xffffn);

function range(kind: "ipv4" | "ipv6", value: bigint, length: number): ReferenceRule["what"] {
  const shift = BigInt((kind === "ipv4" ? 32 : 128) - length);
  return { kind, value: value >> shift << shift, length };
}

const ipv4Range = fc.tuple(ipv4Value, fc.oneof(fc.constantFrom(0, 8, 16, 32), fc.nat(32)))
  .map(([value, length]) => range("ipv4", value, length));
const ipv6Range = fc.tuple(ipv6Value, fc.oneof(fc.constantFrom(0, 10, 16, 32, 48, 96, 128), fc.nat(128)))
  .map(([value, length]) => range("ipv6", value, length))
  .filter((what) => what.kind !== "ipv6" || what.length < 96 || what.value >> 32n !== 0xffffn);
const nameMatch = fc.tuple(fc.constantFrom("name" as const, "subdomains" as const), name)
  .map(([kind, text]) => ({ kind, name: text }));

const rule: fc.Arbitrary<ReferenceRule> = fc.record({
  deny: fc.boolean(),
  what: fc.oneof(ipv4Range, ipv6Range, nameMatch, nameMatch),
});
/** Ranges so wide, or so exactly those that embed or are special, that a few of them leave nothing or one thing open. */
const wideRange = fc.constantFrom<ReferenceRule["what"]>(
  ...[0n, 0x8000_0000n].map((value) => range("ipv4", value, 1)),
  range("ipv4", 0n, 0),
  range("ipv4", 0x7f00_0000n, 8),
  range("ipv4", 0xa9fe_0000n, 16),
  ...[0n, 1n << 127n].map((value) => range("ipv6", value, 1)),
  range("ipv6", 0n, 0),
  range("ipv6", 0n, 96),
  range("ipv6", 1n, 128),
  range("ipv6", 0xfe80n << 112n, 10),
  range("ipv6", 0xff00n << 112n, 8),
  range("ipv6", 0x0064_ff9bn << 96n, 96),
  range("ipv6", (0x0064_ff9bn << 96n) + 0x7f00_0000n, 104),
  range("ipv6", 0x0064_ff9b_0001n << 80n, 48),
  range("ipv6", (0x0064_ff9b_0001n << 80n) + 0x8000_0000n, 97),
  range("ipv6", 0x2001_0000n << 96n, 32),
  range("ipv6", (0x2001_0000n << 96n) + 0x8000_0000n, 97),
  range("ipv6", 0x2002n << 112n, 16),
  range("ipv6", 0x2002_7f00n << 96n, 24),
  range("ipv6", (0x2001_0db8n << 96n) + (0x5efen << 32n), 96),
  range("ipv6", (0xfe80n << 112n) + (0x0200_5efen << 32n) + 0x7f00_0000n, 97),
);
const wideRule: fc.Arbitrary<ReferenceRule> = fc.record({
  deny: fc.boolean(),
  what: fc.oneof({ weight: 4, arbitrary: wideRange }, { weight: 1, arbitrary: nameMatch }),
});
const wideList = fc.array(wideRule, { minLength: 2, maxLength: 9 });

const ruleList = fc.tuple(fc.array(rule, { minLength: 1, maxLength: 7 }), fc.boolean())
  .map(([rules, isOpen]): ReferenceRule[] => isOpen ? [...rules, { deny: false, what: { kind: "any" } }] : rules);

const address: fc.Arbitrary<ReferenceAddress> = fc.oneof(
  ipv4Value.map((value) => ({ family: 4 as const, value })),
  ipv6Value.map((value) => ({ family: 6 as const, value })),
);

/** Addresses that the rules themselves make interesting: both edges of each range and one step past them. */
function edges(rules: readonly ReferenceRule[]): ReferenceAddress[] {
  const found: ReferenceAddress[] = [];
  for (const { what } of rules) {
    if (what.kind !== "ipv4" && what.kind !== "ipv6") continue;
    const [family, full] = what.kind === "ipv4" ? [4 as const, FULL4] : [6 as const, FULL6];
    const last = what.value + (full >> BigInt(what.length));
    for (const value of [what.value - 1n, what.value, last, last + 1n]) {
      if (value >= 0n && value <= full && (family === 4 || value >> 32n !== 0xffffn)) found.push({ family, value });
    }
  }
  return found;
}

describe("decideNameAddress() and decideAddress()", () => {
  test("give the verdict and the rule of a first match in order", () => {
    fc.assert(
      fc.property(
        ruleList,
        fc.array(name, { maxLength: 3 }),
        fc.array(address, { maxLength: 8 }),
        (rules, names, more) => {
          const policy = compile(rules);
          for (const one of [...edges(rules), ...more]) {
            const parsed = toAddress(one);
            for (const target of [undefined, ...names]) {
              const expected = decideSlowly(rules, target, one);
              const actual = target === undefined
                ? decideAddress(policy, parsed)
                : decideNameAddress(policy, target, parsed);
              expect({ allow: actual.verdict === "allow", number: actual.rule?.number ?? 0 }).toEqual(expected);
              expect(actual.verdict).not.toBe("needs-address");
              if (actual.passedOver !== undefined) expect(isSpecial(one)).toBe(true);
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("find the first rule among hundreds that overlap", () => {
    const near = fc.tuple(fc.nat(1023), fc.integer({ min: 22, max: 32 }))
      .map(([low, length]) => range("ipv4", 0xc000_0000n + BigInt(low), length));
    const near6 = fc.tuple(fc.nat(1023), fc.integer({ min: 118, max: 128 }))
      .map(([low, length]) => range("ipv6", (0x2001_0db8n << 96n) + BigInt(low) + 0xffff_fe00n, length));
    const crowded = fc.array(fc.record({ deny: fc.boolean(), what: fc.oneof(near, near6, nameMatch) }), {
      minLength: 50,
      maxLength: 300,
    });
    fc.assert(
      fc.property(crowded, name, (rules, target) => {
        const policy = compile(rules);
        for (const one of edges(rules).slice(0, 200)) {
          const expected = decideSlowly(rules, target, one);
          const actual = decideNameAddress(policy, target, toAddress(one));
          expect({ allow: actual.verdict === "allow", number: actual.rule?.number ?? 0 }).toEqual(expected);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("decideName()", () => {
  /** Addresses enough to hold one that is allowed, if any is: edges, points, and every IPv4 edge in every embedding and IPv6 range. */
  function candidates(rules: readonly ReferenceRule[]): ReferenceAddress[] {
    const all: ReferenceAddress[] = edges(rules);
    for (const value of IPV4_POINTS) all.push({ family: 4, value }, { family: 4, value: value + 1n & FULL4 });
    for (const value of IPV6_POINTS) all.push({ family: 6, value }, { family: 6, value: value + 1n });
    const low = all.filter(({ family }) => family === 4).map(({ value }) => value);
    const bases = [...IPV6_POINTS, ...edges(rules).filter(({ family }) => family === 6).map(({ value }) => value)];
    const identifiers = bases.flatMap((base) =>
      [0x5efen, 0x0200_5efen].map((identifier) => (base >> 64n << 64n) + (identifier << 32n))
    );
    for (const base of [...bases, ...identifiers]) {
      for (const value of low) {
        all.push({ family: 6, value: base >> 32n << 32n | value }, {
          family: 6,
          value: base >> 32n << 32n | value ^ FULL4,
        });
      }
    }
    for (const value of low) all.push({ family: 6, value: 0x2002n << 112n | value << 80n });
    return all.filter(({ family, value }) => family === 4 || value >> 32n !== 0xffffn);
  }

  test("denies without an address if and only if no address would be allowed", () => {
    fc.assert(
      fc.property(fc.oneof(ruleList, wideList), name, (rules, target) => {
        const decision = decideName(compile(rules), target);
        const isPossible = candidates(rules).some((one) => decideSlowly(rules, target, one).allow);
        expect(decision.verdict === "deny").toBe(!isPossible);
      }),
      { numRuns: 700 },
    );
  });

  test("needs an address only where an address rule stands before the rule that decides", () => {
    fc.assert(
      fc.property(ruleList, name, (rules, target) => {
        const { verdict, rule: decider } = decideName(compile(rules), target);
        const isByAddress = (one: ReferenceRule) => one.what.kind === "ipv4" || one.what.kind === "ipv6";
        const first = rules.findIndex(isByAddress);
        if (verdict === "allow") {
          const number = decider?.number ?? 0;
          expect(rules.slice(0, number).some(isByAddress)).toBe(false);
          const byName = rules.filter((one) => !isByAddress(one));
          expect(decideSlowly(byName, target, { family: 4, value: 0x0808_0808n }).allow).toBe(true);
        }
        if (verdict === "needs-address") expect(decider?.number).toBe(first + 1);
      }),
      { numRuns: 700 },
    );
  });
});
