// Networks as values of an option: which texts are one, and why others are not.
import { describe, expect, test } from "bun:test";
import { IPV4_NETWORK } from "../../src/cli/ipv4_network.ts";

describe("IPV4_NETWORK", () => {
  for (const text of ["10.128.0.0/14", "172.30.0.0/16", "0.0.0.0/1", "192.0.2.1/32"]) {
    test(`takes ${text}`, () => {
      const parsed = IPV4_NETWORK.parse(text);
      expect("value" in parsed && parsed.value.text).toBe(text);
    });
  }

  const table = [
    { text: "10.0.0.1/8", why: "it has host bits set, its network is '10.0.0.0/8'" },
    { text: "0.0.0.0/0", why: "it is everything, which the gateway is for" },
    { text: "10.0.0.0/33", why: "it is none" },
    { text: "10.0.0.0/08", why: "it is none" },
    { text: "010.0.0.0/8", why: "it is none" },
    { text: "fd00::/8", why: "it is none" },
    { text: "::ffff:10.0.0.0/104", why: "it is none" },
    { text: "10.0.0.0", why: "it has no '/LENGTH'" },
    { text: "", why: "it has no '/LENGTH'" },
  ];
  for (const { text, why } of table) {
    test(`refuses ${JSON.stringify(text)}`, () => expect(IPV4_NETWORK.parse(text)).toEqual({ why }));
  }
});
