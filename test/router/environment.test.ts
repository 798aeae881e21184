// The variables of the init container: what they may be, and what is said of those that are not.
import { describe, expect, test } from "bun:test";
import { Cidr } from "../../src/address/cidr.ts";
import { UsageError } from "../../src/errors.ts";
import { findOddities, readRouterSettings } from "../../src/router/environment.ts";

const GOOD = { EGRESS_SOURCE: "192.168.12.99", EGRESS_GATEWAY: "192.168.12.1" };

function problems(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readRouterSettings({ ...GOOD, ...env });
  } catch (error) {
    if (error instanceof UsageError) return error.lines;
    throw error;
  }
  return [];
}

describe("readRouterSettings()", () => {
  test("reads all there is, blanks round it dropped", () => {
    const networks = ["10.128.0.0/14", "172.30.0.0/16", "10.128.0.0/14"].map((text) => Cidr.parse(text)!.cidr);
    const env = { EGRESS_SOURCE: " 192.168.12.99/24\n", EGRESS_GATEWAY: "192.168.12.1\n" };
    const settings = readRouterSettings(env, networks);
    expect([settings.source.text, settings.prefixLength, settings.gateway.text]).toEqual([
      "192.168.12.99",
      24,
      "192.168.12.1",
    ]);
    expect(settings.clusterNetworks.map(({ text }) => text)).toEqual(["10.128.0.0/14", "172.30.0.0/16"]);
  });

  for (const [text, length] of [["192.168.12.99", 32], ["192.168.12.99/1", 1], ["192.168.12.99/32", 32]] as const) {
    test(`takes the source ${text}`, () => {
      expect(readRouterSettings({ ...GOOD, EGRESS_SOURCE: text }).prefixLength).toBe(length);
    });
  }

  test("tells both variables in the original's words where neither is set", () => {
    expect(problems({ EGRESS_SOURCE: "", EGRESS_GATEWAY: " " })).toEqual([
      "EGRESS_SOURCE unspecified or invalid",
      "EGRESS_GATEWAY unspecified or invalid",
    ]);
  });

  const hosts = [
    { text: "010.0.0.1", why: "'010.0.0.1' is not an IPv4 address" },
    { text: "999.1.1.1", why: "'999.1.1.1' is not an IPv4 address" },
    { text: "10.1", why: "'10.1' is not an IPv4 address" },
    { text: "2001:db8::1", why: "'2001:db8::1' is not an IPv4 address" },
    { text: "::ffff:10.0.0.1", why: "'::ffff:10.0.0.1' is not an IPv4 address" },
    { text: "10.0.0.1;reboot", why: "'10.0.0.1;reboot' is not an IPv4 address" },
    { text: "a\nb", why: "'a\\x0ab' is not an IPv4 address" },
    { text: "127.0.0.1", why: "'127.0.0.1' is a loopback address" },
    { text: "0.0.0.0", why: "'0.0.0.0' is an unspecified address" },
    { text: "224.0.0.1", why: "'224.0.0.1' is a multicast address" },
    { text: "255.255.255.255", why: "'255.255.255.255' is a broadcast address" },
  ];
  for (const { text, why } of hosts) {
    test(`refuses ${JSON.stringify(text)} as source and as gateway`, () => {
      expect(problems({ EGRESS_SOURCE: text })).toEqual([`EGRESS_SOURCE unspecified or invalid: ${why}`]);
      expect(problems({ EGRESS_GATEWAY: text })).toEqual([`EGRESS_GATEWAY unspecified or invalid: ${why}`]);
    });
  }

  for (const text of ["/0", "/33", "/", "/024", "/24/24", "/-1", "/2 4"]) {
    test(`refuses the prefix length in 192.168.12.99${text}`, () => {
      const why = `the prefix length in '192.168.12.99${text}' is not 1 to 32`;
      expect(problems({ EGRESS_SOURCE: `192.168.12.99${text}` }))
        .toEqual([`EGRESS_SOURCE unspecified or invalid: ${why}`]);
    });
  }

  test("refuses a gateway with a length, and one that is the source", () => {
    expect(problems({ EGRESS_GATEWAY: "192.168.12.1/24" }))
      .toEqual(["EGRESS_GATEWAY unspecified or invalid: '192.168.12.1/24' is not an IPv4 address"]);
    expect(problems({ EGRESS_GATEWAY: "192.168.12.99" }))
      .toEqual(["EGRESS_GATEWAY unspecified or invalid: '192.168.12.99' is EGRESS_SOURCE itself"]);
  });

  const sources = [
    { source: "192.168.12.99", gateway: "10.0.0.1" },
    { source: "192.168.12.99/32", gateway: "10.0.0.1" },
    { source: "192.168.12.99/24", gateway: "192.168.12.0" },
    { source: "192.168.12.99/24", gateway: "192.168.12.255" },
    { source: "192.168.12.99/31", gateway: "192.168.12.98" },
  ];
  for (const { source, gateway } of sources) {
    test(`takes the gateway ${gateway} for the source ${source}`, () => {
      expect(problems({ EGRESS_SOURCE: source, EGRESS_GATEWAY: gateway })).toEqual([]);
    });
  }

  for (const gateway of ["192.168.11.255", "192.168.13.0"]) {
    test(`refuses the gateway ${gateway} outside the network that the source is said to be on`, () => {
      expect(problems({ EGRESS_SOURCE: "192.168.12.99/24", EGRESS_GATEWAY: gateway })).toEqual([
        `EGRESS_GATEWAY unspecified or invalid: '${gateway}' is outside EGRESS_SOURCE's network 192.168.12.0/24; ` +
        "without '/24' there any gateway is taken",
      ]);
    });
  }
});

test("findOddities() tells a cluster network that holds the source", () => {
  const networks = ["192.168.0.0/16", "172.30.0.0/16"].map((text) => Cidr.parse(text)!.cidr);
  expect(findOddities(readRouterSettings(GOOD, networks)))
    .toEqual(["The cluster network 192.168.0.0/16 holds EGRESS_SOURCE '192.168.12.99'"]);
  expect(findOddities(readRouterSettings(GOOD))).toEqual([]);
});
