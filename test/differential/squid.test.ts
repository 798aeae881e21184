// Owns the comparison with squid: under the same rules both decide the same and reach the same address, but for what
// intended_differences.ts lists. Runs in a network namespace of its own, where documentation addresses are real.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatSquidAcls } from "../../src/policy/squid_format.ts";
import { formatOriginalAccessLines } from "../support/squid_conf.ts";
import { EQUAL_DECISIONS } from "./equal_decisions.ts";
import { INTENDED_DIFFERENCES } from "./intended_differences.ts";
import { arbitraryOrder } from "./random_orders.ts";
import { findMeans, World } from "./world_client.ts";
import type { Accounts, Case, Order, Outcome } from "./world_protocol.ts";

const RANDOM_RULE_TEXTS = Number(process.env.EGRESS_DIFFERENTIAL_RUNS ?? 25);
const SET_UP_LIMIT_MS = 400_000; // squid may have to be installed
const TEST_LIMIT_MS = 60_000;
const RANDOM_LIMIT_MS = 240_000;

const means = findMeans();
if ("reason" in means) console.log(`Comparison with squid skipped: ${means.reason}`);

describe.skipIf("reason" in means)("compared with squid", () => {
  let world: World;

  beforeAll(async () => {
    if (!("reason" in means)) world = await World.start(means);
  }, SET_UP_LIMIT_MS);

  afterAll(async () => await world?.[Symbol.asyncDispose]());

  describe("the same is decided and reached", () => {
    test.each(EQUAL_DECISIONS.map((each) => [each.name, each] as const))("%s", async (_, order) => {
      const accounts = await world.run(order);
      expect(comparable(order.cases, accounts, "squid")).toEqual(order.cases.map((each) => line(each, each.outcome)));
      expect(comparable(order.cases, accounts, "ours")).toEqual(order.cases.map((each) => line(each, each.outcome)));
    }, TEST_LIMIT_MS);

    test("random rules and targets where no difference is intended", async () => {
      const property = fc.asyncProperty(arbitraryOrder(), async (order: Order) => {
        const accounts = await world.run(order);
        expect(accounts.squid.refusal).toBeUndefined();
        expect(accounts.ours.refusal).toBeUndefined();
        expect(comparable(order.cases, accounts, "ours")).toEqual(comparable(order.cases, accounts, "squid"));
      });
      await fc.assert(property, { numRuns: RANDOM_RULE_TEXTS, interruptAfterTimeLimit: RANDOM_LIMIT_MS - 30_000 });
    }, RANDOM_LIMIT_MS);
  });

  describe("an intended difference", () => {
    test.each(INTENDED_DIFFERENCES.map((each) => [each.name, each] as const))("%s", async (_, difference) => {
      const { rules, cases, refuses, onlySquidResolves = [] } = difference;
      const asked = [
        ...cases,
        ...onlySquidResolves.map((name): Case => ({ method: "CONNECT", target: `${name}:443` })),
      ];
      const { squid, ours } = await world.run({ rules, cases: asked });
      expectRefusal(squid.refusal, refuses?.squid);
      expectRefusal(ours.refusal, refuses?.ours);
      expect(squid.outcomes).toEqual([
        ...cases.map((each) => each.squid),
        ...onlySquidResolves.map(() => "denied" as const),
      ]);
      expect(ours.outcomes).toEqual([
        ...cases.map((each) => each.ours),
        ...onlySquidResolves.map(() => "denied" as const),
      ]);
      for (const name of onlySquidResolves) {
        expect(squid.queries).toContain(name);
        expect(ours.queries).not.toContain(name);
      }
    }, TEST_LIMIT_MS);
  });
});

describe("the configuration that squid is compared with", () => {
  test.each([...EQUAL_DECISIONS, ...INTENDED_DIFFERENCES].map(({ name, rules }) => [name, rules] as const))(
    "formatSquidAcls() writes the same: %s",
    (_, rules) => {
      const original = formatOriginalAccessLines(rules);
      const formatted = formatSquidAcls(rules);
      if ("error" in original) expect(formatted).toMatchObject({ exitCode: 1, stderr: `${original.error}\n` });
      else expect(formatted).toEqual({ exitCode: 0, stdout: original.text, stderr: "" });
    },
  );
});

/** The outcomes of one of the two as lines, with failures alike: how a failure is told is not the policy's matter. */
function comparable(cases: readonly Case[], accounts: Accounts, side: "squid" | "ours"): string[] {
  return cases.map((each, index) => line(each, accounts[side].outcomes[index] ?? "not started"));
}

function line({ method, target }: Case, outcome: Outcome | "failed"): string {
  return `${method} ${target}: ${outcome.startsWith("failed") ? "failed" : outcome}`;
}

function expectRefusal(refusal: string | undefined, expected: RegExp | undefined): void {
  if (expected === undefined) expect(refusal).toBeUndefined();
  else expect(refusal).toMatch(expected);
}
