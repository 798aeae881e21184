// Owns the two Ethernet frames that announce an address by ARP (RFC 826; RFC 5227 §1.2). Sends nothing.
import type { IpAddress } from "../address/ip_address.ts";

/** How an address is announced: by an unasked-for reply, or by a request for the own address. Some peers heed only one of them. */
export type AnnouncementForm = "reply" | "request";

const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);
const ETHERTYPE_ARP = [0x08, 0x06] as const;
/** Ethernet, IPv4, and the lengths of their addresses. */
const ARP_HEAD = [0, 1, 0x08, 0x00, 6, 4] as const;

/** Formats a broadcast frame of 42 octets saying that `address`, of IPv4, is at the six octets of `hardwareAddress`. */
export function formatAnnouncement(
  form: AnnouncementForm,
  hardwareAddress: Uint8Array,
  address: IpAddress,
): Uint8Array {
  const target = form === "reply" ? hardwareAddress : BROADCAST;
  return Uint8Array.of(
    ...BROADCAST,
    ...hardwareAddress,
    ...ETHERTYPE_ARP,
    ...ARP_HEAD,
    ...[0, form === "reply" ? 2 : 1],
    ...hardwareAddress,
    ...address.bytes,
    ...target,
    ...address.bytes,
  );
}
