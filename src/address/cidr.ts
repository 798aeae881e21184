// Owns the address range of a network and prefix length. Knows nothing of rules or special ranges.
import { IpAddress, isIpv4Mapped, readIpv6 } from "./ip_address.ts";

/** What parsing a range gives: the range, and whether set host bits had to be masked off. */
export interface ParsedCidr {
  readonly cidr: Cidr;
  readonly hostBitsMasked: boolean;
}

/** A range of addresses of one family. A range of IPv4-mapped addresses is the IPv4 range. */
export class Cidr {
  /** The first address; its host bits are zero. */
  readonly network: IpAddress;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;

  private constructor(network: IpAddress, prefixLength: number) {
    this.network = network;
    this.prefixLength = prefixLength;
  }

  /**
   * Parses "ADDRESS/LENGTH", the address as IpAddress.parse reads it and the length in plain digits without leading
   * zeros. Set host bits are masked off. An IPv4-mapped network needs a length of 96 or more: a shorter one would
   * silently leave IPv4 out, since mapped addresses are IPv4 here.
   */
  static parse(text: string): ParsedCidr | undefined {
    const slash = text.indexOf("/");
    if (slash < 0) return undefined;
    const addressText = text.slice(0, slash);
    const address = IpAddress.parse(addressText);
    if (address === undefined) return undefined;
    const isMapped = address.family === 4 && addressText.includes(":");
    const written = parsePrefixLength(text.slice(slash + 1), address.family === 4 && !isMapped ? 32 : 128);
    const prefixLength = isMapped ? written - 96 : written;
    if (prefixLength < 0) return undefined;
    return Cidr.of(address, prefixLength);
  }

  /** Makes the range of `prefixLength` bits that holds `address`. Throws RangeError for a length that the family does not have. */
  static of(address: IpAddress, prefixLength: number): ParsedCidr {
    const bits = address.bytes.length * 8;
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) {
      throw new RangeError(`Cannot make a range of prefix length ${prefixLength}: 0 to ${bits} are possible`);
    }
    const bytes = address.bytes.slice();
    let hostBitsMasked = false;
    for (let i = prefixLength >> 3; i < bytes.length; i++) {
      const keep = i === prefixLength >> 3 ? 0xff00 >> (prefixLength & 7) & 0xff : 0;
      const octet = bytes[i] ?? 0;
      if ((octet & keep) !== octet) hostBitsMasked = true;
      bytes[i] = octet & keep;
    }
    return { cidr: new Cidr(IpAddress.fromBytes(bytes), prefixLength), hostBitsMasked };
  }

  /** The canonical text, "NETWORK/LENGTH". */
  get text(): string {
    return `${this.network.text}/${this.prefixLength}`;
  }

  /** Whether the address is in the range; never for one of the other family. */
  contains(address: IpAddress): boolean {
    if (address.family !== this.network.family) return false;
    const whole = this.prefixLength >> 3;
    for (let i = 0; i < whole; i++) {
      if (address.bytes[i] !== this.network.bytes[i]) return false;
    }
    const rest = this.prefixLength & 7;
    if (rest === 0) return true;
    return ((address.bytes[whole] ?? 0) ^ (this.network.bytes[whole] ?? 0)) >> (8 - rest) === 0;
  }

  /** The canonical text. */
  toString(): string {
    return this.text;
  }
}

/** Says why "ADDRESS/LENGTH" is no range, or undefined where the address is at fault or nothing is. */
export function explainPrefixLength(addressText: string, lengthText: string): string | undefined {
  const address = IpAddress.parse(addressText);
  if (address === undefined) return undefined;
  const isMapped = addressText.includes(":") && isIpv4Mapped(readIpv6(addressText) ?? new Uint8Array());
  const least = isMapped ? 96 : 0;
  const most = address.family === 4 && !isMapped ? 32 : 128;
  const length = parsePrefixLength(lengthText, most);
  if (length >= least) return undefined;
  if (length < 0 && /^0[0-9]+$/.test(lengthText)) return "prefix length must not have leading zeros";
  return `prefix length must be ${least} to ${most}${isMapped ? " for IPv4-mapped addresses" : ""}`;
}

/** The length as a number, or -1 where the text is no plain number from 0 to `most`. */
function parsePrefixLength(text: string, most: number): number {
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(text)) return -1;
  const length = Number(text);
  return length <= most ? length : -1;
}
