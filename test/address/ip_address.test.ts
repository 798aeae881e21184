// Proves that an address is read strictly and written canonically.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { formatSocketAddress, IpAddress } from "../../src/address/ip_address.ts";

/** The URL Standard's reading of an IPv6 text, mapped addresses as IPv4; undefined where it refuses. */
function parseByUrl(text: string): string | undefined {
  // Bun 1.4.5's URL takes a last single colon behind a gap (`::1:`), which the standard does not; Deno 2.9.6 refuses it.
  if (/[^:]:$/.test(text)) return undefined;
  try {
    const hostname = new URL(`http://[${text}]/`).hostname.slice(1, -1);
    const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(hostname);
    if (mapped === null) return hostname;
    const [high, low] = [parseInt(mapped[1] ?? "", 16), parseInt(mapped[2] ?? "", 16)];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  } catch {
    return undefined;
  }
}

describe("IpAddress.parse()", () => {
  const good = [
    { name: "IPv4", input: "192.0.2.1", expected: "192.0.2.1", family: 4 },
    { name: "the lowest IPv4", input: "0.0.0.0", expected: "0.0.0.0", family: 4 },
    { name: "the highest IPv4", input: "255.255.255.255", expected: "255.255.255.255", family: 4 },
    { name: "full IPv6", input: "2001:0db8:0000:0000:0000:0000:0000:0001", expected: "2001:db8::1", family: 6 },
    { name: "upper-case IPv6", input: "2001:DB8::AbCd", expected: "2001:db8::abcd", family: 6 },
    { name: "the unspecified address", input: "::", expected: "::", family: 6 },
    { name: "a gap at the start", input: "::1", expected: "::1", family: 6 },
    { name: "a gap at the end", input: "1::", expected: "1::", family: 6 },
    { name: "a gap of one group", input: "1:2:3:4:5:6:7::", expected: "1:2:3:4:5:6:7:0", family: 6 },
    {
      name: "the first of two equal zero runs shortened",
      input: "1:0:0:2:3:0:0:4",
      expected: "1::2:3:0:0:4",
      family: 6,
    },
    { name: "the longer zero run shortened", input: "1:0:0:2:0:0:0:4", expected: "1:0:0:2::4", family: 6 },
    { name: "a single zero group kept", input: "1:0:2:3:4:5:6:7", expected: "1:0:2:3:4:5:6:7", family: 6 },
    { name: "a dotted tail", input: "64:ff9b::192.0.2.33", expected: "64:ff9b::c000:221", family: 6 },
    { name: "a dotted tail without a gap", input: "1:2:3:4:5:6:1.2.3.4", expected: "1:2:3:4:5:6:102:304", family: 6 },
    { name: "an IPv4-compatible address", input: "::1.2.3.4", expected: "::102:304", family: 6 },
    { name: "A4: an IPv4-mapped address as IPv4", input: "::ffff:1.2.3.4", expected: "1.2.3.4", family: 4 },
    { name: "A4: an IPv4-mapped address in hexadecimal", input: "::FFFF:102:304", expected: "1.2.3.4", family: 4 },
    { name: "A4: an IPv4-mapped address in full", input: "0:0:0:0:0:ffff:7f00:1", expected: "127.0.0.1", family: 4 },
    { name: "not mapped: one bit beside", input: "::fffe:1.2.3.4", expected: "::fffe:102:304", family: 6 },
    { name: "not mapped: one group further", input: "::1:ffff:1.2.3.4", expected: "::1:ffff:102:304", family: 6 },
  ] as const;
  for (const { name, input, expected, family } of good) {
    test(`reads ${name}`, () => {
      const address = IpAddress.parse(input);
      expect({ text: address?.text, family: address?.family }).toEqual({ text: expected, family });
    });
  }

  const bad = [
    "",
    " ",
    ".",
    ":",
    ":::",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4.",
    ".1.2.3.4",
    "1..2.3",
    "1.2.3.256",
    "1.2.3.1000",
    "01.2.3.4",
    "1.2.3.04",
    "00.0.0.0",
    "0x7f.0.0.1",
    "127.1",
    "2130706433",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.+4",
    "1.2.3.-4",
    "1.2.3.4/8",
    "１.2.3.4",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8:",
    ":1:2:3:4:5:6:7",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
    "1:::2",
    "::12345",
    "::g",
    "::1%eth0",
    "::1%25lo",
    "[::1]",
    "::1.2.3",
    "::1.2.3.4.5",
    "::01.2.3.4",
    "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1:2:3:4:5:6:7:1.2.3.4",
    "::-1",
    "::+1",
    "1.2.3.4::",
    "::ffff:1.2.3.256",
    "0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1",
  ];
  for (const input of bad) {
    test(`refuses '${input}'`, () => expect(IpAddress.parse(input)).toBeUndefined());
  }

  test("agrees with ipaddr.js on every address that either of them writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(65535), (octets, zeros) => {
        // Zero groups at random, so that every form of "::" comes up.
        for (let group = 0; group < 8; group++) {
          if (zeros >> group & 1) octets.fill(0, group * 2, group * 2 + 2);
        }
        const theirs = new ipaddr.IPv6([...octets]);
        const ours = IpAddress.fromBytes(octets);
        if (ours.family === 4) return;
        expect(ours.text).toBe(theirs.toRFC5952String());
        expect(IpAddress.parse(theirs.toNormalizedString())?.bytes).toEqual(octets);
        expect(IpAddress.parse(ours.text)?.bytes).toEqual(octets);
      }),
    );
  });

  test("takes the same IPv6 texts as the URL Standard, and reads them alike", () => {
    const piece = fc.constantFrom(":", "::", "0", "1", "ffff", "db8", "fffff", "1.2.3.4", "01.2.3.4", ".", "g");
    const text = fc.array(piece, { maxLength: 14 }).map((pieces) => `:${pieces.join("")}`);
    fc.assert(
      fc.property(fc.oneof(text, text.map((whole) => whole.slice(1))), (candidate) => {
        if (!candidate.includes(":")) return;
        const theirs = parseByUrl(candidate);
        const ours = IpAddress.parse(candidate);
        expect(ours?.text).toBe(theirs);
      }),
      { numRuns: 3000 },
    );
  });

  test("never throws, whatever the text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      const address = IpAddress.parse(text);
      if (address !== undefined) expect(IpAddress.parse(address.text)?.equals(address)).toBe(true);
    }));
  });
});

describe("IpAddress.fromBytes()", () => {
  test("copies the octets", () => {
    const octets = Uint8Array.of(192, 0, 2, 1);
    const address = IpAddress.fromBytes(octets);
    octets[0] = 10;
    expect(address.text).toBe("192.0.2.1");
  });

  test("A4: makes an IPv4-mapped address its IPv4 address", () => {
    const octets = new Uint8Array(16);
    octets.set([0xff, 0xff, 127, 0, 0, 1], 10);
    const address = IpAddress.fromBytes(octets);
    expect({ family: address.family, text: address.text }).toEqual({ family: 4, text: "127.0.0.1" });
  });

  for (const length of [0, 3, 5, 15, 17]) {
    test(`refuses ${length} octets`, () => {
      expect(() => IpAddress.fromBytes(new Uint8Array(length))).toThrow(
        `Cannot make an address of ${length} octets: 4 or 16 are needed`,
      );
    });
  }
});

describe("IpAddress.hasBytes()", () => {
  const bytes = Uint8Array.of(9, 192, 0, 2, 1, 9);
  for (
    const { name, address, start, end, expected } of [
      { name: "its own octets within others", address: "192.0.2.1", start: 1, end: 5, expected: true },
      { name: "another's", address: "192.0.2.2", start: 1, end: 5, expected: false },
      { name: "a range beside them", address: "192.0.2.1", start: 0, end: 4, expected: false },
      { name: "a range that is too short", address: "192.0.2.1", start: 1, end: 4, expected: false },
      { name: "a range that is too long", address: "192.0.2.1", start: 1, end: 6, expected: false },
    ]
  ) {
    test(`${name}: ${expected}`, () => {
      expect(IpAddress.parse(address)?.hasBytes(bytes, start, end)).toBe(expected);
    });
  }
});

describe("IpAddress.equals()", () => {
  const one = IpAddress.fromBytes(Uint8Array.of(1, 2, 3, 4));
  test("is true for another spelling of the same address", () => {
    expect(IpAddress.parse("::ffff:102:304")?.equals(one)).toBe(true);
  });
  test("is false for a neighbour and for the other family", () => {
    expect(IpAddress.parse("1.2.3.5")?.equals(one)).toBe(false);
    expect(IpAddress.parse("::1.2.3.4")?.equals(one)).toBe(false);
  });
});

describe("formatSocketAddress()", () => {
  const table = [
    { address: "192.0.2.1", expected: "192.0.2.1:80" },
    { address: "::1", expected: "[::1]:80" },
    { address: "::ffff:192.0.2.1", expected: "192.0.2.1:80" },
  ];
  for (const { address, expected } of table) {
    test(`writes ${address} as ${expected}`, () => {
      const parsed = IpAddress.parse(address);
      expect(parsed && formatSocketAddress(parsed, 80)).toBe(expected);
    });
  }
});
