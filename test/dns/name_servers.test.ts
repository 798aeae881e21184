import { describe, expect, test } from "bun:test";
import { RECORD_TYPE } from "../../src/dns/message.ts";
import { NameServers, type Outcome } from "../../src/dns/name_servers.ts";
import type { ServerSettings } from "../../src/dns/resolv_conf.ts";
import { encodeRecord } from "../support/dns_stub.ts";
import { type FakeExchange, type FakeReply, FakeTransport, server } from "./fake_parts.ts";

const ONE: ServerSettings = { servers: [server("192.0.2.1")], attemptTimeoutMs: 20, attempts: 2, rotate: false };
const TWO: ServerSettings = { ...ONE, servers: [server("192.0.2.1"), server("192.0.2.2", 5353)] };
const GOOD: FakeReply = { addresses: ["203.0.113.1"] };

interface Case {
  readonly name: string;
  readonly plan: ServerSettings;
  readonly reply: (exchange: FakeExchange, index: number) => FakeReply;
  readonly outcome: string;
  readonly asked: readonly string[];
}

describe("NameServers.ask()", () => {
  const cases: readonly Case[] = [
    {
      name: "takes the first server's answer",
      plan: TWO,
      reply: () => GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns"],
    },
    {
      name: "takes NXDOMAIN as final",
      plan: TWO,
      reply: () => ({ failure: "NXDOMAIN" }),
      outcome: "none NXDOMAIN",
      asked: ["192.0.2.1:53 udp edns"],
    },
    {
      name: "takes no data as final",
      plan: TWO,
      reply: () => ({}),
      outcome: "none no data",
      asked: ["192.0.2.1:53 udp edns"],
    },
    {
      name: "asks the next server after silence",
      plan: TWO,
      reply: first({ silent: true }, GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after SERVFAIL",
      plan: TWO,
      reply: first({ failure: "SERVFAIL" }, GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after REFUSED",
      plan: TWO,
      reply: first({ failure: "REFUSED" }, GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after a network error",
      plan: TWO,
      reply: first("unreachable", GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after a transport that throws",
      plan: TWO,
      reply: first("throws", GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after a transport that never settles",
      plan: TWO,
      reply: first("deaf", GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server after a broken answer",
      plan: TWO,
      reply: first({ mangle: breakAnswer }, GOOD),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "goes through the list again",
      plan: TWO,
      reply: (_, index) => index < 3 ? { failure: "SERVFAIL" } : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns", "192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "stops after so many rounds",
      plan: { ...ONE, attempts: 3 },
      reply: () => ({ failure: "SERVFAIL" }),
      outcome: "failed SERVFAIL",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp edns", "192.0.2.1:53 udp edns"],
    },
    {
      name: "says timeout when all are silent",
      plan: ONE,
      reply: () => ({ silent: true }),
      outcome: "timeout",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp edns"],
    },
    {
      name: "says unreachable when all are",
      plan: ONE,
      reply: () => "unreachable",
      outcome: "unreachable",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp edns"],
    },
    {
      name: "prefers what a server said over another's silence",
      plan: { ...TWO, attempts: 1 },
      reply: first({ failure: "REFUSED" }, { silent: true }),
      outcome: "failed REFUSED",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "prefers silence over an unreachable server",
      plan: { ...TWO, attempts: 1 },
      reply: first({ silent: true }, "unreachable"),
      outcome: "timeout",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks over TCP what was truncated",
      plan: TWO,
      reply: () => ({ addresses: ["203.0.113.1"], truncated: true }),
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 tcp edns"],
    },
    {
      name: "asks the next server when TCP fails",
      plan: TWO,
      reply: (exchange) =>
        exchange.transport === "tcp" ? "unreachable" : exchange.server === "192.0.2.1:53" ? { truncated: true } : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 tcp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "asks the next server when TCP is silent",
      plan: TWO,
      reply: (exchange) =>
        exchange.transport === "tcp"
          ? { silent: true }
          : exchange.server === "192.0.2.1:53"
          ? { truncated: true }
          : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 tcp edns", "192.0.2.2:5353 udp edns"],
    },
    {
      name: "does not believe TC over TCP",
      plan: { ...ONE, attempts: 1 },
      reply: () => ({ addresses: ["203.0.113.1"], mangle: setTruncated }),
      outcome: "failed malformed answer",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 tcp edns"],
    },
    {
      name: "A9 does not believe another id over TCP",
      plan: { ...ONE, attempts: 1 },
      reply: (exchange) => ({
        addresses: ["203.0.113.1"],
        truncated: true,
        ...(exchange.transport === "tcp" ? { mangle: changeId } : {}),
      }),
      outcome: "failed malformed answer",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 tcp edns"],
    },
    {
      name: "asks a server without EDNS again plainly",
      plan: TWO,
      reply: (exchange) => exchange.edns ? { failure: "FORMERR" } : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp"],
    },
    {
      name: "asks plainly after a bare FORMERR",
      plan: TWO,
      reply: (exchange) => exchange.edns ? { failure: "FORMERR", mangle: bareHeader } : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp"],
    },
    {
      name: "asks plainly after NOTIMP, and then the next server",
      plan: TWO,
      reply: (exchange) => exchange.server === "192.0.2.1:53" ? { failure: "NOTIMP" } : GOOD,
      outcome: "203.0.113.1 for 60",
      asked: ["192.0.2.1:53 udp edns", "192.0.2.1:53 udp", "192.0.2.2:5353 udp edns"],
    },
  ];
  for (const { name, plan, reply, outcome, asked } of cases) {
    test(name, async () => {
      let index = 0;
      const transport = new FakeTransport((exchange) => reply(exchange, index++));
      const servers = new NameServers(transport);
      expect(format(await ask(servers, plan))).toBe(outcome);
      expect(transport.exchanges.map(formatExchange)).toEqual([...asked]);
      expect(servers.queryCount).toBe(asked.length);
    });
  }

  const forgeries: readonly { name: string; mangle: (message: Uint8Array) => Uint8Array }[] = [
    { name: "another id", mangle: changeId },
    { name: "another question", mangle: (message) => changed(message, 13, 0x78) },
    { name: "another type", mangle: (message) => changed(message, 12 + 14 + 1, 28) },
    { name: "no response bit", mangle: (message) => changed(message, 2, 0x01) },
  ];
  for (const { name, mangle } of forgeries) {
    test(`A9 passes over a forgery with ${name} and takes the answer behind it`, async () => {
      const transport = new FakeTransport(() => ({
        addresses: ["203.0.113.1"],
        mangle: (message) => [mangle(forge(message)), message],
      }));
      expect(format(await ask(new NameServers(transport), ONE))).toBe("203.0.113.1 for 60");
      expect(transport.exchanges).toHaveLength(1);
    });
  }

  test("A9 asks with an id that is new each time", async () => {
    const transport = new FakeTransport(() => ({ failure: "SERVFAIL" }));
    await ask(new NameServers(transport), { ...ONE, attempts: 64 });
    const ids = new Set(transport.queries.map((query) => query[0]! << 8 | query[1]!));
    expect(transport.queries).toHaveLength(64);
    expect(ids.size).toBeGreaterThan(32); // 64 of 65,536: fewer than 33 different ones do not happen by chance
  });

  test("ends at its signal, lets go of its exchange and asks nobody more", async () => {
    const controller = new AbortController();
    const transport = new FakeTransport(() => ({ silent: true }));
    const asking = new NameServers(transport).ask("www.example.test", RECORD_TYPE.A, patient(TWO), controller.signal);
    expect(transport.openCount).toBe(1);
    controller.abort();
    expect(await asking).toEqual({ kind: "timeout" });
    expect(transport.exchanges).toHaveLength(1);
    await Promise.resolve();
    expect(transport.openCount).toBe(0);
  });

  test("asks nobody when its signal is over before", async () => {
    const transport = new FakeTransport(() => GOOD);
    const outcome = await new NameServers(transport).ask("a", RECORD_TYPE.A, ONE, AbortSignal.abort());
    expect(outcome).toEqual({ kind: "timeout" });
    expect(transport.exchanges).toHaveLength(0);
  });

  test("tells what a server said when its signal ends the round", async () => {
    const controller = new AbortController();
    const transport = new FakeTransport(first({ failure: "SERVFAIL" }, { silent: true }));
    const servers = new NameServers(transport);
    const asking = servers.ask("www.example.test", RECORD_TYPE.A, patient(TWO), controller.signal);
    while (transport.exchanges.length < 2) await Promise.resolve();
    controller.abort();
    expect(await asking).toEqual({ kind: "failed", reason: "SERVFAIL" });
  });
});

describe("NameServers.plan()", () => {
  test("keeps the order for every look-up", () => {
    const servers = new NameServers(new FakeTransport(() => GOOD));
    expect(servers.plan(TWO)).toBe(TWO);
    expect(servers.plan(TWO)).toBe(TWO);
  });

  test("begins with the next server each time where they rotate", () => {
    const three = { ...TWO, servers: [...TWO.servers, server("192.0.2.3")], rotate: true };
    const servers = new NameServers(new FakeTransport(() => GOOD));
    const orders = [1, 2, 3, 4].map(() => servers.plan(three).servers.map(({ address }) => address.bytes[3]).join(""));
    expect(orders).toEqual(["123", "231", "312", "123"]);
  });
});

function ask(servers: NameServers, plan: ServerSettings): Promise<Outcome> {
  return servers.ask("www.example.test", RECORD_TYPE.A, plan, new AbortController().signal);
}

function first(one: FakeReply, others: FakeReply): (exchange: FakeExchange) => FakeReply {
  return (exchange) => exchange.server === "192.0.2.1:53" ? one : others;
}

function patient(plan: ServerSettings): ServerSettings {
  return { ...plan, attemptTimeoutMs: 60_000 };
}

function format(outcome: Outcome): string {
  if (outcome.kind === "addresses") return `${outcome.addresses.join(" ")} for ${outcome.ttlSeconds}`;
  return "reason" in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind;
}

function formatExchange({ name, type, server, transport, edns }: FakeExchange): string {
  expect(`${name} ${type}`).toBe("www.example.test A");
  return `${server} ${transport}${edns ? " edns" : ""}`;
}

function changed(message: Uint8Array, at: number, value: number): Uint8Array {
  const copy = message.slice();
  copy[at] = value;
  return copy;
}

function changeId(message: Uint8Array): Uint8Array {
  return changed(message, 1, message[1]! ^ 0x01);
}

function setTruncated(message: Uint8Array): Uint8Array {
  return changed(message, 2, message[2]! | 0x02);
}

function breakAnswer(message: Uint8Array): Uint8Array {
  return changed(message, 7, 9);
}

function bareHeader(message: Uint8Array): Uint8Array {
  return changed(message.slice(0, 12), 5, 0);
}

/** The message with one more address, which nobody should believe. */
function forge(message: Uint8Array): Uint8Array {
  const bad = encodeRecord("www.example.test", 1, 60, Uint8Array.of(203, 0, 113, 66));
  return changed(Uint8Array.of(...message, ...bad), 7, message[7]! + 1);
}
