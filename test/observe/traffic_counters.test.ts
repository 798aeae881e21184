// The counts of the data plane: what one exchange adds to, where the bounds of labels and histograms are, what a sum is.
import { describe, expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { type Exchange, startExchange } from "../../src/observe/exchange.ts";
import {
  HISTOGRAM_BOUNDS,
  type HistogramName,
  makeTrafficMemory,
  MAX_COUNTED_LINE,
  TrafficCounters,
} from "../../src/observe/traffic_counters.ts";

function ended(changes: Partial<Exchange>): Exchange {
  const client = { address: IpAddress.parse("127.0.0.1")!, port: 1 };
  return Object.assign(startExchange(client, 0, 0), changes);
}

function requestsOf(counters: TrafficCounters): string[] {
  const lines: string[] = [];
  counters.forEachRequest((...row) => lines.push(row.join(" ")));
  return lines;
}

describe("countExchange()", () => {
  const table: { name: string; exchange: Partial<Exchange>; expected: string }[] = [
    {
      name: "a CONNECT",
      exchange: { method: "CONNECT", decision: "allow", status: 200 },
      expected: "CONNECT allow 200 1",
    },
    { name: "a refusal", exchange: { method: "GET", decision: "deny", status: 403 }, expected: "GET deny 403 1" },
    {
      name: "what report-only let through",
      exchange: { method: "GET", decision: "allow", wouldDeny: true, status: 204 },
      expected: "GET would_deny 204 1",
    },
    { name: "a method in lower case", exchange: { method: "get", status: 200 }, expected: "other none 200 1" },
    { name: "a method of the client's own", exchange: { method: "X".repeat(99) }, expected: "other none none 1" },
    { name: "no head", exchange: { status: 408 }, expected: "none none 408 1" },
    { name: "a known class", exchange: { method: "PUT", status: 299 }, expected: "PUT none 2xx 1" },
    { name: "the last status of a class", exchange: { method: "PUT", status: 599 }, expected: "PUT none 5xx 1" },
    { name: "a status beyond all classes", exchange: { method: "PUT", status: 600 }, expected: "PUT none other 1" },
    { name: "the greatest status", exchange: { method: "PUT", status: 999 }, expected: "PUT none other 1" },
    { name: "a status that is none", exchange: { method: "PUT", status: 1000 }, expected: "PUT none other 1" },
  ];
  for (const { name, exchange, expected } of table) {
    test(`counts ${name}`, () => {
      const counters = new TrafficCounters();
      counters.countExchange(ended(exchange));
      expect(requestsOf(counters)).toEqual([expected]);
    });
  }

  test("adds bytes, error, times and the end of a tunnel", () => {
    const counters = new TrafficCounters();
    counters.add("tunnelsOpened");
    const times = { dnsMs: 2, connectMs: 30, startMs: 1_000, endMs: 62_000 };
    counters.countExchange(
      ended({ ...times, method: "CONNECT", tunnel: true, bytesFromClient: 5, bytesToClient: 7, error: "dns_error" }),
    );
    expect([counters.get("bytesFromClient"), counters.get("bytesToClient")]).toEqual([5, 7]);
    expect([counters.get("tunnelsOpened"), counters.get("tunnelsClosed")]).toEqual([1, 1]);
    expect([counters.errorCount("dns_error"), counters.errorCount("dns_timeout")]).toEqual([1, 0]);
    expect(counters.histogram("lookup").sumSeconds).toBe(0.002);
    expect(counters.histogram("dial").sumSeconds).toBe(0.03);
    expect(counters.histogram("tunnel").sumSeconds).toBe(61);
    expect(counters.histogram("firstByte").counts.every((count) => count === 0)).toBe(true);
  });
});

describe("histograms", () => {
  const field = { lookup: "dnsMs", dial: "connectMs", firstByte: "firstByteMs" } as const;
  for (const name of Object.keys(field) as (keyof typeof field)[]) {
    test(`${name}: a value at a bound is within it, one above is in the next, and none is in another histogram`, () => {
      const bounds = HISTOGRAM_BOUNDS[name];
      for (const [at, bound] of bounds.entries()) {
        const counters = new TrafficCounters();
        counters.countExchange(ended({ [field[name]]: bound * 1000 }));
        counters.countExchange(ended({ [field[name]]: bound * 1000 + 0.5 }));
        const expected = Array(bounds.length + 1).fill(0);
        expected[at] = 1;
        expected[at + 1] = 1;
        expect(counters.histogram(name).counts).toEqual(expected);
        const others = (Object.keys(HISTOGRAM_BOUNDS) as HistogramName[]).filter((other) => other !== name);
        for (const other of others) expect(counters.histogram(other).counts.some((count) => count > 0)).toBe(false);
      }
    });
  }
});

describe("decisions", () => {
  test("are counted by line up to the last one that is, and together behind it", () => {
    const counters = new TrafficCounters();
    for (const line of [0, 1, MAX_COUNTED_LINE, MAX_COUNTED_LINE + 1, MAX_COUNTED_LINE + 2, 100_000]) {
      counters.countDecision(line);
    }
    expect([0, 1, 2, MAX_COUNTED_LINE].map((line) => counters.decisionCount(line))).toEqual([1, 1, 0, 1]);
    expect(counters.decisionCount(MAX_COUNTED_LINE + 1)).toBe(3);
    expect(counters.histogram("lookup").counts.some((count) => count > 0)).toBe(false);
  });

  test("start anew with other rules, and nothing else does", () => {
    const counters = new TrafficCounters();
    counters.countDial("refused");
    counters.countDecision(0);
    counters.countDecision(MAX_COUNTED_LINE + 1);
    counters.countExchange(ended({ dnsMs: 1 }));
    counters.resetDecisions();
    expect([counters.decisionCount(0), counters.decisionCount(MAX_COUNTED_LINE + 1)]).toEqual([0, 0]);
    expect(counters.dialCount("refused")).toBe(1);
    expect(counters.histogram("lookup").counts[0]).toBe(1);
  });
});

test("a sum has what every memory has", () => {
  const memories = [makeTrafficMemory(), makeTrafficMemory(), makeTrafficMemory()];
  for (const [at, memory] of memories.entries()) {
    const counters = new TrafficCounters(memory);
    counters.add("bytesToClient", 10 ** at);
    counters.countDial("connected");
    counters.countExchange(ended({ method: "GET", status: 200 }));
  }
  const sum = TrafficCounters.sum(memories);
  expect(sum.get("bytesToClient")).toBe(111);
  expect(sum.dialCount("connected")).toBe(3);
  expect(requestsOf(sum)).toEqual(["GET none 200 3"]);
});
