// Owns the rule texts under which squid and this proxy must decide the same, with what they decide.
import type { Case, Order, Outcome } from "./world_protocol.ts";

/** One request and what both make of it; "failed" whatever the status. */
export interface EqualCase extends Case {
  readonly outcome: Outcome | "failed";
}

/** A rule text with requests. */
export interface EqualDecision extends Order {
  readonly name: string;
  readonly cases: readonly EqualCase[];
}

/** Both methods for one host: on port 80 in a URL, on port 443 by CONNECT. */
function both(host: string, outcome: EqualCase["outcome"]): readonly EqualCase[] {
  return [
    { method: "GET", target: `http://${host}/`, outcome },
    { method: "CONNECT", target: `${host}:443`, outcome },
  ];
}

/** Every spelling of 192.0.2.1 that both take for it. */
const SPELLINGS = [
  "192.0.2.1",
  "192.0.2.1.",
  "192.0.513",
  "192.513",
  "3221225985",
  "0xc0000201",
  "0xC0.0x0.0x2.0x1",
  "0300.0.2.1",
  "030000001001",
  "192.0.2.01",
  "[::ffff:192.0.2.1]",
  "[::FFFF:c000:201]",
  "[0:0:0:0:0:ffff:c000:201]",
];

/** What must be equal, by example. */
export const EQUAL_DECISIONS: readonly EqualDecision[] = [
  {
    name: "an exact name is that name alone",
    rules: "one.test",
    cases: [
      ...both("one.test", "reached 192.0.2.1"),
      ...both("ONE.Test", "reached 192.0.2.1"),
      ...both("one.test.", "reached 192.0.2.1"),
      ...both("www.one.test", "denied"),
      ...both("xone.test", "denied"),
      ...both("two.test", "denied"),
      ...both("missing.test", "denied"),
      ...both("192.0.2.1", "denied"),
      ...both("[2001:db8::1]", "denied"),
    ],
  },
  {
    name: "a wildcard is the name and all below it, at label boundaries",
    rules: "*.ONE.test",
    cases: [
      ...both("one.test", "reached 192.0.2.1"),
      ...both("www.one.test", "reached 192.0.2.4"),
      ...both("deep.www.one.test", "reached 192.0.2.1"),
      ...both("DEEP.www.one.test.", "reached 192.0.2.1"),
      ...both("xone.test", "denied"),
    ],
  },
  {
    name: "the first rule that matches decides",
    rules: "www.one.test\n!*.one.test\n!192.0.2.2\n192.0.2.0/24\n*.six.test\n!2001:db8::/32\n*",
    cases: [
      ...both("www.one.test", "reached 192.0.2.4"),
      ...both("one.test", "denied"),
      ...both("deep.www.one.test", "denied"),
      ...both("two.test", "denied"),
      ...both("192.0.2.2", "denied"),
      ...both("192.0.2.3", "reached 192.0.2.3"),
      ...both("six.test", "reached 2001:db8::1"),
      ...both("[2001:db8::1]", "denied"),
      ...both("203.0.113.9", "reached 203.0.113.9"),
    ],
  },
  {
    name: "an address rule judges the address of a name",
    rules: "192.0.2.1\n2001:db8::1",
    cases: [
      ...both("one.test", "reached 192.0.2.1"),
      ...both("two.test", "denied"),
      ...both("six.test", "reached 2001:db8::1"),
      ...both("www.six.test", "denied"),
    ],
  },
  {
    name: "a range has its neighbours outside",
    rules: "192.0.2.2/31\n2001:db8::/64",
    cases: [
      ...both("192.0.2.1", "denied"),
      ...both("192.0.2.2", "reached 192.0.2.2"),
      ...both("192.0.2.3", "reached 192.0.2.3"),
      ...both("192.0.2.4", "denied"),
      ...both("[2001:db8::3]", "reached 2001:db8::3"),
      ...both("[2001:db8:1::1]", "denied"),
    ],
  },
  {
    name: "host bits of a range are masked off",
    rules: "198.51.100.77/24",
    cases: [...both("198.51.100.2", "reached 198.51.100.2"), ...both("192.0.2.1", "denied")],
  },
  {
    name: "an IPv4-mapped rule is its IPv4 address",
    rules: "::ffff:192.0.2.1",
    cases: [...both("192.0.2.1", "reached 192.0.2.1"), ...both("192.0.2.2", "denied")],
  },
  {
    name: "all spellings of an address are that address, allowed",
    rules: "192.0.2.1",
    cases: SPELLINGS.flatMap((host) => both(host, "reached 192.0.2.1")),
  },
  {
    name: "all spellings of an address are that address, denied",
    rules: "!192.0.2.1\n*",
    cases: SPELLINGS.flatMap((host) => both(host, "denied")),
  },
  {
    name: "comments, blank lines and blanks round a line count for nothing",
    rules: "# names\n\n  one.test  \n\t!two.test\n#*\n",
    cases: [...both("one.test", "reached 192.0.2.1"), ...both("two.test", "denied"), ...both("192.0.2.3", "denied")],
  },
  {
    name: "an address rule opens loopback",
    rules: "127.0.0.0/8\n::1",
    cases: [
      ...both("127.0.0.5", "reached 127.0.0.5"),
      ...both("[::1]", "reached ::1"),
      ...both("loop.test", "reached 127.0.0.5"),
      ...both("192.0.2.1", "denied"),
    ],
  },
  {
    name: "a name of several addresses under rules for names",
    rules: "both.test",
    cases: [...both("both.test", "reached 192.0.2.1"), ...both("198.51.100.1", "denied")],
  },
  {
    name: '"*" allows what is remote, by any name, address and port',
    rules: "!two.test\n*",
    cases: [
      ...both("one.test", "reached 192.0.2.1"),
      ...both("six.test", "reached 2001:db8::1"),
      ...both("under_score.test", "reached 198.51.100.3"),
      ...both("two.test", "denied"),
      ...both("missing.test", "failed"),
      { method: "GET", target: "http://one.test:8000/", outcome: "reached 192.0.2.1" },
      { method: "CONNECT", target: "[2001:db8::3]:80", outcome: "reached 2001:db8::3" },
      { method: "CONNECT", target: "one.test:9", outcome: "failed" },
    ],
  },
  {
    name: "a target that is none is refused by both",
    rules: "*",
    cases: [
      ...["http://.one.test/", "http://one..test/", "http://one.test:0/", "http://one.test:65536/", "http://"].map(
        (target): EqualCase => ({ method: "GET", target, outcome: "failed" }),
      ),
      ...["one.test:0", "one.test:65536", ".one.test:443", ":443"].map(
        (target): EqualCase => ({ method: "CONNECT", target, outcome: "failed" }),
      ),
    ],
  },
];
