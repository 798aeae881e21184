// Tests admission: what is approved, what is refused with which code, what is put on record, and when a name is resolved.
import { describe, expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { parseAuthorityForm } from "../../src/address/target.ts";
import type { Answer } from "../../src/dns/answer.ts";
import { type Exchange, startExchange } from "../../src/observe/exchange.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";
import { PolicyStore } from "../../src/policy/store.ts";
import { type Admission, admitAnswer, admitConnected, admitTarget, explainRevoked } from "../../src/proxy/admit.ts";

const OWN = { address: "192.0.2.1", port: 8080 };

function ip(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(`No address: ${text}`);
  return address;
}

function setUp(rules: string, reportOnly = false) {
  const exchange: Exchange = startExchange({ address: ip("10.0.0.9"), port: 1 }, 0, 0);
  const context = {
    policy: new PolicyStore(Policy.compile(parseRules(rules).rules)),
    settings: {
      connectTimeoutMs: 0,
      headerTimeoutMs: 0,
      idleTimeoutMs: 0,
      responseTimeoutMs: 0,
      maxConnections: 1,
      maxConnectionsPerClient: 0,
      reportOnly,
    },
    isOwnListener: (address: IpAddress, port: number) =>
      port === OWN.port && (address.text === OWN.address || address.text === "127.0.0.1"),
  };
  return { exchange, context };
}

function show(admission: Admission): string {
  switch (admission.kind) {
    case "approved":
      return `approved ${admission.approvals.map(({ address, port }) => `${address.text} ${port}`).join(", ")}`;
    case "refused":
      return `refused ${admission.error.code}`;
    case "resolve":
      return `resolve ${admission.name}`;
  }
}

interface Case {
  readonly name: string;
  readonly rules: string;
  readonly target: string;
  readonly reportOnly?: boolean;
  /** What the resolver answers; without one no answer is judged. */
  readonly answer?: readonly string[] | Answer;
  readonly expected: string;
  readonly decision: string;
}

const CASES: readonly Case[] = [
  {
    name: "an address by its rule",
    rules: "8.8.8.8",
    target: "8.8.8.8:53",
    expected: "approved 8.8.8.8 53",
    decision: "allow 1",
  },
  {
    name: "an address that no rule has",
    rules: "8.8.8.8",
    target: "8.8.4.4:53",
    expected: "refused http_request_denied",
    decision: "deny 0",
  },
  {
    name: "a denied name is not resolved",
    rules: "!a.test\n*",
    target: "a.test:1",
    expected: "refused http_request_denied",
    decision: "deny 1",
  },
  {
    name: "a name that no rule has is not resolved",
    rules: "b.test",
    target: "a.test:1",
    expected: "refused http_request_denied",
    decision: "deny 0",
  },
  { name: "an allowed name is", rules: "a.test", target: "a.test:1", expected: "resolve a.test", decision: "none 0" },
  {
    name: "each address on its own",
    rules: "!8.8.8.8\na.test",
    target: "a.test:1",
    answer: ["8.8.8.8", "9.9.9.9"],
    expected: "approved 9.9.9.9 1",
    decision: "allow 2",
  },
  {
    name: "no address left",
    rules: "!8.8.8.8\na.test",
    target: "a.test:1",
    answer: ["8.8.8.8"],
    expected: "refused http_request_denied",
    decision: "deny 1",
  },
  {
    name: "a name does not open loopback",
    rules: "a.test",
    target: "a.test:1",
    answer: ["127.0.0.1"],
    expected: "refused http_request_denied",
    decision: "deny 0",
  },
  {
    name: "a name without an address",
    rules: "a.test",
    target: "a.test:1",
    answer: { kind: "none", reason: "NXDOMAIN" },
    expected: "refused dns_error",
    decision: "none 0",
  },
  {
    name: "a silent name server",
    rules: "a.test",
    target: "a.test:1",
    answer: { kind: "timeout" },
    expected: "refused dns_timeout",
    decision: "none 0",
  },
  {
    name: "A17 an own listener under '*'",
    rules: "*",
    target: "192.0.2.1:8080",
    expected: "refused proxy_loop_detected",
    decision: "allow 1",
  },
  {
    name: "A17 an own listener under its own rule",
    rules: "192.0.2.1",
    target: "192.0.2.1:8080",
    expected: "refused proxy_loop_detected",
    decision: "allow 1",
  },
  {
    name: "A17 loopback's own listener under '*'",
    rules: "*",
    target: "127.0.0.1:8080",
    expected: "refused proxy_loop_detected",
    decision: "deny 0",
  },
  {
    name: "A17 a denied own listener is denied",
    rules: "!192.0.2.1\n*",
    target: "192.0.2.1:8080",
    expected: "refused http_request_denied",
    decision: "deny 1",
  },
  {
    name: "A17 its neighbour's port",
    rules: "*",
    target: "192.0.2.1:8081",
    expected: "approved 192.0.2.1 8081",
    decision: "allow 1",
  },
  {
    name: "report only lets a denied address through",
    rules: "!8.8.8.8",
    target: "8.8.8.8:1",
    reportOnly: true,
    expected: "approved 8.8.8.8 1",
    decision: "allow 1 would deny",
  },
  {
    name: "report only resolves a denied name",
    rules: "!a.test",
    target: "a.test:1",
    reportOnly: true,
    expected: "resolve a.test",
    decision: "deny 1 would deny",
  },
  {
    name: "report only lets a denied name through",
    rules: "!a.test",
    target: "a.test:1",
    reportOnly: true,
    answer: ["9.9.9.9"],
    expected: "approved 9.9.9.9 1",
    decision: "allow 1 would deny",
  },
  {
    name: "report only does not open loopback",
    rules: "b.test",
    target: "127.0.0.1:1",
    reportOnly: true,
    expected: "refused http_request_denied",
    decision: "deny 0",
  },
  {
    name: "report only prefers what the rules allow",
    rules: "!8.8.8.8\na.test",
    target: "a.test:1",
    reportOnly: true,
    answer: ["8.8.8.8", "9.9.9.9"],
    expected: "approved 9.9.9.9 1",
    decision: "allow 2",
  },
];

describe("admission", () => {
  for (const { name, rules, target, reportOnly, answer, expected, decision } of CASES) {
    test(`decides on ${name}`, () => {
      const { exchange, context } = setUp(rules, reportOnly);
      const parsed = parseAuthorityForm(target);
      let admission = admitTarget(context, exchange, parsed);
      if (answer !== undefined) {
        expect(admission.kind).toBe("resolve");
        const given = Array.isArray(answer)
          ? { kind: "addresses" as const, addresses: answer.map((text) => ip(text)) }
          : answer as Answer;
        admission = admitAnswer(context, exchange, parsed, given);
      }
      expect(show(admission)).toBe(expected);
      expect(`${exchange.decision} ${exchange.ruleLine}${exchange.wouldDeny ? " would deny" : ""}`).toBe(decision);
    });
  }

  test("judges a kept-alive connection by the rules in force", () => {
    const { exchange, context } = setUp("a.test");
    const target = parseAuthorityForm("a.test:1");
    expect(admitConnected(context, exchange, target, ip("9.9.9.9"))).toBe(true);
    expect(explainRevoked(context, target, ip("9.9.9.9"))).toBeUndefined();
    context.policy.replace(Policy.compile(parseRules("!9.9.9.9\na.test").rules));
    expect(admitConnected(context, exchange, target, ip("9.9.9.9"))).toBe(false);
    expect(explainRevoked(context, target, ip("9.9.9.9"))).toContain("denied");
    expect(explainRevoked(context, target, ip("9.9.9.8"))).toBeUndefined();
  });
});
