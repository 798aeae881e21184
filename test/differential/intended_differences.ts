// Owns the list of what this proxy decides otherwise than squid under the same rule text, each with its reason. What is
// not listed here must be equal; what is listed must differ in exactly this way.
import type { Case, Outcome } from "./world_protocol.ts";

/** One request and what each of the two makes of it. */
export interface DifferentCase extends Case {
  readonly squid: Outcome;
  readonly ours: Outcome;
}

/** One intended difference. */
export interface IntendedDifference {
  readonly name: string;
  readonly reason: string;
  readonly rules: string;
  readonly cases: readonly DifferentCase[];
  /** Which of the two does not start with these rules, and what it says. */
  readonly refuses?: { readonly squid?: RegExp; readonly ours?: RegExp };
  /** Names that squid asks the name server for and this proxy does not. */
  readonly onlySquidResolves?: readonly string[];
}

const get = (target: string, squid: Outcome, ours: Outcome): DifferentCase => ({ method: "GET", target, squid, ours });
const tunnel = (target: string, squid: Outcome, ours: Outcome): DifferentCase => ({
  method: "CONNECT",
  target,
  squid,
  ours,
});

/** Every intended difference. */
export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    name: "a reverse look-up does not open an address",
    reason:
      "anyone can make their address's PTR record say an allowed name, and squid confirms it with no forward look-up",
    rules: "*.allowed.test",
    cases: [
      get("http://192.0.2.7/", "reached 192.0.2.7", "denied"),
      tunnel("192.0.2.7:443", "reached 192.0.2.7", "denied"),
      get("http://3221225991/", "reached 192.0.2.7", "denied"),
    ],
  },
  {
    name: "a reverse look-up does not close an address",
    reason: "name rules say nothing about addresses; a denied address takes an address rule",
    rules: "!two.test\n*",
    cases: [get("http://192.0.2.8/", "denied", "reached 192.0.2.8")],
  },
  {
    name: "the name none is a name",
    reason:
      'squid compares the text "none" where a reverse look-up fails, so that a rule "none" opens every such address',
    rules: "none",
    cases: [tunnel("192.0.2.1:443", "reached 192.0.2.1", "denied")],
  },
  {
    name: "only approved addresses of a name are dialled",
    reason: "squid allows a name if any of its addresses is allowed and then dials another one of them",
    rules: "198.51.100.1",
    cases: [
      get("http://both.test/", "reached 192.0.2.1", "reached 198.51.100.1"),
      tunnel("both.test:443", "reached 192.0.2.1", "reached 198.51.100.1"),
    ],
  },
  {
    name: "a denied address does not close a name's other addresses",
    reason: "each address is judged on its own, and only approved ones are dialled; squid refuses the name",
    rules: "!198.51.100.1\n*",
    cases: [tunnel("both.test:443", "denied", "reached 192.0.2.1")],
  },
  {
    name: "a name without an address is a DNS error",
    reason: "squid takes an address rule that can't be tried as one that does not match and goes on, here to a refusal",
    rules: "192.0.2.1",
    cases: [get("http://missing.test/", "denied", "failed 502"), tunnel("missing.test:443", "denied", "failed 502")],
  },
  {
    name: "an allowing rule with a trailing dot is alive",
    reason: "squid takes the dot off requests but not off rules, so that the rule never matches",
    rules: "one.test.\n*.two.test.",
    cases: [
      get("http://one.test/", "denied", "reached 192.0.2.1"),
      tunnel("one.test.:443", "denied", "reached 192.0.2.1"),
      get("http://two.test/", "denied", "reached 192.0.2.2"),
    ],
  },
  {
    name: "a denying rule with a trailing dot is alive",
    reason: "squid's dead rule lets the name through",
    rules: "!one.test.\n*",
    cases: [
      get("http://one.test/", "reached 192.0.2.1", "denied"),
      tunnel("one.test.:443", "reached 192.0.2.1", "denied"),
    ],
  },
  {
    name: "a range of length 0 is everything of its family",
    reason: "squid reads ADDRESS/0 as that one address",
    rules: "10.0.0.0/0\n::/0",
    cases: [
      get("http://192.0.2.1/", "denied", "reached 192.0.2.1"),
      tunnel("six.test:443", "denied", "reached 2001:db8::1"),
    ],
  },
  {
    name: "a denied range of length 0 is everything of its family",
    reason: "squid reads ADDRESS/0 as that one address",
    rules: "!10.0.0.0/0\n*",
    cases: [get("http://192.0.2.1/", "reached 192.0.2.1", "denied")],
  },
  {
    name: "0.0.0.0/0 is IPv4 alone",
    reason: "squid's 0.0.0.0/0 is every address of both families",
    rules: "0.0.0.0/0",
    cases: [
      get("http://[2001:db8::1]/", "reached 2001:db8::1", "denied"),
      tunnel("six.test:443", "reached 2001:db8::1", "denied"),
    ],
  },
  {
    name: "a range of IPv6 is IPv6 alone",
    reason: "squid keeps IPv4 addresses as ::ffff:0:0/96, so that every IPv6 range that holds those holds all of IPv4",
    rules: "::/80\n2000::/2",
    cases: [
      get("http://192.0.2.1/", "reached 192.0.2.1", "denied"),
      tunnel("one.test:443", "reached 192.0.2.1", "denied"),
    ],
  },
  {
    name: "a name of hexadecimal letters is a name",
    reason: "the original takes it for an address, and squid does not start with it",
    rules: "abc.de",
    cases: [get("http://abc.de/", "not started", "reached 198.51.100.3")],
    refuses: { squid: /Bungled/ },
  },
  {
    name: "a name in Unicode is its ASCII form",
    reason: "squid compares the rule's octets with the request's A-labels, so that the rule never matches",
    rules: "bücher.test",
    cases: [get("http://xn--bcher-kva.test/", "denied", "reached 198.51.100.3")],
  },
  {
    name: "a name with an underscore can be allowed",
    reason: "the original refuses the line, though such names exist and squid would take it",
    rules: "under_score.test",
    cases: [get("http://under_score.test/", "not started", "reached 198.51.100.3")],
    refuses: { squid: /^Bad destination 'under_score.test'$/ },
  },
  {
    name: "Windows line ends are line ends",
    reason: "the original takes the carriage return as part of the destination and gives up",
    rules: "one.test\r\ntwo.test\r\n",
    cases: [get("http://two.test/", "not started", "reached 192.0.2.2")],
    refuses: { squid: /^Bad destination 'one.test/ },
  },
  {
    name: '"*" opens nothing that is not remote',
    reason: "this machine's own services and the link's metadata service are not what an egress proxy is for",
    rules: "*",
    cases: [
      get("http://127.0.0.5/", "reached 127.0.0.5", "denied"),
      tunnel("127.0.0.1:443", "reached 127.0.0.1", "denied"),
      tunnel("[::1]:443", "reached ::1", "denied"),
      tunnel("0.0.0.0:443", "reached 127.0.0.1", "denied"),
      get("http://0/", "reached 127.0.0.1", "denied"),
      tunnel("[::]:443", "reached ::1", "denied"),
      tunnel("[::ffff:127.0.0.5]:443", "reached 127.0.0.5", "denied"),
      get("http://2130706437/", "reached 127.0.0.5", "denied"),
      tunnel("169.254.169.254:80", "reached 169.254.169.254", "denied"),
      tunnel("loop.test:443", "reached 127.0.0.5", "denied"),
      get("http://metadata.test/", "reached 169.254.169.254", "denied"),
    ],
  },
  {
    name: '"!127.0.0.0/8" before "*" leaves no other way to loopback',
    reason: "squid has 0.0.0.0, :: and ::1 as addresses of their own, which that line does not deny",
    rules: "!127.0.0.0/8\n*",
    cases: [
      get("http://0/", "reached 127.0.0.1", "denied"),
      tunnel("[::1]:443", "reached ::1", "denied"),
      tunnel("[::]:443", "reached ::1", "denied"),
    ],
  },
  {
    name: "a name rule opens nothing that is not remote",
    reason: "whoever owns the name's zone would choose what of this machine is reached",
    rules: "loop.test\nmetadata.test",
    cases: [
      tunnel("loop.test:443", "reached 127.0.0.5", "denied"),
      get("http://metadata.test/", "reached 169.254.169.254", "denied"),
    ],
  },
  {
    name: "a denied range covers the NAT64 addresses of its own",
    reason: "a translator on the way would deliver them to the denied address",
    rules: "!192.0.2.0/24\n*",
    cases: [tunnel("[64:ff9b::192.0.2.1]:443", "reached 64:ff9b::c000:201", "denied")],
  },
  {
    name: "the proxy does not connect to itself",
    reason: "a loop takes descriptors until there are none",
    rules: "*\n",
    cases: [tunnel("192.0.2.1:SELF", "tunnelled", "failed 502")],
  },
  {
    name: "a denied name is not resolved where an address rule comes first",
    reason: "DNS is itself a way out: a look-up of secret.attacker.test tells the secret",
    rules: "!192.0.2.0/24\none.test",
    cases: [],
    onlySquidResolves: ["two.test", "missing.test"],
  },
  {
    name: "a CONNECT names its port in plain digits",
    reason: "RFC 9110 §9.3.6: the port is mandatory; what follows it or stands before it is no port",
    rules: "*",
    cases: [
      tunnel("one.test", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:0443", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:+443", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:443x", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:443/path", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:443?x", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test:443#f", "reached 192.0.2.1", "failed 400"),
    ],
  },
  {
    name: "a CONNECT names host and port alone",
    reason: "RFC 9112 §3.2.3: squid takes what else stands there for a part of the name and looks it up",
    rules: "*",
    cases: [
      tunnel("user@one.test:443", "failed 500", "failed 400"),
      tunnel("http://one.test:443/", "failed 500", "failed 400"),
      tunnel("/", "failed 500", "failed 400"),
    ],
  },
  {
    name: "user information in a target is refused",
    reason: "RFC 9110 §4.2.4; squid turns it into a header with credentials, and people take it for the host",
    rules: "one.test",
    cases: [
      get("http://user:secret@one.test/", "reached 192.0.2.1", "failed 400"),
      get("http://two.test:80@one.test/", "reached 192.0.2.1", "failed 400"),
      get("http://@one.test/", "reached 192.0.2.1", "failed 400"),
    ],
  },
  {
    name: "a host with characters that no host has is refused",
    reason: "what parsers read differently is how a filter is passed by; squid takes such a name as it stands",
    rules: "!two.test\n*",
    cases: [
      get("http://one.test\\@two.test/", "denied", "failed 400"),
      get("http://one.test\\x/", "failed 502", "failed 400"),
      get("http://one%2etest/", "failed 502", "failed 400"),
      tunnel("one.test%2e:443", "failed 500", "failed 400"),
      get("http://one^test/", "failed 502", "failed 400"),
    ],
  },
  {
    name: "a name has one trailing dot at most",
    reason: "two make an empty label; squid takes off all of them",
    rules: "one.test",
    cases: [
      get("http://one.test../", "reached 192.0.2.1", "failed 400"),
      tunnel("one.test..:443", "reached 192.0.2.1", "failed 400"),
    ],
  },
  {
    name: "brackets are round IPv6 addresses, and round all of them",
    reason: "RFC 3986 §3.2.2",
    rules: "one.test\n192.0.2.1\n2001:db8::1",
    cases: [
      get("http://[one.test]/", "reached 192.0.2.1", "failed 400"),
      tunnel("[192.0.2.1]:443", "reached 192.0.2.1", "failed 400"),
      get("http://2001:db8::1/", "reached 2001:db8::1", "failed 400"),
    ],
  },
  {
    name: "an address out of range is refused",
    reason: "the URL Standard fails a host that ends in a number and is no address; squid looks it up as a name",
    rules: "*",
    cases: [
      get("http://192.0.2.256/", "failed 502", "failed 400"),
      get("http://192.0.2.1.1/", "failed 502", "failed 400"),
      get("http://4294967296/", "failed 502", "failed 400"),
    ],
  },
  {
    name: "a fragment or white space in a target is refused",
    reason: "RFC 9112 §3.2: neither is part of a request target; squid sends the one on and takes the other out",
    rules: "one.test",
    cases: [
      get("http://one.test/#f", "reached 192.0.2.1", "failed 400"),
      get("http://one.test#f", "reached 192.0.2.1", "failed 400"),
      get("http://one.test/a b", "reached 192.0.2.1", "failed 400"),
      get("http://one.test /", "reached 192.0.2.1", "failed 400"),
    ],
  },
  {
    name: "an empty port in a URL is the default port",
    reason: "RFC 3986 §3.2.3",
    rules: "one.test",
    cases: [get("http://one.test:/", "failed 400", "reached 192.0.2.1")],
  },
  {
    name: "a port in a URL is plain digits",
    reason: "two spellings of one port are one too many",
    rules: "one.test",
    cases: [get("http://one.test:080/", "reached 192.0.2.1", "failed 400")],
  },
  {
    name: "short forms of addresses are no rules",
    reason: "10.1 is 10.0.0.1 to squid, and 10.1.0.0/16 to most people",
    rules: "192.0.513",
    cases: [get("http://192.0.2.1/", "reached 192.0.2.1", "not started")],
    refuses: { ours: /Bad destination '192\.0\.513'/ },
  },
  {
    name: "a line of the letter w is a rule like any other",
    reason: "the original means to skip blank lines, and by a slip of its shell skips these",
    rules: "www",
    cases: [get("http://www/", "denied", "reached 198.51.100.3")],
  },
];
