import { describe, expect, test } from "bun:test";
import type { Answer } from "../../src/dns/answer.ts";
import type { StubAnswer } from "../support/dns_stub.ts";
import type { FakeReply } from "./fake_parts.ts";
import { BOTH, format, openDesk, PATIENT, QUICK } from "./resolver_desk.ts";

const TOO_MANY: Answer = { kind: "none", reason: "too many look-ups at once" };
describe("Resolver.lookup()", () => {
  test("asks for both families at once and answers later, once", async () => {
    await using desk = await openDesk(() => BOTH);
    expect(desk.lookup("www.test", 7)).toBeUndefined();
    expect(desk.asked()).toEqual(["www.test A", "www.test AAAA"]);
    expect(desk.told).toEqual([]);
    await desk.untilTold(1);
    expect(desk.told).toEqual(["7: 2001:db8::1 192.0.2.1"]);
    await desk.quiet();
    expect(desk.told).toHaveLength(1);
  });

  const lives: readonly { name: string; input: FakeReply; lifeMs: number; expected: string }[] = [
    {
      name: "raises a TTL of 0 to one second",
      input: { ...BOTH, ttlSeconds: 0 },
      lifeMs: 1_000,
      expected: "2001:db8::1 192.0.2.1",
    },
    {
      name: "keeps a TTL of two seconds",
      input: { ...BOTH, ttlSeconds: 2 },
      lifeMs: 2_000,
      expected: "2001:db8::1 192.0.2.1",
    },
    {
      name: "keeps a TTL of five minutes",
      input: { ...BOTH, ttlSeconds: 300 },
      lifeMs: 300_000,
      expected: "2001:db8::1 192.0.2.1",
    },
    {
      name: "cuts a TTL over five minutes",
      input: { ...BOTH, ttlSeconds: 301 },
      lifeMs: 300_000,
      expected: "2001:db8::1 192.0.2.1",
    },
    { name: "keeps NXDOMAIN for five seconds", input: { failure: "NXDOMAIN" }, lifeMs: 5_000, expected: "NXDOMAIN" },
    { name: "keeps no data for five seconds", input: {}, lifeMs: 5_000, expected: "no data" },
    { name: "keeps SERVFAIL for five seconds", input: { failure: "SERVFAIL" }, lifeMs: 5_000, expected: "SERVFAIL" },
    { name: "keeps REFUSED for five seconds", input: { failure: "REFUSED" }, lifeMs: 5_000, expected: "REFUSED" },
    {
      name: "keeps unreachable servers for one second",
      input: "unreachable",
      lifeMs: 1_000,
      expected: "name server unreachable",
    },
    { name: "does not keep a timeout", input: { silent: true }, lifeMs: 0, expected: "timeout" },
  ];
  for (const { name, input, lifeMs, expected } of lives) {
    test(name, async () => {
      await using desk = await openDesk(() => input);
      expect(desk.lookup("www.test", 1)).toBeUndefined();
      await desk.untilTold(1);
      expect(desk.told).toEqual([`1: ${expected}`]);
      const asked = desk.asked().length;
      if (lifeMs > 0) {
        desk.clock.timeMs += lifeMs - 1;
        expect(await desk.answer("www.test", 2)).toBe(expected);
        expect(desk.asked()).toHaveLength(asked);
        desk.clock.timeMs += 1;
      }
      expect(await desk.answer("www.test", 3)).toBe(expected);
      expect(desk.asked()).toHaveLength(2 * asked);
    });
  }

  test("answers at once from the cache", async () => {
    await using desk = await openDesk(() => BOTH);
    await desk.answer("www.test", 1);
    expect(format(desk.resolver.lookup("www.test", 2))).toBe("2001:db8::1 192.0.2.1");
    expect(desk.resolver.cacheHitCount).toBe(1);
  });

  test("has one look-up in flight for all who wait for a name", async () => {
    await using desk = await openDesk(() => BOTH);
    for (let token = 0; token < 5_000; token++) expect(desk.lookup("www.test", token)).toBeUndefined();
    expect(desk.resolver.inFlightCount).toBe(1);
    await desk.untilTold(5_000);
    expect(desk.asked()).toEqual(["www.test A", "www.test AAAA"]);
    expect(new Set(desk.told).size).toBe(5_000);
  });

  test("R5 bounds look-ups in flight and refuses one more, at once", async () => {
    const gate = Promise.withResolvers<StubAnswer>();
    await using desk = await openDesk(() => gate.promise, { ...PATIENT, maxInFlight: 2 });
    expect(desk.lookup("a.test", 1)).toBeUndefined();
    expect(desk.lookup("b.test", 2)).toBeUndefined();
    expect(desk.lookup("c.test", 3)).toEqual(TOO_MANY);
    expect(desk.lookup("a.test", 4)).toBeUndefined();
    expect(desk.resolver.failureCounts).toEqual(new Map([["too many look-ups at once", 1]]));
    gate.resolve(BOTH);
    await desk.untilTold(3);
    expect(desk.lookup("c.test", 5)).toBeUndefined();
    await desk.untilTold(4);
    expect(desk.told.at(-1)).toBe("5: 2001:db8::1 192.0.2.1");
  });

  test("R5 takes 5,000 look-ups at once with 1,000 in flight, and is as new after them", async () => {
    await using desk = await openDesk(() => BOTH);
    let refused = 0;
    for (let token = 0; token < 5_000; token++) {
      const answer = desk.lookup(`n${token}.test`, token);
      if (answer !== undefined) {
        expect(answer).toEqual(TOO_MANY);
        refused += 1;
      }
    }
    expect(refused).toBe(4_000);
    expect(desk.resolver.inFlightCount).toBe(1_000);
    await desk.untilTold(1_000);
    expect(desk.transport.mostOpen).toBe(2_000);
    await desk.quiet();
    expect(desk.resolver.inFlightCount).toBe(0);
    expect(await desk.answer("n4999.test", 1)).toBe("2001:db8::1 192.0.2.1");
  });

  test("A13 asks for exactly the name, whatever search list there is", async () => {
    const conf = "search ns.svc.cluster.local cluster.local\ndomain test\noptions ndots:5\nnameserver 192.0.2.53";
    await using desk = await openDesk(() => ({ failure: "NXDOMAIN" }), {}, { "/etc/resolv.conf": conf });
    expect(await desk.answer("db", 1)).toBe("NXDOMAIN");
    expect(await desk.answer("db.ns", 2)).toBe("NXDOMAIN");
    expect(desk.asked()).toEqual(["db A", "db AAAA", "db.ns A", "db.ns AAAA"]);
    expect(new Set(desk.transport.exchanges.map((each) => each.server))).toEqual(new Set(["192.0.2.53:53"]));
  });

  test("says why a name cannot be asked for, and asks nobody", async () => {
    await using desk = await openDesk(() => BOTH);
    for (const name of ["", "a..test", `${"x".repeat(64)}.test`, "b\u00fccher.test"]) {
      expect(desk.lookup(name, 1)).toEqual({ kind: "none", reason: "not a name that DNS can hold" });
    }
    expect(desk.asked()).toEqual([]);
  });

  test("answers from /etc/hosts at once and asks nobody, for localhost likewise", async () => {
    await using desk = await openDesk(() => BOTH, QUICK, { "/etc/hosts": "192.0.2.9 db.test\n" });
    expect(format(desk.lookup("db.test", 1))).toBe("192.0.2.9");
    expect(format(desk.lookup("localhost", 1))).toBe("127.0.0.1 ::1");
    expect(format(desk.lookup("a.localhost", 1))).toBe("127.0.0.1 ::1");
    expect(desk.asked()).toEqual([]);
    expect(desk.resolver.hostsHitCount).toBe(3);
    expect(desk.resolver.lookupCount).toBe(3);
  });

  for (
    const { name, ttlSeconds, passedMs, expected } of [
      { name: "until the files are looked at again", ttlSeconds: 60, passedMs: 0, expected: 1000 },
      { name: "no longer than the answer lives", ttlSeconds: 60, passedMs: 59_400, expected: 600 },
      { name: "not at all once it is over", ttlSeconds: 60, passedMs: 60_000, expected: 0 },
      { name: "a second at least, whatever the TTL", ttlSeconds: 0, passedMs: 0, expected: 1000 },
    ]
  ) {
    test(`lets an answer be kept ${name}`, async () => {
      await using desk = await openDesk(() => ({ ...BOTH, ttlSeconds }));
      await desk.answer("a.test", 1);
      desk.clock.timeMs += passedMs;
      expect(desk.resolver.keepMs("a.test")).toBeCloseTo(expected, 3);
    });
  }

  test("lets what /etc/hosts says be kept until it is looked at again, and nothing of a name that nobody asked for", async () => {
    await using desk = await openDesk(() => BOTH, QUICK, { "/etc/hosts": "192.0.2.9 a.test\n" });
    expect(desk.resolver.keepMs("a.test")).toBe(1000);
    expect(desk.resolver.keepMs("localhost")).toBe(1000);
    expect(desk.resolver.keepMs("b.test")).toBe(0);
  });

  test("takes a changed /etc/hosts for the first look-up a second later, over what the cache holds", async () => {
    await using desk = await openDesk(() => BOTH, QUICK, { "/etc/hosts": "192.0.2.8 gone.test" });
    await desk.answer("db.test", 1);
    desk.files.write("/etc/hosts", "192.0.2.9 db.test");
    desk.clock.timeMs += 999;
    expect(format(desk.lookup("db.test", 2))).toBe("2001:db8::1 192.0.2.1");
    desk.clock.timeMs += 1;
    expect(desk.lookup("db.test", 3)).toBeUndefined();
    expect(desk.lookup("gone.test", 4)).toBeUndefined();
    expect(desk.lookup("forgotten.test", 5)).toBeUndefined();
    desk.resolver.forget(5);
    await desk.untilTold(3);
    expect(desk.told).toEqual(["1: 2001:db8::1 192.0.2.1", "3: 192.0.2.9", "4: 2001:db8::1 192.0.2.1"]);
    expect(desk.asked().filter((asked) => asked.startsWith("forgotten"))).toEqual([]);
  });

  test("asks changed servers, and forgets what the old ones said and still say", async () => {
    const gate = Promise.withResolvers<StubAnswer>();
    await using desk = await openDesk(
      ({ server, name }) => {
        if (name === "slow.test" && server === "192.0.2.1:53") return gate.promise;
        return server === "192.0.2.1:53" ? { addresses: ["203.0.113.1"] } : { addresses: ["203.0.113.2"] };
      },
      {},
      { "/etc/resolv.conf": "nameserver 192.0.2.1\noptions timeout:30" },
    );
    expect(await desk.answer("www.test", 1)).toBe("203.0.113.1");
    expect(desk.lookup("slow.test", 2)).toBeUndefined();
    desk.files.write("/etc/resolv.conf", "nameserver 192.0.2.2");
    desk.clock.timeMs += 1_000;
    expect(await desk.answer("www.test", 3)).toBe("203.0.113.2");
    gate.resolve({ addresses: ["203.0.113.1"] });
    await desk.untilTold(3);
    expect(desk.told.at(-1)).toBe("2: 203.0.113.1");
    expect(await desk.answer("slow.test", 4)).toBe("203.0.113.2");
  });

  test("asks the same server for both families where servers rotate", async () => {
    const conf = "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate";
    await using desk = await openDesk(() => BOTH, {}, { "/etc/resolv.conf": conf });
    await desk.answer("a.test", 1);
    await desk.answer("b.test", 2);
    expect(desk.transport.exchanges.map((each) => `${each.name} ${each.server}`)).toEqual([
      "a.test 192.0.2.1:53",
      "a.test 192.0.2.1:53",
      "b.test 192.0.2.2:53",
      "b.test 192.0.2.2:53",
    ]);
  });

  test("a second look-up of a token takes the place of its first", async () => {
    await using desk = await openDesk(({ name }) => name === "a.test" ? { silent: true } : BOTH);
    expect(desk.lookup("a.test", 1)).toBeUndefined();
    expect(desk.lookup("b.test", 1)).toBeUndefined();
    await desk.untilTold(1);
    await desk.quiet();
    expect(desk.told).toEqual(["1: 2001:db8::1 192.0.2.1"]);
    expect(desk.resolver.inFlightCount).toBe(0);
  });

  test("counts failures by reason, and not again out of the cache", async () => {
    await using desk = await openDesk(({ name }) => name === "a.test" ? { failure: "NXDOMAIN" } : { silent: true });
    for (const name of ["a.test", "a.test", "b.test", "b.test"]) await desk.answer(name, 1);
    expect(desk.resolver.failureCounts).toEqual(new Map([["NXDOMAIN", 1], ["timeout", 2]]));
    expect(desk.resolver.queryCount).toBe(6);
  });
});
