// Requests to the kernel, octet by octet, as they were seen to work.
import { describe, expect, test } from "bun:test";
import { Cidr } from "../../src/address/cidr.ts";
import { IpAddress } from "../../src/address/ip_address.ts";
import * as ask from "../../src/router/requests.ts";
import { parseRoute, type Request } from "../../src/router/rtnetlink.ts";

const SOURCE = IpAddress.parse("192.168.12.99")!;
const GATEWAY = IpAddress.parse("192.168.12.1")!;
const OLD = parseRoute(ask.defaultRouteBody(IpAddress.parse("10.128.0.1")!, 2))!;
const CLUSTER = Cidr.parse("172.30.0.0/16")!.cidr;

const table: { name: string; request: Request; expected: string }[] = [
  {
    name: "list links",
    request: ask.requestLinks(),
    expected: "20000000 1200 0103 07000000 00000000 00000000000000000000000000000000",
  },
  {
    name: "list addresses",
    request: ask.requestAddresses(),
    expected: "18000000 1600 0103 07000000 00000000 0200000000000000",
  },
  {
    name: "list routes",
    request: ask.requestRoutes(),
    expected: "1c000000 1a00 0103 07000000 00000000 020000000000000000000000",
  },
  {
    name: "add an address",
    request: ask.addAddress({ interfaceIndex: 3, address: SOURCE, prefixLength: 24 }),
    expected: "28000000 1400 0506 07000000 00000000 0218000003000000 08000200c0a80c63 08000100c0a80c63",
  },
  {
    name: "delete an address",
    request: ask.deleteAddress({ interfaceIndex: 0x01020304, address: SOURCE, prefixLength: 32 }),
    expected: "28000000 1500 0500 07000000 00000000 0220000004030201 08000200c0a80c63 08000100c0a80c63",
  },
  {
    name: "bring a link up",
    request: ask.setLinkUp(3, true),
    expected: "20000000 1000 0500 07000000 00000000 00000000 03000000 01000000 01000000",
  },
  {
    name: "take a link down",
    request: ask.setLinkUp(3, false),
    expected: "20000000 1000 0500 07000000 00000000 00000000 03000000 00000000 01000000",
  },
  {
    name: "add a host route",
    request: ask.addRoute(ask.hostRouteBody(GATEWAY, 3)),
    expected: "2c000000 1800 0506 07000000 00000000 02200000fe03fd0100000000 08000100c0a80c01 0800040003000000",
  },
  {
    name: "replace the default route",
    request: ask.replaceRoute(ask.defaultRouteBody(GATEWAY, 3)),
    expected: "2c000000 1800 0505 07000000 00000000 02000000fe03000100000000 08000500c0a80c01 0800040003000000",
  },
  {
    name: "replace the default route by one from an address",
    request: ask.replaceRoute(ask.defaultRouteBody(GATEWAY, 3, SOURCE)),
    expected: "34000000 1800 0505 07000000 00000000 02000000fe03000100000000 08000500c0a80c01 0800040003000000 " +
      "08000700c0a80c63",
  },
  {
    name: "append a route",
    request: ask.appendRoute(ask.defaultRouteBody(GATEWAY, 3)),
    expected: "2c000000 1800 050c 07000000 00000000 02000000fe03000100000000 08000500c0a80c01 0800040003000000",
  },
  {
    name: "delete a route",
    request: ask.deleteRoute(ask.defaultRouteBody(GATEWAY, 3)),
    expected: "2c000000 1900 0500 07000000 00000000 02000000fe03000100000000 08000500c0a80c01 0800040003000000",
  },
  {
    name: "add a route to the cluster the way of the old default route",
    request: ask.addRoute(ask.sameWayBody(CLUSTER.network, CLUSTER.prefixLength, OLD)),
    expected: "34000000 1800 0506 07000000 00000000 02100000fe03000100000000 08000100ac1e0000 " +
      "080005000a800001 0800040002000000",
  },
];

describe("formatRequest()", () => {
  for (const { name, request, expected } of table) {
    test(`formats what is to ${name}`, () => {
      expect(Buffer.from(ask.formatRequest(request, 7)).toString("hex")).toBe(expected.replaceAll(" ", ""));
    });
  }
});
