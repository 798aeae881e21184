// Suggestions: which lines make which rules, and as a property: replayed against its log a suggested text allows all that
// was seen and denies the rest.
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { IpAddress } from "../../src/address/ip_address.ts";
import { toTextLine } from "../../src/observe/log_line.ts";
import { analyseRules } from "../../src/policy/analyse.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { isAllowed, logLine, rulesOf, suggestText } from "./suggest_kit.ts";

const seen = (host: string, upstream = "198.51.100.1:443") => logLine({ host, upstream, would_deny: true });
const deniedBy = (host: string, rule: string) => logLine({ host, rule, rule_line: 1, would_deny: true });
const refused = (host: string) => logLine({ host, decision: "deny", status: 403, error: "http_request_denied" });

interface Case {
  readonly name: string;
  readonly lines: readonly string[];
  readonly wildcardFrom?: number;
  readonly rules: readonly string[];
  /** Parts of the comments. */
  readonly comments?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "names as they were seen, grouped by domain, with counts",
    lines: ["www.example.com", "b.test.co.uk", "www.example.com", "api.example.com", "a.test.co.uk"].map((host) =>
      seen(host)
    ),
    rules: ["api.example.com", "www.example.com", "a.test.co.uk", "b.test.co.uk"],
    comments: [
      "# 4 rules for what 5 requests in 5 log lines asked for",
      "# example.com: 2 names, 3 requests",
      "# 2 requests, port 443, last 2026-11-26T14:00:00.000Z\nwww.example.com",
      "# test.co.uk: 2 names, 2 requests",
    ],
  },
  {
    name: "what a rule let through, as what none did",
    lines: [logLine({ host: "a.example.com", rule: "*.example.com", rule_line: 3 }), seen("b.example.com")],
    rules: ["a.example.com", "b.example.com"],
  },
  {
    name: "nothing for what a rule denies, not even once; it is named with its rule",
    lines: [deniedBy("bad.example.com", "!bad.example.com"), seen("bad.example.com"), seen("good.example.com")],
    rules: ["good.example.com"],
    comments: ["# Denied by a rule", "bad.example.com  by '!bad.example.com', let through 1 time"],
  },
  {
    name: "nothing for what was refused; it is named apart",
    lines: [refused("new.example.com"), refused("new.example.com"), seen("good.example.com")],
    rules: ["good.example.com"],
    comments: ["# Refused, since no rule matched; no rule here opens (requests, host):\n#         2  new.example.com"],
  },
  {
    name: "nothing for what new rules cut",
    lines: [
      logLine({ host: "a.example.com", rule: "*.example.com", error: "http_request_denied" }),
      seen("b.test.com"),
    ],
    rules: ["b.test.com"],
  },
  {
    name: "nothing for names that do not resolve, loops, malformed requests and lines about the process",
    lines: [
      logLine({ host: "no.example.com", decision: "deny", would_deny: true, error: "dns_error", status: 502 }),
      logLine({ host: "no.example.com", decision: "none", error: "dns_error", status: 502 }),
      logLine({ host: "10.9.9.9", error: "proxy_loop_detected", status: 502 }),
      logLine({ decision: "none", error: "http_request_error", status: 400 }),
      JSON.stringify({ time: "2026-11-26T14:00:00.000Z", level: "info", message: "stopping", reason: "SIGTERM" }),
      seen("a.example.com"),
    ],
    rules: ["a.example.com"],
    comments: ["in 6 log lines"],
  },
  {
    name: "what was allowed and could not be reached",
    lines: [logLine({ host: "down.example.com", would_deny: true, error: "connection_refused", status: 502 })],
    rules: ["down.example.com"],
  },
  {
    name: "addresses exactly, whole blocks of them as a range, behind the names",
    lines: ["10.0.0.5", "10.0.0.4", "10.0.0.7", "10.0.0.6", "10.0.0.8", "2001:db8::1", "z.example.com"].map((host) =>
      seen(host)
    ),
    rules: ["z.example.com", "10.0.0.4/30", "10.0.0.8", "2001:db8::1"],
  },
  {
    name: "an address that is not remote is opened by itself, not by the name that led there",
    lines: [logLine({ host: "local.example.com", upstream: "127.0.0.5:80", rule: "127.0.0.0/8" })],
    rules: ["127.0.0.5"],
    comments: ["by the name local.example.com"],
  },
  {
    name: "a name that leads to both is opened for both",
    lines: [seen("a.example.com"), logLine({ host: "a.example.com", upstream: "[::1]:80", rule: "::1" })],
    rules: ["a.example.com", "::1"],
  },
  {
    name: "no wildcard unless it is asked for",
    lines: ["a", "b", "c", "d", "e", "f"].map((label) => seen(`${label}.example.com`)),
    rules: ["a", "b", "c", "d", "e", "f"].map((label) => `${label}.example.com`),
    comments: ["# --wildcard-from 6 or less makes fewer lines"],
  },
  {
    name: "the narrowest zones as wildcards",
    lines: ["a.api.example.com", "b.api.example.com", "www.example.com", "x.other.com"].map((host) => seen(host)),
    wildcardFrom: 2,
    rules: ["*.api.example.com", "www.example.com", "x.other.com"],
  },
  {
    name: "no wildcard over a public suffix, ICANN's or a company's",
    lines: ["a.co.uk", "b.co.uk", "a.github.io", "b.github.io", "x.s3.amazonaws.com", "y.s3.amazonaws.com"].map((
      host,
    ) => seen(host)),
    wildcardFrom: 2,
    rules: ["x.s3.amazonaws.com", "y.s3.amazonaws.com", "a.github.io", "b.github.io", "a.co.uk", "b.co.uk"],
  },
  {
    name: "no wildcard below a top that is in no list",
    lines: ["a.svc.cluster.local", "b.svc.cluster.local"].map((host) => seen(host)),
    wildcardFrom: 2,
    rules: ["a.svc.cluster.local", "b.svc.cluster.local"],
  },
  {
    name: "no wildcard over a name that was denied or refused, nor over what the denying rule covers",
    lines: [
      ...["a.x.example.com", "b.x.example.com", "a.y.example.com", "b.y.example.com"].map((host) => seen(host)),
      deniedBy("ad.p.y.example.com", "!*.p.y.example.com"),
      refused("c.x.other.com"),
      ...["a.x.other.com", "b.x.other.com"].map((host) => seen(host)),
    ],
    wildcardFrom: 2,
    rules: ["*.x.example.com", "a.y.example.com", "b.y.example.com", "a.x.other.com", "b.x.other.com"],
  },
  {
    name: "no wildcard inside of what a denying rule covers",
    lines: [
      ...["a.example.com", "b.example.com"].map((host) => seen(host)),
      deniedBy("z.example.com", "!*.example.com"),
    ],
    wildcardFrom: 2,
    rules: ["a.example.com", "b.example.com"],
  },
  {
    name: "a host that came in by other hands: case, brackets, a name that no rule can say",
    lines: [seen("WWW.Example.COM."), seen("[2001:DB8::1]"), seen("a b.example.com"), seen("evil.com\n*")],
    rules: ["www.example.com", "2001:db8::1"],
    comments: ["# Let through, and no rule can be written for", "'evil.com\\x0a*'"],
  },
];

describe("suggest", () => {
  for (const { name, lines, wildcardFrom, rules, comments } of CASES) {
    test(name, () => {
      const text = suggestText(lines, wildcardFrom);
      expect(rulesOf(text)).toEqual([...rules]);
      for (const comment of comments ?? []) expect(text).toContain(comment);
    });
  }

  const forms: readonly { name: string; of: (line: string) => string }[] = [
    { name: "text", of: (line) => toTextLine(line).trimEnd() },
    { name: "CR LF", of: (line) => `${line}\r` },
    { name: "a container runtime's file (CRI)", of: (line) => `2026-11-26T14:00:00.123456789Z stdout F ${line}` },
    {
      name: "text in a container runtime's file",
      of: (line) => `2026-11-26T14:00:00.1Z stdout F ${toTextLine(line).trimEnd()}`,
    },
    { name: "Docker's file", of: (line) => JSON.stringify({ log: `${line}\n`, stream: "stdout", time: "x" }) },
  ];
  const mixed = [
    seen("a.example.com"),
    deniedBy("bad.example.com", "!bad.example.com"),
    refused("new.example.com"),
    logLine({ host: "db.example.com", error: "connection_refused", details: 'it said "no" = never', would_deny: true }),
    logLine({ decision: "none", status: 400, error: "http_request_error", details: "a b" }),
  ];
  for (const { name, of } of forms) {
    test(`reads ${name} as the bare JSON`, () => {
      expect(suggestText(mixed.map(of))).toBe(suggestText(mixed));
      expect(suggestText(mixed)).not.toContain("could not be read");
    });
  }

  const broken = [
    "{",
    '{"message":5}',
    "hello",
    '{"message":"request","decision":"perhaps","host":"a.example.com"}',
    "[1]",
  ];
  for (const line of broken) {
    test(`counts a broken line: ${line}`, () => {
      expect(suggestText([line, seen("a.example.com")])).toContain("# 1 line could not be read");
    });
  }
});

const label = fc.constantFrom("a", "b", "c", "www");
const zone = fc.constantFrom("example.com", "x.example.com", "test.co.uk", "u.github.io", "svc.cluster.local");
const name = fc.tuple(fc.array(label, { maxLength: 2 }), zone).map(([labels, end]) => [...labels, end].join("."));
const address = fc.tuple(fc.constantFrom("10.0.0.", "203.0.113.", "2001:db8::"), fc.integer({ min: 1, max: 12 }))
  .map(([prefix, last]) => `${prefix}${last}`);
const outcome = fc.constantFrom("allowed", "unmatched", "refused", "denied");
const request = fc.record({ host: fc.oneof(name, address), outcome });

function lineOf({ host, outcome }: { host: string; outcome: string }): string {
  const upstream = IpAddress.parse(host) === undefined ? "198.51.100.99:443" : undefined;
  switch (outcome) {
    case "allowed":
      return logLine({ host, upstream, rule: host, rule_line: 1 });
    case "unmatched":
      return logLine({ host, upstream, would_deny: true });
    case "refused":
      return logLine({ host, decision: "deny", status: 403, error: "http_request_denied" });
    default:
      return logLine({ host, upstream, would_deny: true, rule: `!${host}`, rule_line: 1 });
  }
}

describe("a suggested text, replayed", () => {
  for (const wildcardFrom of [0, 2, 3]) {
    test(
      `parses without a warning, allows what was seen, denies what was closed${
        wildcardFrom === 0 ? " and whatever was not seen" : ""
      } (--wildcard-from ${wildcardFrom})`,
      () => {
        fc.assert(
          fc.property(
            fc.array(request, { minLength: 1, maxLength: 30 }),
            fc.oneof(name, address),
            (requests, other) => {
              const text = suggestText(requests.map(lineOf), wildcardFrom);
              const closed = new Set(
                requests.filter(({ outcome }) => /refused|denied/.test(outcome)).map(({ host }) => host),
              );
              const open = new Set(requests.map(({ host }) => host).filter((host) => !closed.has(host)));
              const { rules, errors, warnings } = parseRules(text);
              if (open.size === 0) {
                expect(rules).toEqual([]);
                return;
              }
              expect([errors, warnings, analyseRules(rules)]).toEqual([[], [], []]);
              for (const host of open) expect([host, isAllowed(text, host)]).toEqual([host, true]);
              for (const host of closed) expect([host, isAllowed(text, host)]).toEqual([host, false]);
              if (wildcardFrom === 0) expect([other, isAllowed(text, other)]).toEqual([other, open.has(other)]);
            },
          ),
          { numRuns: 300 },
        );
      },
    );
  }
});
