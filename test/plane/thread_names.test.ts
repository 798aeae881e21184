// Tests what a thread keeps of the control plane's answers: as long as it may, one question at a time for each name.
import { describe, expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import type { Answer } from "../../src/dns/answer.ts";
import { ThreadNames } from "../../src/plane/thread_names.ts";
import { FakeClock } from "../dns/fake_parts.ts";

const ONE: Answer = { kind: "addresses", addresses: [IpAddress.parse("192.0.2.1") as IpAddress] };
const NONE: Answer = { kind: "none", reason: "NXDOMAIN" };

function open() {
  const clock = new FakeClock();
  /** What was asked and said, in order. */
  const seen: string[] = [];
  const kept = { count: 0 };
  const told = { then: (_token: number): void => {} };
  const names = new ThreadNames(clock, {
    ask: (name, token) => seen.push(`ask ${name} ${token}`),
    forget: (token) => seen.push(`forget ${token}`),
    onKept: () => kept.count++,
  }, (token, answer) => {
    seen.push(`tell ${token} ${answer.kind}`);
    told.then(token);
  });
  return { clock, seen, names, told, kept };
}

describe("ThreadNames", () => {
  test("asks once for all who wait, and tells them all", () => {
    const { names, seen, kept } = open();
    for (const token of [1, 2, 3]) expect(names.lookup("a.test", token)).toBeUndefined();
    expect(names.lookup("b.test", 4)).toBeUndefined();
    expect(kept.count).toBe(2);
    names.onAnswer("a.test", 1, ONE, 0);
    expect(seen).toEqual(["ask a.test 1", "ask b.test 4", "tell 1 addresses", "tell 2 addresses", "tell 3 addresses"]);
  });

  for (const answer of [ONE, NONE]) {
    test(`keeps an answer (${answer.kind}) for as long as it may, and no longer`, () => {
      const { names, seen, clock, kept } = open();
      names.lookup("a.test", 1);
      names.onAnswer("a.test", 1, answer, 700);
      clock.timeMs += 699;
      expect(names.lookup("a.test", 2)).toEqual(answer);
      expect(kept.count).toBe(1);
      clock.timeMs += 1;
      expect(names.lookup("a.test", 3)).toBeUndefined();
      expect(seen).toEqual(["ask a.test 1", `tell 1 ${answer.kind}`, "ask a.test 3"]);
    });
  }

  test("keeps nothing of an answer that may not be kept", () => {
    const { names, seen } = open();
    names.lookup("a.test", 1);
    names.onAnswer("a.test", 1, { kind: "timeout" }, 0);
    expect(names.lookup("a.test", 2)).toBeUndefined();
    expect(seen).toEqual(["ask a.test 1", "tell 1 timeout", "ask a.test 2"]);
  });

  test("forgets a question only when its last waiter has left", () => {
    const { names, seen } = open();
    names.lookup("a.test", 1);
    names.lookup("a.test", 2);
    names.forget(1);
    expect(seen).toEqual(["ask a.test 1"]);
    names.forget(2);
    names.forget(2);
    expect(seen).toEqual(["ask a.test 1", "forget 1"]);
    // The answer was on its way all the same.
    names.onAnswer("a.test", 1, ONE, 1000);
    expect(seen).toEqual(["ask a.test 1", "forget 1"]);
  });

  test("answers the others though the one that asked has left", () => {
    const { names, seen } = open();
    names.lookup("a.test", 1);
    names.lookup("a.test", 2);
    names.forget(1);
    names.onAnswer("a.test", 1, ONE, 0);
    expect(seen).toEqual(["ask a.test 1", "tell 2 addresses"]);
  });

  test("takes an answer for the question that it was asked, not for a later one", () => {
    const { names, seen } = open();
    names.lookup("a.test", 1);
    names.forget(1);
    names.lookup("a.test", 2);
    names.onAnswer("a.test", 1, NONE, 1000);
    names.onAnswer("a.test", 2, ONE, 1000);
    expect(seen).toEqual(["ask a.test 1", "forget 1", "ask a.test 2", "tell 2 addresses"]);
    expect(names.lookup("a.test", 3)).toEqual(ONE);
  });

  test("a waiter that makes another leave as it is told is the last to hear", () => {
    const { names, seen, told } = open();
    names.lookup("a.test", 1);
    names.lookup("a.test", 2);
    told.then = () => names.forget(2);
    names.onAnswer("a.test", 1, ONE, 0);
    expect(seen).toEqual(["ask a.test 1", "tell 1 addresses"]);
  });

  test("keeps a bounded number of names", () => {
    const { names } = open();
    for (let index = 0; index <= 4000; index++) {
      names.lookup(`n${index}.test`, index);
      names.onAnswer(`n${index}.test`, index, ONE, 1000);
    }
    expect(names.lookup("n0.test", 5000)).toBeUndefined();
    expect(names.lookup("n1.test", 5001)).toEqual(ONE);
  });
});
