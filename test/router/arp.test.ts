// The two frames that announce an address, octet by octet.
import { expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { formatAnnouncement } from "../../src/router/arp.ts";

const MAC = Uint8Array.of(0x56, 0xbf, 0xa7, 0x65, 0x23, 0xbe);
const ADDRESS = IpAddress.parse("192.168.12.99")!;

const table = [
  {
    form: "reply",
    expected: "ffffffffffff 56bfa76523be 0806 0001 0800 06 04 0002 56bfa76523be c0a80c63 56bfa76523be c0a80c63",
  },
  {
    form: "request",
    expected: "ffffffffffff 56bfa76523be 0806 0001 0800 06 04 0001 56bfa76523be c0a80c63 ffffffffffff c0a80c63",
  },
] as const;

for (const { form, expected } of table) {
  test(`formatAnnouncement() formats a ${form}`, () => {
    const frame = formatAnnouncement(form, MAC, ADDRESS);
    expect(Buffer.from(frame).toString("hex")).toBe(expected.replaceAll(" ", ""));
  });
}
