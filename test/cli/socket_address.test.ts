// Addresses to listen on and name servers, as operators write them.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatSocketAddress } from "../../src/address/ip_address.ts";
import { LISTEN_ADDRESS, offOr, RESOLVER_ADDRESS } from "../../src/cli/socket_address.ts";

describe("LISTEN_ADDRESS", () => {
  const good = [
    { input: ":8080", expected: "* 8080" },
    { input: ":0", expected: "* 0" },
    { input: "127.0.0.1:0", expected: "127.0.0.1 0" },
    { input: "127.0.0.1:65535", expected: "127.0.0.1 65535" },
    { input: "[::1]:8080", expected: "::1 8080" },
    { input: "[::]:8080", expected: ":: 8080" },
    { input: "[::ffff:127.0.0.1]:8080", expected: "127.0.0.1 8080" },
  ];
  for (const { input, expected } of good) {
    test(`takes ${input}`, () => {
      const parsed = LISTEN_ADDRESS.parse(input);
      expect("value" in parsed && `${parsed.value.address?.text ?? "*"} ${parsed.value.port}`).toBe(expected);
    });
  }

  const bad = [
    { input: "8080", expected: "it is a port alone, write ':8080' for every address" },
    { input: "", expected: "the port is missing" },
    { input: "127.0.0.1", expected: "the port is missing" },
    { input: "[::1]", expected: "the port is missing" },
    { input: "localhost", expected: "the port is missing" },
    { input: "localhost:8080", expected: "the part before the port is not an IP address" },
    { input: "*:8080", expected: "the part before the port is not an IP address" },
    { input: "127.1:8080", expected: "the part before the port is not an IP address" },
    { input: "::1:8080", expected: "an IPv6 address with a port needs brackets" },
    { input: "::1", expected: "an IPv6 address with a port needs brackets" },
    { input: "[127.0.0.1]:80", expected: "only an IPv6 address has brackets" },
    { input: "[]:80", expected: "only an IPv6 address has brackets" },
    { input: "[::1]8080", expected: "what is in brackets is not followed by ':PORT'" },
    { input: "[::1", expected: "what is in brackets is not followed by ':PORT'" },
    { input: "[::g]:80", expected: "the part before the port is not an IP address" },
    { input: "[fe80::1%eth0]:80", expected: "a zone is not supported" },
    { input: ":", expected: "the port is bad, it is not a whole number" },
    { input: ":http", expected: "the port is bad, it is not a whole number" },
    { input: ":65536", expected: "the port is bad, the most is 65535" },
    { input: ":-1", expected: "the port is bad, it is not a whole number" },
  ];
  for (const { input, expected } of bad) {
    test(`refuses '${input}'`, () => expect(LISTEN_ADDRESS.parse(input)).toEqual({ why: expected }));
  }

  test("takes nothing that it would not write the same way", () => {
    const pieces = fc.constantFrom(":", "::", "[", "]", "1", "255", ".", "a", "%", "80", "127.0.0.1", "0", " ", "\n");
    fc.assert(fc.property(fc.array(pieces).map((parts) => parts.join("")), (text) => {
      const parsed = LISTEN_ADDRESS.parse(text);
      if (!("value" in parsed)) return;
      const { address, port } = parsed.value;
      const written = address === undefined ? `:${port}` : formatSocketAddress(address, port);
      expect(LISTEN_ADDRESS.parse(written)).toEqual(parsed);
    }));
  });
});

describe("RESOLVER_ADDRESS", () => {
  const good = [
    { input: "10.0.0.10", expected: "10.0.0.10:53" },
    { input: "10.0.0.10:5353", expected: "10.0.0.10:5353" },
    { input: "2001:db8::1", expected: "[2001:db8::1]:53" },
    { input: "[2001:db8::1]", expected: "[2001:db8::1]:53" },
    { input: "[2001:db8::1]:1", expected: "[2001:db8::1]:1" },
  ];
  for (const { input, expected } of good) {
    test(`takes ${input}`, () => {
      const parsed = RESOLVER_ADDRESS.parse(input);
      expect("value" in parsed && formatSocketAddress(parsed.value.address, parsed.value.port)).toBe(expected);
    });
  }

  const bad = [
    { input: "", expected: "the address is missing" },
    { input: ":53", expected: "the address is missing" },
    { input: "dns.example", expected: "the part before the port is not an IP address" },
    { input: "10.0.0.10:0", expected: "the port is bad, the least is 1" },
    { input: "10.0.0.10:65536", expected: "the port is bad, the most is 65535" },
  ];
  for (const { input, expected } of bad) {
    test(`refuses '${input}'`, () => expect(RESOLVER_ADDRESS.parse(input)).toEqual({ why: expected }));
  }
});

describe("offOr()", () => {
  test("takes the word and what the kind takes", () => {
    const kind = offOr(LISTEN_ADDRESS);
    expect(kind.parse("off")).toEqual({ value: undefined });
    expect(kind.parse(":8081")).toEqual({ value: { address: undefined, port: 8081 } });
    expect(kind.parse("on")).toEqual({ why: "the port is missing" });
  });
});
