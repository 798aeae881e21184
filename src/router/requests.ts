// Owns what is asked of the kernel by rtnetlink, as bytes. Knows no socket and no plan.
import type { IpAddress } from "../address/ip_address.ts";
import {
  ADDRESS_BYTES,
  AF_INET,
  attribute,
  concat,
  FLAG,
  HEADER_BYTES,
  IFA,
  IFF_UP,
  type InterfaceAddress,
  LINK_BYTES,
  MAIN_TABLE,
  parseAttributes,
  type Request,
  type Route,
  ROUTE_BYTES,
  ROUTE_UNICAST,
  RTA,
  SCOPE_LINK,
  SCOPE_UNIVERSE,
  TYPE,
} from "./rtnetlink.ts";

/** What `ip route add` marks its routes with. */
const PROTOCOL_BOOT = 3;

/** Formats a request with its number as one datagram. */
export function formatRequest(request: Request, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + request.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, request.type, true);
  view.setUint16(6, request.flags | FLAG.REQUEST, true);
  view.setUint32(8, sequence, true);
  bytes.set(request.body, HEADER_BYTES);
  return bytes;
}

/** Asks for all links. */
export function requestLinks(): Request {
  return { type: TYPE.GETLINK, flags: FLAG.DUMP, body: new Uint8Array(LINK_BYTES) };
}

/** Asks for all IPv4 addresses. */
export function requestAddresses(): Request {
  return { type: TYPE.GETADDR, flags: FLAG.DUMP, body: withFirst(new Uint8Array(ADDRESS_BYTES), AF_INET) };
}

/** Asks for all IPv4 routes. */
export function requestRoutes(): Request {
  return { type: TYPE.GETROUTE, flags: FLAG.DUMP, body: withFirst(new Uint8Array(ROUTE_BYTES), AF_INET) };
}

/** Raises an interface or takes it down. */
export function setLinkUp(interfaceIndex: number, isUp: boolean): Request {
  const body = new Uint8Array(LINK_BYTES);
  const view = new DataView(body.buffer);
  view.setUint32(4, interfaceIndex, true);
  view.setUint32(8, isUp ? IFF_UP : 0, true);
  view.setUint32(12, IFF_UP, true);
  return { type: TYPE.NEWLINK, flags: FLAG.ACK, body };
}

/** Gives an interface an address, of global scope and without a broadcast address; fails where it is there. */
export function addAddress(value: InterfaceAddress): Request {
  return { type: TYPE.NEWADDR, flags: FLAG.ACK | FLAG.CREATE | FLAG.EXCLUSIVE, body: addressBody(value) };
}

/** Takes an address from an interface. */
export function deleteAddress(value: InterfaceAddress): Request {
  return { type: TYPE.DELADDR, flags: FLAG.ACK, body: addressBody(value) };
}

function addressBody({ interfaceIndex, address, prefixLength }: InterfaceAddress): Uint8Array {
  const head = Uint8Array.of(AF_INET, prefixLength, 0, 0, 0, 0, 0, 0);
  new DataView(head.buffer).setUint32(4, interfaceIndex, true);
  return concat([head, attribute(IFA.LOCAL, address.bytes), attribute(IFA.ADDRESS, address.bytes)]);
}

/** The body of a host route straight out of an interface. */
export function hostRouteBody(host: IpAddress, interfaceIndex: number): Uint8Array {
  return concat([
    routeHead(32, SCOPE_LINK, 0),
    attribute(RTA.DST, host.bytes),
    attribute(RTA.OIF, uint32(interfaceIndex)),
  ]);
}

/** The body of a default route; connections by it come from `source`, or from what the kernel picks. */
export function defaultRouteBody(gateway: IpAddress, interfaceIndex: number, source?: IpAddress): Uint8Array {
  const parts = [
    routeHead(0, SCOPE_UNIVERSE, 0),
    attribute(RTA.GATEWAY, gateway.bytes),
    attribute(RTA.OIF, uint32(interfaceIndex)),
  ];
  if (source !== undefined) parts.push(attribute(RTA.PREFSRC, source.bytes));
  return concat(parts);
}

/** The body of a route to a network that goes the way of another route, whatever that way is. */
export function sameWayBody(network: IpAddress, prefixLength: number, way: Route): Uint8Array {
  const parts = [routeHead(prefixLength, way.scope, way.body[8] ?? 0), attribute(RTA.DST, network.bytes)];
  const kept: readonly number[] = [
    ...[RTA.GATEWAY, RTA.OIF, RTA.PREFSRC, RTA.METRICS, RTA.MULTIPATH, RTA.VIA],
    ...[RTA.FLOW, RTA.ENCAP_TYPE, RTA.ENCAP, RTA.NEXTHOP_ID],
  ];
  const attributes = parseAttributes(way.body.subarray(ROUTE_BYTES));
  for (const type of kept) {
    const value = attributes.get(type);
    if (value !== undefined) parts.push(attribute(type, value));
  }
  return concat(parts);
}

/** Adds a route; fails where one for the same network and metric is there. */
export function addRoute(body: Uint8Array): Request {
  return { type: TYPE.NEWROUTE, flags: FLAG.ACK | FLAG.CREATE | FLAG.EXCLUSIVE, body };
}

/** Adds a route behind those for the same network and metric. */
export function appendRoute(body: Uint8Array): Request {
  return { type: TYPE.NEWROUTE, flags: FLAG.ACK | FLAG.CREATE | FLAG.APPEND, body };
}

/** Puts a route in the place of the first for the same network and metric, in one step. */
export function replaceRoute(body: Uint8Array): Request {
  return { type: TYPE.NEWROUTE, flags: FLAG.ACK | FLAG.CREATE | FLAG.REPLACE, body };
}

/** Removes a route. */
export function deleteRoute(body: Uint8Array): Request {
  return { type: TYPE.DELROUTE, flags: FLAG.ACK, body };
}

function routeHead(prefixLength: number, scope: number, flags: number): Uint8Array {
  return Uint8Array.of(AF_INET, prefixLength, 0, 0, MAIN_TABLE, PROTOCOL_BOOT, scope, ROUTE_UNICAST, flags, 0, 0, 0);
}

function withFirst(bytes: Uint8Array, first: number): Uint8Array {
  bytes[0] = first;
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
