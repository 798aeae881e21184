import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Answer } from "../../src/dns/answer.ts";
import { AnswerCache, clampTtlMs } from "../../src/dns/answer_cache.ts";
import { FakeClock, ip } from "./fake_parts.ts";

const NONE: Answer = { kind: "none", reason: "NXDOMAIN" };

describe("clampTtlMs()", () => {
  for (
    const { name, input, expected } of [
      { name: "raises 0 to one second", input: 0, expected: 1_000 },
      { name: "keeps one second", input: 1, expected: 1_000 },
      { name: "keeps two seconds", input: 2, expected: 2_000 },
      { name: "keeps one second under five minutes", input: 299, expected: 299_000 },
      { name: "keeps five minutes", input: 300, expected: 300_000 },
      { name: "cuts one second over five minutes", input: 301, expected: 300_000 },
      { name: "cuts the largest TTL", input: 0x7fffffff, expected: 300_000 },
    ]
  ) {
    test(name, () => expect(clampTtlMs(input)).toBe(expected));
  }
});

describe("AnswerCache", () => {
  test("holds an answer up to its time and not at it", () => {
    const clock = new FakeClock();
    const cache = new AnswerCache(clock);
    const start = clock.timeMs;
    cache.set("a", NONE, 5_000);
    clock.timeMs = start + 4_999;
    expect(cache.get("a")).toBe(NONE);
    clock.timeMs = start + 5_000;
    expect(cache.get("a")).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test("does not keep what lives for no time, and drops what it replaces", () => {
    const cache = new AnswerCache(new FakeClock());
    cache.set("a", NONE, 5_000);
    cache.set("a", { kind: "timeout" }, 0);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test("replaces an answer and its time", () => {
    const clock = new FakeClock();
    const cache = new AnswerCache(clock);
    cache.set("a", NONE, 1_000);
    cache.set("a", { kind: "none", reason: "no data" }, 5_000);
    clock.timeMs += 4_000;
    expect(cache.get("a")).toEqual({ kind: "none", reason: "no data" });
  });

  test("pushes out the least recently used at one name past its bound", () => {
    const cache = new AnswerCache(new FakeClock(), 3);
    for (const name of ["a", "b", "c"]) cache.set(name, NONE, 5_000);
    expect(["a", "b", "c"].map((name) => cache.get(name))).toEqual([NONE, NONE, NONE]);
    cache.get("a");
    cache.set("d", NONE, 5_000);
    expect(["a", "b", "c", "d"].map((name) => cache.get(name) !== undefined)).toEqual([true, false, true, true]);
  });

  test("counts addresses against its bound, so that huge answers push out more than one", () => {
    const cache = new AnswerCache(new FakeClock(), 4); // 16 addresses
    const eight: Answer = { kind: "addresses", addresses: Array.from({ length: 8 }, (_, n) => ip(`192.0.2.${n}`)) };
    const one: Answer = { kind: "addresses", addresses: [ip("192.0.2.1")] };
    cache.set("a", eight, 5_000);
    cache.set("b", eight, 5_000);
    expect(cache.size).toBe(2);
    cache.set("c", one, 5_000);
    expect(["a", "b", "c"].map((name) => cache.get(name) !== undefined)).toEqual([false, true, true]);
    cache.clear();
    cache.set("a", eight, 5_000);
    cache.set("b", eight, 5_000);
    expect(cache.size).toBe(2);
  });

  test("R5 never holds more than its bounds, whatever is put in", () => {
    const step = fc.record({
      name: fc.nat(30),
      addresses: fc.nat(12),
      ttlMs: fc.nat(3),
      waitMs: fc.nat(2),
      get: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const clock = new FakeClock();
      const cache = new AnswerCache(clock, 5);
      const model = new Map<string, { answer: Answer; expiresAtMs: number }>();
      for (const { name, addresses, ttlMs, waitMs, get } of steps) {
        clock.timeMs += waitMs;
        const key = `n${name}`;
        if (!get) {
          const answer: Answer = {
            kind: "addresses",
            addresses: Array.from({ length: addresses + 1 }, () => ip("::2")),
          };
          cache.set(key, answer, ttlMs);
          model.set(key, { answer, expiresAtMs: clock.timeMs + ttlMs });
        }
        const found = cache.get(key);
        if (found !== undefined) {
          expect(found).toBe(model.get(key)!.answer);
          expect(clock.timeMs).toBeLessThan(model.get(key)!.expiresAtMs);
        }
        expect(cache.size).toBeLessThanOrEqual(5);
      }
    }));
  });
});
