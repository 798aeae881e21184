import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  encodeQuery,
  isAnswerTo,
  isAskable,
  MAX_ADDRESSES_PER_ANSWER,
  MAX_ALIASES,
  parseAnswer,
  type Query,
  RECORD_TYPE,
} from "../../src/dns/message.ts";
import { encodeName, encodeRecord, encodeStubAnswer, type StubAnswer } from "../support/dns_stub.ts";

const QUERY = query("www.example.test");
const QUERY_AAAA = query("www.example.test", RECORD_TYPE.AAAA);
const LABEL_63 = "x".repeat(63);
const NAME_253 = `${LABEL_63}.${LABEL_63}.${LABEL_63}.${"y".repeat(61)}`;

describe("encodeQuery()", () => {
  test("writes header, question and OPT record octet by octet", () => {
    expect(hex(query("a.bc", RECORD_TYPE.A, 0xbeef, true).bytes)).toBe(
      "beef 0100 0001 0000 0000 0001".replaceAll(" ", "") + "0161026263000001" + "0001" + "00002904d0000000000000",
    );
    expect(hex(query("a.bc", RECORD_TYPE.AAAA, 1, false).bytes)).toBe(
      "0001 0100 0001 0000 0000 0000".replaceAll(" ", "") + "016102626300001c" + "0001",
    );
  });

  const names: readonly { name: string; input: string; expected: boolean }[] = [
    { name: "takes a single label", input: "db", expected: true },
    { name: "takes underscores and a hyphen at the end", input: "_x._tcp.a-.test", expected: true },
    { name: "takes a label of 63 octets", input: `${LABEL_63}.test`, expected: true },
    { name: "refuses a label of 64 octets", input: `${LABEL_63}x.test`, expected: false },
    { name: "takes a name of 253 octets", input: NAME_253, expected: true },
    { name: "refuses a name of 254 octets", input: `${NAME_253}y`, expected: false },
    { name: "refuses the empty name", input: "", expected: false },
    { name: "refuses an empty label", input: "a..b", expected: false },
    { name: "refuses a final dot", input: "a.", expected: false },
    { name: "refuses a first dot", input: ".a", expected: false },
    { name: "refuses what is not ASCII", input: "b\u00fccher.test", expected: false },
    { name: "refuses a char over one octet", input: "\u0161.test", expected: false },
  ];
  for (const { name, input, expected } of names) {
    test(name, () => {
      expect(isAskable(input)).toBe(expected);
      expect(encodeQuery(input, RECORD_TYPE.A, 1, true) !== undefined).toBe(expected);
    });
  }

  test("A13 asks exactly the name given, with nothing appended", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."abcz019-_"), minLength: 1, maxLength: 63 });
    fc.assert(fc.property(fc.array(letters, { minLength: 1, maxLength: 3 }), (labels) => {
      const name = labels.join(".");
      const { bytes } = query(name);
      expect(hex(bytes.subarray(12, bytes.length - 15))).toBe(hex(encodeName(name)));
    }));
  });
});

describe("isAnswerTo()", () => {
  const good = answer(QUERY, { addresses: ["192.0.2.1"] });

  test("takes its own answer, and in any letter case", () => {
    expect(isAnswerTo(QUERY, good)).toBe(true);
    expect(isAnswerTo(QUERY, changed(good, 13, 0x57))).toBe(true);
  });

  const forged: readonly { name: string; input: Uint8Array }[] = [
    { name: "another id", input: changed(good, 1, good[1]! ^ 1) },
    { name: "another id in its high octet", input: changed(good, 0, good[0]! ^ 0x80) },
    { name: "a query instead of a response", input: changed(good, 2, good[2]! & 0x7f) },
    { name: "another opcode", input: changed(good, 2, good[2]! | 0x10) },
    { name: "another name", input: changed(good, 13, 0x78) },
    { name: "another type", input: answer(QUERY_AAAA, { addresses: ["2001:db8::1"] }) },
    { name: "another class", input: changed(good, 12 + 18 + 3, 3) },
    { name: "no question", input: changed(good, 5, 0) },
    { name: "two questions", input: changed(good, 5, 2) },
    { name: "the query itself", input: QUERY.bytes },
    { name: "a shorter name", input: answer(query("example.test"), { addresses: ["192.0.2.1"] }) },
    {
      name: "the name with a label in front",
      input: answer(query("x.www.example.test"), { addresses: ["192.0.2.1"] }),
    },
    { name: "one label that reads like the name", input: bareAnswer(QUERY, [16, ..."www.example.test"].map(octet)) },
    { name: "a question that points at itself", input: bareAnswer(QUERY, [0xc0, 12]) },
    { name: "a bare header that is no FORMERR", input: changed(good.slice(0, 12), 5, 0) },
    { name: "nothing", input: new Uint8Array(0) },
  ];
  for (const { name, input } of forged) {
    test(`A9 passes over ${name}`, () => {
      expect(isAnswerTo(QUERY, input)).toBe(false);
      expect(parseAnswer(QUERY, input)).toEqual({ kind: "failed", reason: "malformed answer" });
    });
  }

  test("takes a bare header as an answer for FORMERR alone", () => {
    const bare = Uint8Array.of(good[0]!, good[1]!, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(parseAnswer(QUERY, bare)).toEqual({ kind: "failed", reason: "FORMERR" });
    expect(isAnswerTo(QUERY, changed(bare, 3, 0x82))).toBe(false);
    expect(isAnswerTo(QUERY, changed(bare, 1, bare[1]! ^ 1))).toBe(false);
    expect(isAnswerTo(QUERY, Uint8Array.of(...bare, 0))).toBe(false);
  });
});

describe("parseAnswer()", () => {
  const cases: readonly { name: string; input: Uint8Array; query?: Query; expected: string }[] = [
    {
      name: "reads addresses in order",
      input: answer(QUERY, { addresses: ["192.0.2.2", "192.0.2.1"] }),
      expected: "192.0.2.2 192.0.2.1 for 60",
    },
    {
      name: "reads IPv6",
      query: QUERY_AAAA,
      input: answer(QUERY_AAAA, { addresses: ["2001:db8::1"] }),
      expected: "2001:db8::1 for 60",
    },
    {
      name: "reads an IPv4-mapped AAAA as IPv4",
      query: QUERY_AAAA,
      input: answer(QUERY_AAAA, { addresses: ["::ffff:127.0.0.1"] }),
      expected: "127.0.0.1 for 60",
    },
    { name: "says NXDOMAIN", input: answer(QUERY, { failure: "NXDOMAIN" }), expected: "none NXDOMAIN" },
    { name: "says no data for an empty answer", input: answer(QUERY, {}), expected: "none no data" },
    { name: "says SERVFAIL", input: answer(QUERY, { failure: "SERVFAIL" }), expected: "failed SERVFAIL" },
    { name: "says REFUSED", input: answer(QUERY, { failure: "REFUSED" }), expected: "failed REFUSED" },
    { name: "says FORMERR", input: answer(QUERY, { failure: "FORMERR" }), expected: "failed FORMERR" },
    { name: "says NOTIMP", input: answer(QUERY, { failure: "NOTIMP" }), expected: "failed NOTIMP" },
    {
      name: "says the number of an unknown RCODE",
      input: changed(answer(QUERY, {}), 3, 0x8f),
      expected: "failed RCODE 15",
    },
    {
      name: "says truncated whatever else is there",
      input: changed(answer(QUERY, { addresses: ["192.0.2.1"] }), 2, 0x83),
      expected: "truncated",
    },
    {
      name: "says truncated when records are cut off",
      input: changed(answer(QUERY, { addresses: ["192.0.2.1"] }), 2, 0x83).slice(0, 40),
      expected: "truncated",
    },
    {
      name: "follows aliases to their addresses",
      input: answer(QUERY, { aliases: ["a.test", "b.test"], addresses: ["192.0.2.1"] }),
      expected: "192.0.2.1 for 60",
    },
    {
      name: "follows aliases against the order of records",
      input: records(QUERY, [["b.test", 1, 9, ipv4(1)], ["a.test", 5, 8, encodeName("b.test")], [
        "www.example.test",
        5,
        7,
        encodeName("a.test"),
      ]]),
      expected: "192.0.2.1 for 7",
    },
    {
      name: "takes the shortest life along the way",
      input: records(QUERY, [["www.example.test", 5, 70, encodeName("a.test")], ["a.test", 1, 9, ipv4(1)], [
        "a.test",
        1,
        8,
        ipv4(2),
      ]]),
      expected: "192.0.2.1 192.0.2.2 for 8",
    },
    {
      name: "compares owners in any letter case",
      input: records(QUERY, [["WWW.Example.Test", 5, 7, encodeName("A.test")], ["a.TEST", 1, 9, ipv4(1)]]),
      expected: "192.0.2.1 for 7",
    },
    {
      name: "says no data for an alias that leads nowhere",
      input: answer(QUERY, { aliases: ["a.test"] }),
      expected: "none no data",
    },
    {
      name: "ignores records of another name",
      input: records(QUERY, [["evil.test", 1, 60, ipv4(66)], ["www.example.test", 1, 60, ipv4(1)]]),
      expected: "192.0.2.1 for 60",
    },
    {
      name: "has no data when every record is of another name",
      input: records(QUERY, [["evil.test", 1, 60, ipv4(66)]]),
      expected: "none no data",
    },
    {
      name: "ignores an alias that nobody was sent along",
      input: records(QUERY, [["evil.test", 5, 60, encodeName("www.example.test")], ["evil.test", 1, 60, ipv4(66)]]),
      expected: "none no data",
    },
    {
      name: "ignores records of another class",
      input: changed(records(QUERY, [["www.example.test", 1, 60, ipv4(1)]]), 34 + 18 + 3, 3),
      expected: "none no data",
    },
    {
      name: "ignores records of other types",
      input: records(QUERY, [["www.example.test", 46, 60, new Uint8Array(40)], [
        "www.example.test",
        28,
        60,
        new Uint8Array(16),
      ], ["www.example.test", 1, 60, ipv4(1)]]),
      expected: "192.0.2.1 for 60",
    },
    {
      name: "ignores what follows the answer section",
      input: Uint8Array.of(...changed(answer(QUERY, { addresses: ["192.0.2.1"] }), 9, 9), 0xff, 0xff),
      expected: "192.0.2.1 for 60",
    },
    { name: "reads compressed owners and aliases", input: compressed(), expected: "192.0.2.1 for 60" },
    {
      name: "keeps a TTL of 2^31 - 1",
      input: records(QUERY, [["www.example.test", 1, 0x7fffffff, ipv4(1)]]),
      expected: "192.0.2.1 for 2147483647",
    },
    {
      name: "takes a TTL with its top bit as 0",
      input: records(QUERY, [["www.example.test", 1, 0x80000000, ipv4(1)]]),
      expected: "192.0.2.1 for 0",
    },
    {
      name: "refuses an A record of five octets",
      input: records(QUERY, [["www.example.test", 1, 60, new Uint8Array(5)]]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an A record of three octets",
      input: records(QUERY, [["www.example.test", 1, 60, new Uint8Array(3)]]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an AAAA record of four octets",
      query: QUERY_AAAA,
      input: records(QUERY_AAAA, [["www.example.test", 28, 60, ipv4(1)]]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an alias that ends before its data",
      input: records(QUERY, [["www.example.test", 5, 60, Uint8Array.of(...encodeName("a"), 0)]]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an alias that ends behind its data",
      input: Uint8Array.of(...records(QUERY, [["www.example.test", 5, 60, Uint8Array.of(1)]]), 0x61, 0),
      expected: "failed malformed answer",
    },
    {
      name: "refuses fewer records than the header says",
      input: changed(answer(QUERY, { addresses: ["192.0.2.1"] }), 7, 2),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an owner that points at itself",
      input: rawRecord([0xc0, 34]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an owner that points forward",
      input: rawRecord([0xc0, 36]),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an owner that points into the header",
      query: query("www.example.test", RECORD_TYPE.A, 0),
      input: changed(rawRecord([0xc0, 0]), 0, 0, 0),
      expected: "failed malformed answer",
    },
    {
      name: "refuses an owner whose labels lead back into it",
      input: rawRecord([1, 0x61, 0xc0, 34]),
      expected: "failed malformed answer",
    },
    { name: "refuses label types of 0x40", input: rawRecord([0x41, 0x61, 0]), expected: "failed malformed answer" },
    { name: "refuses label types of 0x80", input: rawRecord([0x81, 0x61, 0]), expected: "failed malformed answer" },
    {
      name: "calls a server that only refers elsewhere one without recursion",
      input: changed(answer(QUERY, {}), 2, 0x80, 0),
      expected: "failed no recursion",
    },
    {
      name: "believes an authoritative server without recursion",
      input: changed(answer(QUERY, {}), 2, 0x84, 0),
      expected: "none no data",
    },
    {
      name: "gives up on a loop of aliases",
      input: records(QUERY, [["www.example.test", 5, 60, encodeName("a.test")], [
        "a.test",
        5,
        60,
        encodeName("www.example.test"),
      ]]),
      expected: "failed too many aliases",
    },
    {
      name: "gives up on an alias of itself",
      input: answer(QUERY, { aliases: ["www.example.test"] }),
      expected: "failed too many aliases",
    },
    {
      name: "follows as many aliases as it may",
      input: answer(QUERY, { aliases: chain(MAX_ALIASES), addresses: ["192.0.2.1"] }),
      expected: "192.0.2.1 for 60",
    },
    {
      name: "gives up at one alias more",
      input: answer(QUERY, { aliases: chain(MAX_ALIASES + 1), addresses: ["192.0.2.1"] }),
      expected: "failed too many aliases",
    },
  ];
  for (const { name, input, query: asked = QUERY, expected } of cases) {
    test(name, () => expect(format(asked, input)).toBe(expected));
  }

  test("R5 takes so many addresses of an answer and no more", () => {
    const input = records(QUERY, Array.from({ length: 4_000 }, (_, n) => ["www.example.test", 1, 60, ipv4(n % 250)]));
    const parsed = parseAnswer(QUERY, input);
    expect(parsed.kind === "addresses" && parsed.addresses.length).toBe(MAX_ADDRESSES_PER_ANSWER);
  });

  test("refuses a name of 256 octets and takes one of 255", () => {
    const labels = [63, 63, 63, 61].flatMap((length) => [length, ...new Array<number>(length).fill(0x61)]);
    expect(format(QUERY, rawRecord([...labels, 0]))).toBe("none no data");
    labels[192] = 62;
    expect(format(QUERY, rawRecord([...labels, 0x61, 0]))).toBe("failed malformed answer");
  });

  test("A9 gives the same or nothing when cut at any offset", () => {
    for (
      const whole of [
        answer(QUERY, { aliases: ["a.test"], addresses: ["192.0.2.1", "192.0.2.2"] }),
        compressed(),
      ]
    ) {
      for (let end = 0; end < whole.length; end++) {
        expect(format(QUERY, whole.slice(0, end))).toBe("failed malformed answer");
      }
      expect(format(QUERY, whole)).toStartWith("192.0.2.1");
    }
  });

  test("ends with a result for random octets behind a good header", () => {
    const start = answer(QUERY, {});
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ minLength: 6, maxLength: 6 }), (tail, counts) => {
        const message = Uint8Array.of(...start, ...tail);
        message.set(counts, 6);
        checkResult(message);
      }),
      { numRuns: 500 },
    );
  });

  test("ends with a result for any octets at all", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), checkResult), { numRuns: 500 });
  });

  test("ends with a result for good messages with octets changed", () => {
    const originals = [
      compressed(),
      answer(QUERY, { aliases: chain(5), addresses: ["192.0.2.1"] }),
      answer(QUERY, { addresses: ["192.0.2.1", "192.0.2.2"] }),
    ];
    const change = fc.tuple(fc.nat(400), fc.oneof(fc.constantFrom(0, 0xc0, 0xff, 12, 34), fc.nat(255)));
    fc.assert(
      fc.property(
        fc.constantFrom(...originals),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (original, changes) => {
          const message = original.slice();
          for (const [at, value] of changes) message[at % message.length] = value;
          checkResult(message);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("follows 127 pointers of one name and not one more", () => {
    expect(format(QUERY, pointers(127))).toBe("none no data");
    expect(format(QUERY, pointers(128))).toBe("failed malformed answer");
  });
});

function query(name: string, type: 1 | 28 = RECORD_TYPE.A, id = 0x1234, edns = true): Query {
  const made = encodeQuery(name, type, id, edns);
  if (made === undefined) throw new Error(`Not askable: ${name}`);
  return made;
}

function answer(to: Query, said: StubAnswer): Uint8Array {
  return encodeStubAnswer(to.bytes, said, "tcp")[0]!;
}

/** A response without records whose question name is these octets. */
function bareAnswer(to: Query, name: Iterable<number>): Uint8Array {
  const header = [to.id >> 8, to.id & 0xff, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
  return Uint8Array.of(...header, ...name, 0, to.type, 0, 1);
}

function records(to: Query, list: readonly (readonly [string, number, number, Uint8Array])[]): Uint8Array {
  const message = [...answer(to, {})];
  message[6] = list.length >> 8;
  message[7] = list.length & 0xff;
  return Uint8Array.from(message.concat(...list.map((record) => [...encodeRecord(...record)])));
}

/** An answer of one record whose owner is these octets; its type is none that is read. */
function rawRecord(owner: readonly number[]): Uint8Array {
  const message = Uint8Array.of(...answer(QUERY, {}), ...owner, 0, 99, 0, 1, 0, 0, 0, 1, 0, 0);
  message[7] = 1;
  return message;
}

/** www.example.test CNAME alias.example.test, A 192.0.2.1, written the way servers write it. */
function compressed(): Uint8Array {
  const alias = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 8, 5, ..."alias".split("").map(octet), 0xc0, 16];
  const address = [0xc0, 46, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
  const message = Uint8Array.of(...answer(QUERY, {}), ...alias, ...address);
  message[7] = 2;
  return message;
}

/** A second record whose owner takes `count` pointers to read, all but one of them in the data of the first. */
function pointers(count: number): Uint8Array {
  const start = 34 + 11; // where the first record's data is: the root name
  const data = [0];
  for (let n = 0; n < count - 1; n++) data.push(...pointer(n === 0 ? start : start + 1 + 2 * (n - 1)));
  const first = [0, 0, 99, 0, 1, 0, 0, 0, 1, data.length >> 8, data.length & 0xff, ...data];
  const message = Uint8Array.of(
    ...answer(QUERY, {}),
    ...first,
    ...pointer(start + data.length - 2),
    ...[0, 99, 0, 1, 0, 0, 0, 1, 0, 0],
  );
  message[7] = 2;
  return message;
}

function pointer(target: number): [number, number] {
  return [0xc0 | target >> 8, target & 0xff];
}

function chain(length: number): string[] {
  return Array.from({ length }, (_, n) => `alias-${n}.test`);
}

function checkResult(message: Uint8Array): void {
  expect(["addresses", "none", "failed", "truncated"]).toContain(parseAnswer(QUERY, message).kind);
}

function format(asked: Query, message: Uint8Array): string {
  const parsed = parseAnswer(asked, message);
  if (parsed.kind === "addresses") return `${parsed.addresses.join(" ")} for ${parsed.ttlSeconds}`;
  return parsed.kind === "truncated" ? parsed.kind : `${parsed.kind} ${parsed.reason}`;
}

function changed(message: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = message.slice();
  copy.set(values, at);
  return copy;
}

function ipv4(last: number): Uint8Array {
  return Uint8Array.of(192, 0, 2, last);
}

function octet(value: number | string): number {
  return typeof value === "number" ? value : value.charCodeAt(0);
}

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}
