// The places for client connections: both bounds at their limit and one past it, over threads, and after a thread's death.
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { IpAddress } from "../../src/address/ip_address.ts";
import { ConnectionBudget, makeBudgetMemory, type NoPlace } from "../../src/proxy/connection_budget.ts";

const ip = (text: string) => IpAddress.parse(text)!;

function makeBudgets(maxConnections: number, maxConnectionsPerClient: number, threads = 1): ConnectionBudget[] {
  const limits = { maxConnections, maxConnectionsPerClient };
  const memory = makeBudgetMemory(limits, threads);
  return Array.from({ length: threads }, (_, own) => new ConnectionBudget(memory, limits, threads, own));
}

describe("ConnectionBudget", () => {
  test("has as many places as it is told, and one again when one is given back", () => {
    const [budget] = makeBudgets(2, 0) as [ConnectionBudget];
    expect([budget.take(ip("10.0.0.1")), budget.take(ip("10.0.0.1")), budget.take(ip("10.0.0.1"))]).toEqual([
      undefined,
      undefined,
      "all",
    ]);
    expect(budget.taken).toBe(2);
    budget.give(ip("10.0.0.1"));
    expect(budget.take(ip("10.0.0.2"))).toBeUndefined();
  });

  const sameClient: readonly (readonly [one: string, other: string, isSame: boolean])[] = [
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.2", false],
    ["10.0.0.1", "::ffff:10.0.0.1", true],
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true],
    ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ["2001:db8:1:2::1", "2001:db8:0:2::1", false],
  ];
  for (const [one, other, isSame] of sameClient) {
    test(`${one} and ${other} are ${isSame ? "one client" : "two clients"}`, () => {
      const [budget] = makeBudgets(100, 1) as [ConnectionBudget];
      expect(budget.take(ip(one))).toBeUndefined();
      expect(budget.take(ip(other))).toBe(isSame ? "client" : undefined);
    });
  }

  test("a refused client takes no place of the others", () => {
    const [budget] = makeBudgets(3, 1) as [ConnectionBudget];
    expect(budget.take(ip("10.0.0.1"))).toBeUndefined();
    for (let round = 0; round < 10; round++) expect(budget.take(ip("10.0.0.1"))).toBe("client");
    expect(budget.taken).toBe(1);
  });

  test("threads share both bounds, and what a dead one held is free again", () => {
    const [one, other] = makeBudgets(4, 2, 2) as [ConnectionBudget, ConnectionBudget];
    expect(one.take(ip("10.0.0.1"))).toBeUndefined();
    expect(other.take(ip("10.0.0.1"))).toBeUndefined();
    expect([one.take(ip("10.0.0.1")), other.take(ip("10.0.0.1"))]).toEqual(["client", "client"]);
    expect(one.take(ip("10.0.0.2"))).toBeUndefined();
    expect(one.take(ip("10.0.0.3"))).toBeUndefined();
    expect(other.take(ip("10.0.0.4"))).toBe("all");
    other.giveAll(0);
    expect(other.taken).toBe(1);
    expect(other.take(ip("10.0.0.1"))).toBeUndefined();
    expect(other.take(ip("10.0.0.1"))).toBe("client");
  });

  test("counts as a map of clients would, in any order, over threads", () => {
    const step = fc.record({ thread: fc.nat(2), client: fc.nat(5), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const budgets = makeBudgets(8, 3, 3);
        const held: { thread: number; client: number }[] = [];
        for (const { thread, client, take } of steps) {
          const address = ip(client % 2 === 0 ? `10.0.0.${client}` : `2001:db8:0:${client}::1`);
          if (take) {
            let expected: NoPlace | undefined;
            if (held.length === 8) expected = "all";
            else if (held.filter((one) => one.client === client).length === 3) expected = "client";
            expect(budgets[thread]!.take(address)).toBe(expected);
            if (expected === undefined) held.push({ thread, client });
          } else {
            const at = held.findIndex((one) => one.client === client && one.thread === thread);
            if (at < 0) continue;
            held.splice(at, 1);
            budgets[thread]!.give(address);
          }
          expect(budgets[0]!.taken).toBe(held.length);
        }
      }),
    );
  });

  test("a hundred thousand clients, one after the other and at once, are told apart", () => {
    const [budget] = makeBudgets(100_000, 1) as [ConnectionBudget];
    const client = (at: number) => ip(`10.${at >> 16 & 255}.${at >> 8 & 255}.${at & 255}`);
    for (let at = 0; at < 100_000; at++) {
      expect(budget.take(client(at))).toBeUndefined();
      if (at % 7 !== 0) budget.give(client(at));
    }
    for (let at = 0; at < 100_000; at += 7) expect(budget.take(client(at))).toBe("client");
  });
});
