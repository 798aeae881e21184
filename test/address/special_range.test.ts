// Proves which addresses are not remote, each range with its neighbours on both sides and inside every embedding.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IpAddress } from "../../src/address/ip_address.ts";
import { embeddedIpv4, type SpecialRange, specialRangeOf } from "../../src/address/special_range.ts";

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`Cannot parse '${text}'`);
  return parsed;
}

const IPV4: readonly { first: string; last: string; range: SpecialRange; before?: string; behind?: string }[] = [
  { first: "0.0.0.0", last: "0.255.255.255", range: "unspecified", behind: "1.0.0.0" },
  { first: "127.0.0.0", last: "127.255.255.255", range: "loopback", before: "126.255.255.255", behind: "128.0.0.0" },
  {
    first: "169.254.0.0",
    last: "169.254.255.255",
    range: "link-local",
    before: "169.253.255.255",
    behind: "169.255.0.0",
  },
  { first: "224.0.0.0", last: "239.255.255.255", range: "multicast", before: "223.255.255.255", behind: "240.0.0.0" },
  { first: "255.255.255.255", last: "255.255.255.255", range: "broadcast", before: "255.255.255.254" },
];

const IPV6: readonly { first: string; last: string; range: SpecialRange; before?: string; behind?: string }[] = [
  { first: "::", last: "::", range: "unspecified" },
  { first: "::1", last: "::1", range: "loopback" },
  {
    first: "fe80::",
    last: "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    range: "link-local",
    before: "fe7f::",
    behind: "fec0::",
  },
  { first: "ff00::", last: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", range: "multicast", before: "feff:ffff::" },
];

/** Every way to carry an IPv4 address in an IPv6 one that is known here. */
const EMBEDDINGS: readonly { name: string; embed: (octets: readonly number[]) => string }[] = [
  { name: "IPv4-mapped", embed: (o) => `::ffff:${o.join(".")}` },
  { name: "NAT64", embed: (o) => `64:ff9b::${o.join(".")}` },
  { name: "local-use NAT64", embed: (o) => `64:ff9b:1:fffe:0:7:${o.join(".")}` },
  { name: "6to4", embed: ([a = 0, b = 0, c = 0, d = 0]) => `2002:${hex(a, b)}:${hex(c, d)}:1::1` },
  {
    name: "Teredo",
    embed: ([a = 0, b = 0, c = 0, d = 0]) => `2001:0:c000:201:0:ffff:${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
  },
  { name: "ISATAP", embed: (o) => `2001:db8::5efe:${o.join(".")}` },
  { name: "ISATAP with the universal bit", embed: (o) => `2001:db8:0:1:200:5efe:${o.join(".")}` },
];

function hex(high: number, low: number): string {
  return (high << 8 | low).toString(16);
}

describe("specialRangeOf()", () => {
  for (const { first, last, range, before, behind } of IPV4) {
    for (const text of [first, last]) {
      test(`A6: finds ${text} to be ${range}`, () => expect(specialRangeOf(address(text))).toBe(range));
      for (const { name, embed } of EMBEDDINGS) {
        const embedded = embed([...address(text).bytes]);
        test(`A5: finds ${text} as ${name} ${embedded} to be ${range}`, () => {
          expect(specialRangeOf(address(embedded))).toBe(range);
        });
      }
    }
    for (const text of [before, behind]) {
      if (text === undefined) continue;
      test(`finds ${text}, beside ${range}, to be remote`, () => expect(specialRangeOf(address(text))).toBeUndefined());
      for (const { name, embed } of EMBEDDINGS) {
        const embedded = embed([...address(text).bytes]);
        test(`finds ${text} as ${name} ${embedded} to be remote`, () => {
          expect(specialRangeOf(address(embedded))).toBeUndefined();
        });
      }
    }
  }

  for (const { first, last, range, before, behind } of IPV6) {
    for (const text of [first, last]) {
      test(`A6: finds ${text} to be ${range}`, () => expect(specialRangeOf(address(text))).toBe(range));
    }
    for (const text of [before, behind]) {
      if (text === undefined) continue;
      test(`finds ${text}, beside ${range}, to be remote`, () => expect(specialRangeOf(address(text))).toBeUndefined());
    }
  }

  const others = [
    { name: "an IPv4-compatible loopback address", input: "::127.0.0.1", expected: "loopback" },
    { name: "an IPv4-compatible address of 0/8, beside ::1", input: "::2", expected: "unspecified" },
    { name: "an IPv4-compatible remote address", input: "::8.8.8.8", expected: undefined },
    { name: "an address that only looks like 6to4", input: "2003:7f00:1::", expected: undefined },
    { name: "an address beside Teredo", input: "2001:1:c000:201:0:ffff:80ff:fffe", expected: undefined },
    { name: "an address beside NAT64", input: "64:ff9b::1:7f00:1", expected: undefined },
    { name: "an address beside local-use NAT64", input: "64:ff9b:2::7f00:1", expected: undefined },
    { name: "an interface identifier beside ISATAP", input: "2001:db8::100:5efe:7f00:1", expected: undefined },
    { name: "an ISATAP link-local address", input: "fe80::5efe:8.8.8.8", expected: "link-local" },
    { name: "private addresses", input: "10.0.0.1", expected: undefined },
    { name: "unique local addresses", input: "fd00::1", expected: undefined },
  ] as const;
  for (const { name, input, expected } of others) {
    test(`finds ${name} (${input}) to be ${expected ?? "remote"}`, () => {
      expect(specialRangeOf(address(input))).toBe(expected);
    });
  }
});

describe("embeddedIpv4()", () => {
  const octet = fc.nat(255);
  for (const { name, embed } of EMBEDDINGS.slice(1)) {
    test(`A5: finds the IPv4 address in every ${name} address`, () => {
      fc.assert(fc.property(octet, octet, octet, octet, (...octets) => {
        const found = embeddedIpv4(address(embed(octets))).map((inner) => inner.text);
        expect(found).toEqual([octets.join(".")]);
      }));
    });
  }

  const table = [
    { name: "none in IPv4", input: "192.0.2.1", expected: [] },
    { name: "none in ordinary IPv6", input: "2001:db8::c000:201", expected: [] },
    { name: "none in ::", input: "::", expected: [] },
    { name: "none in ::1", input: "::1", expected: [] },
    { name: "that of an IPv4-compatible address", input: "::192.0.2.1", expected: ["192.0.2.1"] },
    {
      name: "both of a 6to4 address with an ISATAP end",
      input: "2002:a00:1::5efe:10.0.0.2",
      expected: ["10.0.0.1", "10.0.0.2"],
    },
  ];
  for (const { name, input, expected } of table) {
    test(`finds ${name}`, () => expect(embeddedIpv4(address(input)).map((inner) => inner.text)).toEqual(expected));
  }
});
