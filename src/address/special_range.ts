// Owns which addresses are not remote, and which IPv4 address an IPv6 address carries inside it. Knows nothing of rules.
import { IpAddress } from "./ip_address.ts";

/** What an address is that is not remote: this host, this link, or no single host at all. */
export type SpecialRange = "loopback" | "unspecified" | "link-local" | "multicast" | "broadcast";

const NONE: readonly IpAddress[] = [];

/** What a connection to 0.0.0.0 reaches. */
export const LOOPBACK_IPV4: IpAddress = IpAddress.fromBytes(Uint8Array.of(127, 0, 0, 1));

/** What a connection to "::" reaches. */
export const LOOPBACK_IPV6: IpAddress = IpAddress.fromBytes(
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
);

/**
 * Says which special range an address is in, or undefined for a remote one. An address that embeds an IPv4 address
 * (`embeddedIpv4`) is as special as that: a translator or tunnel on the way would deliver it there.
 */
export function specialRangeOf(address: IpAddress): SpecialRange | undefined {
  const { bytes } = address;
  if (bytes.length === 4) return specialRangeOfIpv4(bytes[0] ?? 0, address);
  const own = specialRangeOfIpv6(bytes);
  if (own !== undefined) return own;
  for (const embedded of embeddedIpv4(address)) {
    const range = specialRangeOfIpv4(embedded.bytes[0] ?? 0, embedded);
    if (range !== undefined) return range;
  }
  return undefined;
}

/**
 * Lists the IPv4 addresses that an IPv6 address embeds: NAT64 (64:ff9b::/96, RFC 6052; 64:ff9b:1::/48, RFC 8215, in
 * its last 32 bits), 6to4 (2002::/16, RFC 3056), Teredo (2001::/32, RFC 4380, the client's), IPv4-compatible
 * (::/96 but :: and ::1, RFC 4291 §2.5.5.1) and ISATAP (interface identifier [02]00:5efe, RFC 5214 §6.1). Empty for
 * IPv4 and for all others. A deny rule is tried on each.
 */
export function embeddedIpv4(address: IpAddress): readonly IpAddress[] {
  const { bytes } = address;
  if (bytes.length !== 16) return NONE;
  const head = (bytes[0] ?? 0) << 8 | (bytes[1] ?? 0);
  const isIsatap = bytes[10] === 0x5e && bytes[11] === 0xfe && bytes[9] === 0 &&
    (bytes[8] === 0 || bytes[8] === 2);
  const outer = embeddedByPrefix(head, bytes);
  if (outer === undefined) return isIsatap ? [IpAddress.fromBytes(bytes.subarray(12))] : NONE;
  return isIsatap ? [outer, IpAddress.fromBytes(bytes.subarray(12))] : [outer];
}

/**
 * The address that a connection to an unspecified one reaches, undefined for all others: the system takes 0.0.0.0 for
 * 127.0.0.1 and "::" for "::1". A deny rule is tried on it too.
 */
export function loopbackBehind({ bytes }: IpAddress): IpAddress | undefined {
  if (!isZero(bytes, 0, bytes.length)) return undefined;
  return bytes.length === 4 ? LOOPBACK_IPV4 : LOOPBACK_IPV6;
}

function embeddedByPrefix(head: number, bytes: Uint8Array): IpAddress | undefined {
  switch (head) {
    case 0x2002:
      return IpAddress.fromBytes(bytes.subarray(2, 6));
    case 0x2001:
      if (bytes[2] !== 0 || bytes[3] !== 0) return undefined;
      // Teredo stores the client's address with every bit inverted (RFC 4380 §4).
      return IpAddress.fromBytes(bytes.slice(12).map((octet) => octet ^ 0xff));
    case 0x0064: {
      if (bytes[2] !== 0xff || bytes[3] !== 0x9b || bytes[4] !== 0) return undefined;
      const isLocalUse = bytes[5] === 1;
      if (!isLocalUse && !isZero(bytes, 5, 12)) return undefined;
      return IpAddress.fromBytes(bytes.subarray(12));
    }
    case 0:
      if (!isZero(bytes, 2, 12)) return undefined;
      if (isZero(bytes, 12, 15) && (bytes[15] ?? 0) <= 1) return undefined;
      return IpAddress.fromBytes(bytes.subarray(12));
    default:
      return undefined;
  }
}

function specialRangeOfIpv4(first: number, address: IpAddress): SpecialRange | undefined {
  if (first === 127) return "loopback";
  if (first === 0) return "unspecified";
  if (first === 169) return address.bytes[1] === 254 ? "link-local" : undefined;
  if (first < 224) return undefined;
  if (first < 240) return "multicast";
  return first === 255 && address.bytes.every((octet) => octet === 255) ? "broadcast" : undefined;
}

function specialRangeOfIpv6(bytes: Uint8Array): SpecialRange | undefined {
  const first = bytes[0] ?? 0;
  if (first === 0xff) return "multicast";
  if (first === 0xfe) return ((bytes[1] ?? 0) & 0xc0) === 0x80 ? "link-local" : undefined;
  if (first !== 0 || !isZero(bytes, 1, 15)) return undefined;
  const last = bytes[15];
  return last === 0 ? "unspecified" : last === 1 ? "loopback" : undefined;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}
