import { describe, expect, test } from "bun:test";
import { combineFamilies } from "../../src/dns/combine_families.ts";
import type { Outcome } from "../../src/dns/name_servers.ts";
import { ip } from "./fake_parts.ts";

const NXDOMAIN: Outcome = { kind: "none", reason: "NXDOMAIN" };
const NO_DATA: Outcome = { kind: "none", reason: "no data" };
const SERVFAIL: Outcome = { kind: "failed", reason: "SERVFAIL" };
const REFUSED: Outcome = { kind: "failed", reason: "REFUSED" };
const TIMEOUT: Outcome = { kind: "timeout" };
const UNREACHABLE: Outcome = { kind: "unreachable" };
const A = found(60, "192.0.2.1", "192.0.2.2");
const AAAA = found(20, "2001:db8::1");

describe("combineFamilies()", () => {
  const cases: readonly { name: string; input: readonly [Outcome, Outcome]; expected: string }[] = [
    {
      name: "joins both, IPv6 first, for the shorter life",
      input: [A, AAAA],
      expected: "2001:db8::1 192.0.2.1 192.0.2.2 for 20000",
    },
    {
      name: "takes the life of the other when IPv4 is shorter",
      input: [found(5, "192.0.2.1"), AAAA],
      expected: "2001:db8::1 192.0.2.1 for 5000",
    },
    {
      name: "takes IPv4 alone in full when IPv6 has no data",
      input: [A, NO_DATA],
      expected: "192.0.2.1 192.0.2.2 for 60000",
    },
    {
      name: "takes IPv4 alone in full when IPv6 is NXDOMAIN",
      input: [A, NXDOMAIN],
      expected: "192.0.2.1 192.0.2.2 for 60000",
    },
    {
      name: "takes IPv6 alone in full when IPv4 has no data",
      input: [NO_DATA, AAAA],
      expected: "2001:db8::1 for 20000",
    },
    {
      name: "takes a part for a second when IPv6 timed out",
      input: [A, TIMEOUT],
      expected: "192.0.2.1 192.0.2.2 for 1000",
    },
    {
      name: "takes a part for a second when IPv6 failed",
      input: [A, SERVFAIL],
      expected: "192.0.2.1 192.0.2.2 for 1000",
    },
    {
      name: "takes a part for a second when IPv4 was unreachable",
      input: [UNREACHABLE, AAAA],
      expected: "2001:db8::1 for 1000",
    },
    {
      name: "drops an address that both families gave",
      input: [A, found(60, "::ffff:192.0.2.1")],
      expected: "192.0.2.1 192.0.2.2 for 60000",
    },
    { name: "raises a TTL of 0 to a second", input: [found(0, "192.0.2.1"), NO_DATA], expected: "192.0.2.1 for 1000" },
    {
      name: "keeps a TTL of five minutes",
      input: [found(300, "192.0.2.1"), NO_DATA],
      expected: "192.0.2.1 for 300000",
    },
    {
      name: "cuts a TTL one past five minutes",
      input: [found(301, "192.0.2.1"), NO_DATA],
      expected: "192.0.2.1 for 300000",
    },
    { name: "says NXDOMAIN when both do", input: [NXDOMAIN, NXDOMAIN], expected: "NXDOMAIN for 5000" },
    {
      name: "says NXDOMAIN when one does and one has no data",
      input: [NO_DATA, NXDOMAIN],
      expected: "NXDOMAIN for 5000",
    },
    { name: "says NXDOMAIN when the other failed", input: [SERVFAIL, NXDOMAIN], expected: "NXDOMAIN for 5000" },
    {
      name: "says NXDOMAIN for a second when the other timed out",
      input: [NXDOMAIN, TIMEOUT],
      expected: "NXDOMAIN for 1000",
    },
    { name: "says no data when both have none", input: [NO_DATA, NO_DATA], expected: "no data for 5000" },
    { name: "says why one failed when the other has no data", input: [NO_DATA, REFUSED], expected: "REFUSED for 5000" },
    { name: "says why IPv4 failed when both did", input: [SERVFAIL, REFUSED], expected: "SERVFAIL for 5000" },
    {
      name: "says why one failed when the other timed out, for a second",
      input: [TIMEOUT, SERVFAIL],
      expected: "SERVFAIL for 1000",
    },
    { name: "does not keep a timeout", input: [TIMEOUT, TIMEOUT], expected: "timeout for 0" },
    {
      name: "says timeout when one has no data: the other might have had some",
      input: [NO_DATA, TIMEOUT],
      expected: "timeout for 0",
    },
    { name: "says timeout when the other was unreachable", input: [UNREACHABLE, TIMEOUT], expected: "timeout for 0" },
    {
      name: "says unreachable for a second when both were",
      input: [UNREACHABLE, UNREACHABLE],
      expected: "name server unreachable for 1000",
    },
    {
      name: "says unreachable when the other has no data",
      input: [NO_DATA, UNREACHABLE],
      expected: "name server unreachable for 1000",
    },
  ];
  for (const { name, input: [ipv4, ipv6], expected } of cases) {
    test(name, () => {
      const { answer, ttlMs } = combineFamilies(ipv4, ipv6);
      const said = answer.kind === "addresses"
        ? answer.addresses.join(" ")
        : answer.kind === "none"
        ? answer.reason
        : answer.kind;
      expect(`${said} for ${ttlMs}`).toBe(expected);
    });
  }
});

function found(ttlSeconds: number, ...addresses: readonly string[]): Outcome {
  return { kind: "addresses", addresses: addresses.map(ip), ttlSeconds };
}
