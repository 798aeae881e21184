// Owns rtnetlink messages as bytes read: headers, attributes, links, addresses, routes, acknowledgements. What is asked
// is in requests.ts. Knows no socket and no plan. Numbers are in the machine's order, little-endian wherever this runs; addresses in the network's.
import { IpAddress } from "../address/ip_address.ts";

/** Message types (rtnetlink(7)). */
export const TYPE = {
  ERROR: 2,
  DONE: 3,
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
} as const;

/** Flags of a message's header (netlink(7)); those of 0x100 and above depend on the type. */
export const FLAG = {
  REQUEST: 0x1,
  ACK: 0x4,
  DUMP_INTERRUPTED: 0x10,
  CAPPED: 0x100,
  ACK_ATTRIBUTES: 0x200,
  REPLACE: 0x100,
  DUMP: 0x300,
  EXCLUSIVE: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const;

/** Attributes of links. */
export const IFLA = { ADDRESS: 1, IFNAME: 3 } as const;
/** Attributes of addresses. */
export const IFA = { ADDRESS: 1, LOCAL: 2 } as const;
/** Attributes of routes. */
export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  FLOW: 11,
  VIA: 18,
  ENCAP_TYPE: 21,
  ENCAP: 22,
  NEXTHOP_ID: 30,
} as const;
const ACK_TEXT = 1;

export const HEADER_BYTES = 16;
export const LINK_BYTES = 16;
export const ADDRESS_BYTES = 8;
export const ROUTE_BYTES = 12;
const NEXTHOP_BYTES = 8;

export const AF_INET = 2;
const ARPHRD_ETHER = 1;
export const IFF_UP = 1;
const NEXTHOP_FLAGS_THAT_ARE_SET = 0x2 | 0x4; // PERVASIVE and ONLINK: the others are the kernel's own to report.
const ROUTE_FLAG_CLONED = 0x200;

/** The routing table that has no rule of its own. */
export const MAIN_TABLE = 254;
export const SCOPE_UNIVERSE = 0;
export const SCOPE_LINK = 253;
export const ROUTE_UNICAST = 1;

/** A request without its number: what is asked, and of what. */
export interface Request {
  readonly type: number;
  /** Beside REQUEST, which every request has. */
  readonly flags: number;
  readonly body: Uint8Array;
}

/** One message of an answer. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** A view on the datagram. */
  readonly payload: Uint8Array;
}

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly isEthernet: boolean;
  /** The hardware address; empty where there is none. */
  readonly hardwareAddress: Uint8Array;
}

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly interfaceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** An IPv4 route. */
export interface Route {
  /** The network; 0.0.0.0 for a default route. */
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly gateway: IpAddress | undefined;
  /** The address that connections by it come from; undefined where the kernel picks one of the interface's. */
  readonly preferredSource: IpAddress | undefined;
  /** Undefined where several next hops, or none, are its way. */
  readonly interfaceIndex: number | undefined;
  readonly metric: number;
  readonly tos: number;
  readonly table: number;
  readonly scope: number;
  readonly type: number;
  /** What makes the same route again, or removes it: the body of NEWROUTE and DELROUTE. */
  readonly body: Uint8Array;
}

/** Thrown for bytes that are no message, or a message that breaks its own lengths. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/** Parses a datagram into its messages. Throws MalformedMessage. */
export function parseMessages(datagram: Uint8Array): Message[] {
  const view = viewOf(datagram);
  const messages: Message[] = [];
  for (let at = 0; at < datagram.length;) {
    if (datagram.length - at < HEADER_BYTES) throw new MalformedMessage("a message ends within its header");
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || length > datagram.length - at) {
      throw new MalformedMessage(`a message of ${length} octets`);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += padded(length);
  }
  return messages;
}

/** Parses attributes; of two of one type the last counts. Throws MalformedMessage. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  // Fewer octets than a header are padding, as the kernel takes them too.
  for (let at = 0; bytes.length - at >= 4;) {
    const length = view.getUint16(at, true);
    if (length < 4 || length > bytes.length - at) throw new MalformedMessage(`an attribute of ${length} octets`);
    // The two upper bits say how the value is written.
    attributes.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += padded(length);
  }
  return attributes;
}

/** Parses the payload of NEWLINK. Throws MalformedMessage. */
export function parseLink(payload: Uint8Array): Link {
  need(payload, LINK_BYTES, "link");
  const view = viewOf(payload);
  const attributes = parseAttributes(payload.subarray(LINK_BYTES));
  return {
    index: view.getUint32(4, true),
    name: parseText(attributes.get(IFLA.IFNAME)),
    isUp: (view.getUint32(8, true) & IFF_UP) !== 0,
    isEthernet: view.getUint16(2, true) === ARPHRD_ETHER,
    hardwareAddress: attributes.get(IFLA.ADDRESS)?.slice() ?? new Uint8Array(),
  };
}

/** Parses the payload of NEWADDR; undefined where it is not of IPv4. Throws MalformedMessage. */
export function parseAddress(payload: Uint8Array): InterfaceAddress | undefined {
  need(payload, ADDRESS_BYTES, "address");
  if (payload[0] !== AF_INET) return undefined;
  const attributes = parseAttributes(payload.subarray(ADDRESS_BYTES));
  const local = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS);
  if (local === undefined) return undefined;
  return {
    interfaceIndex: viewOf(payload).getUint32(4, true),
    address: parseIpv4(local),
    prefixLength: payload[1] ?? 0,
  };
}

/** Parses the payload of NEWROUTE; undefined where it is not of IPv4, or a copy that the kernel made for itself. Throws MalformedMessage. */
export function parseRoute(payload: Uint8Array): Route | undefined {
  need(payload, ROUTE_BYTES, "route");
  const flags = viewOf(payload).getUint32(8, true);
  if (payload[0] !== AF_INET || (flags & ROUTE_FLAG_CLONED) !== 0) return undefined;
  const attributes = parseAttributes(payload.subarray(ROUTE_BYTES));
  const destination = attributes.get(RTA.DST);
  const gateway = attributes.get(RTA.GATEWAY);
  const preferredSource = attributes.get(RTA.PREFSRC);
  return {
    destination: parseIpv4(destination ?? new Uint8Array(4)),
    prefixLength: payload[1] ?? 0,
    gateway: gateway === undefined ? undefined : parseIpv4(gateway),
    preferredSource: preferredSource === undefined ? undefined : parseIpv4(preferredSource),
    interfaceIndex: parseUint32(attributes.get(RTA.OIF)),
    metric: parseUint32(attributes.get(RTA.PRIORITY)) ?? 0,
    tos: payload[3] ?? 0,
    table: parseUint32(attributes.get(RTA.TABLE)) ?? payload[4] ?? 0,
    scope: payload[6] ?? 0,
    type: payload[7] ?? 0,
    body: repeatableBody(payload, flags, attributes),
  };
}

/** What the kernel takes back of what it has shown: without its own flags, and a next hop object by its number alone. */
function repeatableBody(payload: Uint8Array, flags: number, attributes: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const head = payload.slice(0, ROUTE_BYTES);
  viewOf(head).setUint32(8, flags & NEXTHOP_FLAGS_THAT_ARE_SET, true);
  const nexthop = attributes.get(RTA.NEXTHOP_ID);
  const wanted: readonly number[] = nexthop === undefined
    ? [
      ...[RTA.DST, RTA.TABLE, RTA.PRIORITY, RTA.PREFSRC, RTA.METRICS, RTA.GATEWAY, RTA.OIF, RTA.MULTIPATH, RTA.VIA],
      ...[RTA.FLOW, RTA.ENCAP_TYPE, RTA.ENCAP],
    ]
    : [RTA.DST, RTA.TABLE, RTA.PRIORITY, RTA.PREFSRC, RTA.METRICS, RTA.NEXTHOP_ID];
  const parts: Uint8Array[] = [head];
  for (const type of wanted) {
    const value = attributes.get(type);
    if (value !== undefined) parts.push(attribute(type, type === RTA.MULTIPATH ? cleanNexthops(value) : value));
  }
  return concat(parts);
}

function cleanNexthops(value: Uint8Array): Uint8Array {
  const copy = value.slice();
  const view = viewOf(copy);
  for (let at = 0; copy.length - at >= NEXTHOP_BYTES;) {
    const length = view.getUint16(at, true);
    if (length < NEXTHOP_BYTES || length > copy.length - at) {
      throw new MalformedMessage(`a next hop of ${length} octets`);
    }
    copy[at + 2] = (copy[at + 2] ?? 0) & NEXTHOP_FLAGS_THAT_ARE_SET;
    at += padded(length);
  }
  return copy;
}

/** What came of a request: errno 0 is its acknowledgement; `text` is what the kernel says beside the number, or empty. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text: string;
}

/** Parses an ERROR message, or the DONE of a dump, which has the same number. Throws MalformedMessage. */
export function parseAcknowledgement({ type, flags, payload }: Message): Acknowledgement {
  if (type === TYPE.DONE && payload.length < 4) return { errno: 0, text: "" };
  need(payload, 4, "error");
  const view = viewOf(payload);
  const errno = 0 - view.getInt32(0, true);
  if ((flags & FLAG.ACK_ATTRIBUTES) === 0) return { errno, text: "" };
  let start = 4;
  if (type === TYPE.ERROR) {
    need(payload, 4 + HEADER_BYTES, "error");
    // The request comes back in it, whole or its header alone.
    const whole = errno !== 0 && (flags & FLAG.CAPPED) === 0;
    const length = view.getUint32(4, true);
    if (whole && (length < HEADER_BYTES || length > payload.length - 4)) {
      throw new MalformedMessage(`an error that answers a request of ${length} octets`);
    }
    start += whole ? padded(length) : HEADER_BYTES;
  }
  return { errno, text: parseText(parseAttributes(payload.subarray(start)).get(ACK_TEXT)) };
}

/** Formats an attribute with its padding. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(padded(4 + value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

/** Joins octets. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function parseUint32(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  need(value, 4, "number");
  return viewOf(value).getUint32(0, true);
}

function parseIpv4(value: Uint8Array): IpAddress {
  if (value.length !== 4) throw new MalformedMessage(`an IPv4 address of ${value.length} octets`);
  return IpAddress.fromBytes(value);
}

/** Text up to its NUL. */
function parseText(value: Uint8Array | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

function need(bytes: Uint8Array, count: number, what: string): void {
  if (bytes.length < count) throw new MalformedMessage(`${what} message of ${bytes.length} octets`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
