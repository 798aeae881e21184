import { describe, expect, test } from "bun:test";
import type { Answer } from "../../src/dns/answer.ts";
import { Resolver } from "../../src/dns/resolver.ts";
import type { StubAnswer } from "../support/dns_stub.ts";
import { FakeClock, FakeFiles, FakeTransport, server } from "./fake_parts.ts";
import { BOTH, format, openDesk, PATIENT } from "./resolver_desk.ts";

const IMPATIENT_FOR_IPV6 = { ...PATIENT, resolutionDelayMs: 0 };

describe("Resolver with one family late", () => {
  test("waits for IPv4 however long after IPv6", async () => {
    const gate = Promise.withResolvers<StubAnswer>();
    await using desk = await openDesk(({ type }) => type === "A" ? gate.promise : BOTH, IMPATIENT_FOR_IPV6);
    desk.lookup("www.test", 1);
    await desk.quiet();
    await desk.quiet();
    expect(desk.told).toEqual([]);
    gate.resolve(BOTH);
    await desk.untilTold(1);
    expect(desk.told).toEqual(["1: 2001:db8::1 192.0.2.1"]);
  });

  test("waits for IPv6 however long when IPv4 has no address", async () => {
    const gate = Promise.withResolvers<StubAnswer>();
    await using desk = await openDesk(({ type }) => type === "A" ? {} : gate.promise, IMPATIENT_FOR_IPV6);
    desk.lookup("www.test", 1);
    await desk.quiet();
    await desk.quiet();
    expect(desk.told).toEqual([]);
    gate.resolve(BOTH);
    await desk.untilTold(1);
    expect(desk.told).toEqual(["1: 2001:db8::1"]);
  });

  test("goes on with IPv4 after a while, and takes IPv6 into the cache when it comes", async () => {
    const gate = Promise.withResolvers<StubAnswer>();
    await using desk = await openDesk(({ type }) => type === "A" ? BOTH : gate.promise, IMPATIENT_FOR_IPV6);
    desk.lookup("www.test", 1);
    desk.lookup("www.test", 2);
    await desk.untilTold(2);
    expect(desk.told).toEqual(["1: 192.0.2.1", "2: 192.0.2.1"]);
    expect(format(desk.lookup("www.test", 3))).toBe("192.0.2.1");
    expect(desk.asked()).toHaveLength(2);
    gate.resolve(BOTH);
    await desk.quiet();
    expect(format(desk.lookup("www.test", 4))).toBe("2001:db8::1 192.0.2.1");
    expect(desk.told).toHaveLength(2);
    expect(desk.resolver.inFlightCount).toBe(0);
    expect(desk.resolver.failureCounts).toEqual(new Map());
  });

  for (const input of [{ silent: true }, { failure: "SERVFAIL" }, "unreachable"] as const) {
    test(`keeps IPv4 alone for one second when IPv6 is ${JSON.stringify(input)}`, async () => {
      await using desk = await openDesk(({ type }) => type === "A" ? BOTH : input);
      expect(await desk.answer("www.test", 1)).toBe("192.0.2.1");
      await desk.quiet();
      desk.clock.timeMs += 999;
      expect(format(desk.lookup("www.test", 2))).toBe("192.0.2.1");
      expect(desk.asked()).toHaveLength(2);
      desk.clock.timeMs += 1;
      expect(await desk.answer("www.test", 3)).toBe("192.0.2.1");
      expect(desk.asked()).toHaveLength(4);
    });
  }

  test("keeps IPv4 alone in full when IPv6 has no such name", async () => {
    await using desk = await openDesk(({ type }) => type === "A" ? BOTH : { failure: "NXDOMAIN" });
    expect(await desk.answer("www.test", 1)).toBe("192.0.2.1");
    desk.clock.timeMs += 59_999;
    expect(await desk.answer("www.test", 2)).toBe("192.0.2.1");
    expect(desk.asked()).toHaveLength(2);
  });
});

describe("Resolver.forget()", () => {
  test("gives a look-up up when nobody waits for it, and its place is free", async () => {
    await using desk = await openDesk(() => ({ silent: true }), { ...PATIENT, maxInFlight: 1 });
    desk.lookup("a.test", 1);
    desk.lookup("a.test", 2);
    desk.resolver.forget(1);
    desk.resolver.forget(1);
    await desk.quiet();
    expect(desk.transport.openCount).toBe(2);
    desk.resolver.forget(2);
    await desk.quiet();
    expect(desk.transport.openCount).toBe(0);
    expect(desk.resolver.inFlightCount).toBe(0);
    expect(desk.lookup("b.test", 1)).toBeUndefined();
    expect(desk.told).toEqual([]);
    expect(desk.resolver.failureCounts).toEqual(new Map());
  });

  test("leaves the others of the same look-up waiting", async () => {
    await using desk = await openDesk(() => BOTH);
    desk.lookup("a.test", 1);
    desk.lookup("a.test", 2);
    desk.resolver.forget(1);
    await desk.untilTold(1);
    await desk.quiet();
    expect(desk.told).toEqual(["2: 2001:db8::1 192.0.2.1"]);
  });

  test("a name given up is asked again by the next who wants it", async () => {
    await using desk = await openDesk(() => BOTH);
    desk.lookup("a.test", 1);
    desk.resolver.forget(1);
    desk.lookup("a.test", 2);
    await desk.untilTold(1);
    await desk.quiet();
    expect(desk.told).toEqual(["2: 2001:db8::1 192.0.2.1"]);
    expect(desk.asked()).toHaveLength(4);
  });

  test("works from within a callback, on others of the same look-up too", async () => {
    await using desk = await openDesk(() => BOTH);
    desk.onTold = (token) => {
      if (token === 1) {
        desk.resolver.forget(2);
        expect(format(desk.lookup("a.test", 9))).toBe("2001:db8::1 192.0.2.1");
      }
    };
    for (const token of [1, 2, 3]) desk.lookup("a.test", token);
    await desk.untilTold(2);
    await desk.quiet();
    expect(desk.told.map((line) => line[0])).toEqual(["1", "3"]);
  });
});

describe("Resolver and a callback that throws", () => {
  test("tells the others all the same and lets the fault surface", async () => {
    await using desk = await openDesk(() => BOTH);
    desk.onTold = (token) => {
      if (token === 1) throw new Error("fault of the caller");
    };
    desk.lookup("a.test", 1);
    desk.lookup("a.test", 2);
    const surfaced: (() => void)[] = [];
    const original = globalThis.queueMicrotask;
    globalThis.queueMicrotask = (callback) => void surfaced.push(callback);
    try {
      await desk.untilTold(2);
    } finally {
      globalThis.queueMicrotask = original;
    }
    expect(surfaced).toHaveLength(1);
    expect(surfaced[0]).toThrow("fault of the caller");
  });
});

describe("Resolver and its timers", () => {
  test("leaves none behind", async () => {
    using timers = watchTimers();
    await using desk = await openDesk(({ type }) => type === "A" ? BOTH : { silent: true }, IMPATIENT_FOR_IPV6);
    for (const name of ["a.test", "b.test"]) desk.lookup(name, name.charCodeAt(0));
    desk.lookup("c.test", 1);
    desk.resolver.forget(1);
    await desk.untilTold(2);
    expect(timers.pending.size).toBeGreaterThan(0);
    desk.resolver.close();
    await desk.quiet();
    expect([...timers.pending.values()]).toEqual([]);
  });

  test("ends a look-up after 30 s whatever resolv.conf says", async () => {
    using timers = watchTimers();
    const conf = "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions timeout:29 attempts:5";
    await using desk = await openDesk(() => "deaf", {}, { "/etc/resolv.conf": conf });
    desk.lookup("a.test", 1);
    const deadlines = [...timers.pending.values()].filter(({ delayMs }) => delayMs === 30_000);
    expect(deadlines).toHaveLength(1);
    deadlines[0]!.callback();
    await desk.untilTold(1);
    expect(desk.told).toEqual(["1: timeout"]);
    expect(desk.asked()).toHaveLength(2);
  });
});

describe("Resolver.close()", () => {
  test("tells no token any more, ends promises, and refuses what comes after", async () => {
    const desk = await openDesk(() => ({ silent: true }), PATIENT);
    desk.lookup("a.test", 1);
    const pending = desk.resolver.resolve("b.test");
    desk.resolver.close();
    desk.resolver.close();
    const closed: Answer = { kind: "none", reason: "the resolver is closed" };
    expect(await pending).toEqual(closed);
    await desk.quiet();
    expect(desk.told).toEqual([]);
    expect(desk.transport.openCount).toBe(0);
    expect(desk.lookup("a.test", 1)).toEqual(closed);
    expect(await desk.resolver.resolve("localhost")).toEqual(closed);
  });

  test("tells nobody who was held for the files", async () => {
    const desk = await openDesk(() => BOTH);
    desk.clock.timeMs += 1_000;
    desk.lookup("a.test", 1);
    const pending = desk.resolver.resolve("a.test");
    desk.resolver.close();
    expect((await pending).kind).toBe("none");
    await desk.quiet();
    expect(desk.told).toEqual([]);
    expect(desk.asked()).toEqual([]);
  });
});

describe("Resolver.resolve()", () => {
  test("gives the answer as a promise, fresh or cached, and shares a look-up", async () => {
    await using desk = await openDesk(() => BOTH);
    const [one, two] = await Promise.all([desk.resolver.resolve("a.test"), desk.resolver.resolve("a.test")]);
    expect(format(one)).toBe("2001:db8::1 192.0.2.1");
    expect(two).toBe(one!);
    expect(await desk.resolver.resolve("a.test")).toBe(one!);
    expect(desk.asked()).toHaveLength(2);
  });
});

describe("Resolver.create()", () => {
  test("says which file can't be read", () => {
    const files = new FakeFiles({ "/etc/resolv.conf": "" });
    files.broken.add("/etc/resolv.conf");
    const parts = { dns: new FakeTransport(() => BOTH), files, clock: new FakeClock() };
    expect(Resolver.create(parts)).rejects.toThrow('Cannot read "/etc/resolv.conf": EACCES: permission denied');
  });

  test("reads no resolv.conf where servers are given, and asks those in order", async () => {
    const servers = [server("192.0.2.1", 5353), server("2001:db8::53")];
    await using desk = await openDesk(({ server }) => server === "192.0.2.1:5353" ? { failure: "SERVFAIL" } : BOTH, {
      servers,
    });
    expect(await desk.answer("a.test", 1)).toBe("2001:db8::1 192.0.2.1");
    expect(desk.transport.exchanges.map((each) => each.server)).toEqual([
      "192.0.2.1:5353",
      "192.0.2.1:5353",
      "2001:db8::53:53",
      "2001:db8::53:53",
    ]);
    expect(desk.files.calls).toEqual(["stamp /etc/hosts"]);
  });
});

interface PendingTimer {
  readonly delayMs: number;
  readonly callback: () => void;
}

/** Sees every timer that is set and not yet over, until it is disposed. */
function watchTimers(): Disposable & { readonly pending: ReadonlyMap<unknown, PendingTimer> } {
  const pending = new Map<unknown, PendingTimer>();
  const original = { setTimeout, clearTimeout };
  const watchedSet = (callback: () => void, delayMs = 0): unknown => {
    const timer = original.setTimeout(() => {
      pending.delete(timer);
      callback();
    }, delayMs);
    pending.set(timer, { delayMs, callback });
    return timer;
  };
  const watchedClear = (timer: ReturnType<typeof setTimeout>): void => {
    pending.delete(timer);
    original.clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: watchedSet, clearTimeout: watchedClear });
  return { pending, [Symbol.dispose]: () => void Object.assign(globalThis, original) };
}
