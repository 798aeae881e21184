// Revocation: who is asked when, and what is told of it.
import { expect, test } from "bun:test";
import { REVOKED_REQUEST_MS } from "../../src/limits.ts";
import { Revocation, type Revoked, type RevokedCounts } from "../../src/proxy/revocation.ts";
import { TimerHeap } from "../../src/proxy/timers.ts";

function setUp(answers: readonly ((requestsToo: boolean) => Revoked | undefined)[]) {
  const now = { ms: 1_000 };
  const timers = new TimerHeap();
  const told: RevokedCounts[] = [];
  const asked: boolean[] = [];
  const sessions = answers.map((answer) => ({
    enforcePolicy(requestsToo: boolean) {
      asked.push(requestsToo);
      return answer(requestsToo);
    },
  }));
  const clock = { nowMs: () => now.ms, epochMs: () => 0 };
  const revocation = new Revocation(() => sessions, timers, clock, (counts) => told.push(counts));
  const passTo = (ms: number) => {
    now.ms = ms;
    timers.expire(ms);
  };
  return { revocation, told, asked, passTo };
}

test("tunnels and kept-alive connections end at once, requests under way after their time, not a moment earlier", () => {
  const { revocation, told, passTo } = setUp([
    (requestsToo) => requestsToo ? undefined : "tunnels",
    (requestsToo) => requestsToo ? undefined : "keptAlive",
    (requestsToo) => requestsToo ? "requests" : undefined,
    () => undefined,
  ]);
  revocation.begin();
  expect(told).toEqual([{ tunnels: 1, requests: 0, keptAlive: 1 }]);
  passTo(1_000 + REVOKED_REQUEST_MS - 1);
  expect(told.length).toBe(1);
  passTo(1_000 + REVOKED_REQUEST_MS);
  expect(told.slice(1)).toEqual([{ tunnels: 0, requests: 1, keptAlive: 0 }]);
});

test("nothing is told where nothing was closed", () => {
  const { revocation, told, asked, passTo } = setUp([() => undefined]);
  revocation.begin();
  passTo(1_000 + REVOKED_REQUEST_MS);
  expect([told, asked]).toEqual([[], [false, true]]);
});

test("rules that change again and again put nothing off, and each change has its end", () => {
  const { revocation, asked, passTo } = setUp([() => undefined]);
  const late = () => asked.filter((requestsToo) => requestsToo).length;
  for (let ms = 1_000; ms < 1_000 + REVOKED_REQUEST_MS; ms += 100) {
    passTo(ms);
    revocation.begin();
  }
  expect(late()).toBe(0);
  passTo(1_000 + REVOKED_REQUEST_MS);
  expect(late()).toBe(1);
  passTo(1_000 + 2 * REVOKED_REQUEST_MS);
  expect(late()).toBe(2);
  passTo(1_000 + 4 * REVOKED_REQUEST_MS);
  expect(late()).toBe(2);
});
