// Proves that a range is read strictly, masked, and matched at its edges.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { Cidr } from "../../src/address/cidr.ts";
import { IpAddress } from "../../src/address/ip_address.ts";

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`Cannot parse '${text}'`);
  return parsed;
}

describe("Cidr.parse()", () => {
  const good = [
    { input: "10.0.0.0/8", expected: "10.0.0.0/8", masked: false },
    { input: "10.1.2.3/8", expected: "10.0.0.0/8", masked: true },
    { input: "0.0.0.0/0", expected: "0.0.0.0/0", masked: false },
    { input: "1.2.3.4/0", expected: "0.0.0.0/0", masked: true },
    { input: "1.2.3.4/32", expected: "1.2.3.4/32", masked: false },
    { input: "1.2.3.5/31", expected: "1.2.3.4/31", masked: true },
    { input: "172.31.0.0/12", expected: "172.16.0.0/12", masked: true },
    { input: "::/0", expected: "::/0", masked: false },
    { input: "fe80::1/10", expected: "fe80::/10", masked: true },
    { input: "febf::/10", expected: "fe80::/10", masked: true },
    { input: "2001:db8::/128", expected: "2001:db8::/128", masked: false },
    { input: "2001:db8::1/127", expected: "2001:db8::/127", masked: true },
    { input: "::ffff:10.0.0.0/104", expected: "10.0.0.0/8", masked: false },
    { input: "::ffff:0:0/96", expected: "0.0.0.0/0", masked: false },
    { input: "::ffff:10.1.0.0/104", expected: "10.0.0.0/8", masked: true },
    { input: "::ffff:1.2.3.4/128", expected: "1.2.3.4/32", masked: false },
  ];
  for (const { input, expected, masked } of good) {
    test(`reads ${input} as ${expected}${masked ? ", masked" : ""}`, () => {
      const parsed = Cidr.parse(input);
      expect({ text: parsed?.cidr.text, masked: parsed?.hostBitsMasked }).toEqual({ text: expected, masked });
    });
  }

  const bad = [
    "",
    "/",
    "/8",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/+8",
    "10.0.0.0/08",
    "10.0.0.0/ 8",
    "10.0.0.0/8 ",
    "10.0.0.0/8/8",
    "10.0.0.0/8junk",
    "10.0.0.0/0x8",
    "10.0.0.0/1e1",
    "10.0.0.0/255.0.0.0",
    "10/8",
    "010.0.0.0/8",
    "::/129",
    "::/1000",
    "::1%lo/128",
    "[::]/0",
    "::ffff:10.0.0.0/95",
    "::ffff:10.0.0.0/8",
    "::ffff:10.0.0.0/129",
    "example.com/8",
  ];
  for (const input of bad) {
    test(`refuses '${input}'`, () => expect(Cidr.parse(input)).toBeUndefined());
  }
});

describe("Cidr.of()", () => {
  for (const length of [-1, 33, 8.5]) {
    test(`refuses a prefix length of ${length} for IPv4`, () => {
      expect(() => Cidr.of(address("10.0.0.0"), length)).toThrow(RangeError);
    });
  }
});

describe("Cidr.contains()", () => {
  const table = [
    {
      cidr: "10.0.0.0/8",
      inside: ["10.0.0.0", "10.255.255.255", "::ffff:10.0.0.1"],
      outside: ["9.255.255.255", "11.0.0.0"],
    },
    { cidr: "192.168.1.128/25", inside: ["192.168.1.128", "192.168.1.255"], outside: ["192.168.1.127", "192.168.2.0"] },
    { cidr: "1.2.3.4/32", inside: ["1.2.3.4"], outside: ["1.2.3.3", "1.2.3.5", "::1.2.3.4"] },
    { cidr: "0.0.0.0/0", inside: ["0.0.0.0", "255.255.255.255"], outside: ["::", "::1", "64:ff9b::1.2.3.4"] },
    { cidr: "::/0", inside: ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], outside: ["0.0.0.0", "::ffff:1.2.3.4"] },
    { cidr: "fe80::/10", inside: ["fe80::", "febf:ffff::1"], outside: ["fe7f:ffff::", "fec0::"] },
    { cidr: "2001:db8::/33", inside: ["2001:db8:7fff::"], outside: ["2001:db8:8000::"] },
  ];
  for (const { cidr, inside, outside } of table) {
    const range = Cidr.parse(cidr)?.cidr;
    for (const text of inside) {
      test(`holds ${text} in ${cidr}`, () => expect(range?.contains(address(text))).toBe(true));
    }
    for (const text of outside) {
      test(`holds ${text} not in ${cidr}`, () => expect(range?.contains(address(text))).toBe(false));
    }
  }

  test("agrees with ipaddr.js", () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(fc.property(octets, fc.nat(128), fc.nat(127), (bytes, length, flip) => {
      const network = IpAddress.fromBytes(bytes);
      const bits = network.bytes.length * 8;
      const prefixLength = length % (bits + 1);
      const other = network.bytes.slice();
      const bit = flip % bits;
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ 0x80 >> (bit & 7);
      const candidate = IpAddress.fromBytes(other);
      if (candidate.family !== network.family) return;
      const theirs = ipaddr.parse(candidate.text).match(ipaddr.parse(network.text), prefixLength);
      expect(Cidr.of(network, prefixLength).cidr.contains(candidate)).toBe(theirs);
    }));
  });
});
