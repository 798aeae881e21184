// What the kernel's messages are read as; and that no octets make the reading fail otherwise than by MalformedMessage.
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  MalformedMessage,
  parseAcknowledgement,
  parseAddress,
  parseLink,
  parseMessages,
  parseRoute,
} from "../../src/router/rtnetlink.ts";

function octets(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

const LINK = octets(
  "00000100 03000000 43100000 00000000 0d0003006d6163766c616e3000000000 0a00010056bfa76523be0000",
);
const ADDRESS = octets("02188000 03000000 08000100c0a80c63 08000200c0a80c63");
// default via 10.128.0.1 dev 2 metric 100, shown as linkdown (0x10), which is the kernel's to say.
const ROUTE = octets(
  "02000000fe03000110000000 08000f00fe000000 080006006400000008000500 0a800001 0800040002000000",
);
// EINVAL with the request's header alone, and the text.
const REFUSAL = octets(
  "eaffffff 2c000000 18000505 07000000 00000000 1f0001004e657874686f702068617320696e76616c6964206761746577617900 00",
);

describe("reading", () => {
  test("parseLink() finds index, name, state and hardware address", () => {
    expect(parseLink(LINK)).toEqual({
      index: 3,
      name: "macvlan0",
      isUp: true,
      isEthernet: true,
      hardwareAddress: octets("56bfa76523be"),
    });
  });

  test("parseAddress() finds interface, address and length", () => {
    const value = parseAddress(ADDRESS);
    expect([value?.interfaceIndex, value?.address.text, value?.prefixLength]).toEqual([3, "192.168.12.99", 24]);
  });

  test("parseRoute() finds the way and makes a body that can be given back", () => {
    const route = parseRoute(ROUTE)!;
    expect([route.gateway?.text, route.interfaceIndex, route.metric, route.table, route.prefixLength])
      .toEqual(["10.128.0.1", 2, 100, 254, 0]);
    expect(route.body[8]).toBe(0);
    expect({ ...parseRoute(route.body), body: 0 }).toEqual({ ...route, body: 0 });
  });

  test("parseRoute() passes over copies that the kernel made for itself, and IPv6", () => {
    const cloned = ROUTE.slice();
    cloned[9] = 2;
    expect(parseRoute(cloned)).toBeUndefined();
    const ipv6 = ROUTE.slice();
    ipv6[0] = 10;
    expect(parseRoute(ipv6)).toBeUndefined();
  });

  test("parseMessages() goes from one message to the next by lengths in fours", () => {
    const first = octets("15000000 1000 0200 07000000 00000000 6162636465 000000");
    const messages = parseMessages(
      octets(`${Buffer.from(first).toString("hex")} 10000000 0300 0200 07000000 00000000`),
    );
    expect(messages.map(({ type, payload }) => [type, payload.length])).toEqual([[16, 5], [3, 0]]);
  });

  test("an attribute is known by its type, however its value is written", () => {
    const nested = LINK.slice();
    nested[19] = 0x80;
    expect(parseLink(nested).name).toBe("macvlan0");
  });

  test("parseAcknowledgement() finds number and text", () => {
    const message = { type: 2, flags: 0x300, sequence: 7, payload: REFUSAL };
    expect(parseAcknowledgement(message)).toEqual({ errno: 22, text: "Nexthop has invalid gateway" });
    expect(parseAcknowledgement({ ...message, flags: 0x100 })).toEqual({ errno: 22, text: "" });
    expect(parseAcknowledgement({ ...message, payload: new Uint8Array(4), flags: 0 })).toEqual({ errno: 0, text: "" });
  });

  test("parseAcknowledgement() refuses a request whose length leads out of the message", () => {
    // The least that a request can have is its header, the most what is left of the message.
    for (const length of ["0f000000", "11000000", "00000000", "ff000000", "ffffff7f", "ffffffff"]) {
      const payload = octets(`eaffffff ${length} 18000505 07000000 00000000`);
      expect(() => parseAcknowledgement({ type: 2, flags: 0x200, sequence: 7, payload })).toThrow(MalformedMessage);
    }
  });
});

const PARSERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  parseLink,
  parseAddress,
  parseRoute,
  parseMessages,
  parseAcknowledgement: (payload) => parseAcknowledgement({ type: 2, flags: 0x200, sequence: 1, payload }),
};

function isReadOrRefused(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    parse(bytes);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
}

describe("hostile octets", () => {
  const seeds: Readonly<Record<string, Uint8Array>> = { parseLink: LINK, parseAddress: ADDRESS, parseRoute: ROUTE };
  for (const [name, parse] of Object.entries(PARSERS)) {
    test(`${name}() reads them or throws MalformedMessage`, () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isReadOrRefused(parse, bytes)));
    });
    const seed = seeds[name] ?? REFUSAL;
    test(`${name}() does so for a good message cut anywhere or with octets changed`, () => {
      for (let end = 0; end <= seed.length; end++) isReadOrRefused(parse, seed.subarray(0, end));
      fc.assert(fc.property(fc.nat(seed.length - 1), fc.nat(255), (at, octet) => {
        const bytes = seed.slice();
        bytes[at] = octet;
        isReadOrRefused(parse, bytes);
      }));
    });
  }

  test("parseMessages() refuses a length below the header's or beyond the datagram", () => {
    const header = (length: string) => octets(`${length} 0300 0000 01000000 00000000`);
    expect(parseMessages(header("10000000")).length).toBe(1);
    for (const length of ["0f000000", "11000000", "00000000", "ffffffff"]) {
      expect(() => parseMessages(header(length))).toThrow(MalformedMessage);
    }
  });
});
