// Owns the IP address as a value and its two texts, strictly read and canonically written. Knows nothing of names,
// brackets, zones, ports, or which addresses are special.

const DOT = 0x2e;
const COLON = 0x3a;

/** An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is its IPv4 address, so one value has one form. */
export class IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 octets in network order. Not to be written to. */
  readonly bytes: Uint8Array;
  #text: string | undefined;

  /** Takes ownership of `bytes`, which must be 4 or 16 octets and not IPv4-mapped. */
  private constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.family = bytes.length === 4 ? 4 : 6;
  }

  /**
   * Parses a dotted quad without leading zeros, or IPv6 text (RFC 4291 §2.2) in either case of letters. Undefined for
   * everything else: short, hexadecimal and octal IPv4, zone ids, brackets, white space.
   */
  static parse(text: string): IpAddress | undefined {
    if (text.length > 45) return undefined;
    if (text.indexOf(":") < 0) {
      const bytes = new Uint8Array(4);
      return readIpv4(text, 0, bytes, 0) ? new IpAddress(bytes) : undefined;
    }
    const bytes = readIpv6(text);
    return bytes === undefined ? undefined : new IpAddress(unmapped(bytes));
  }

  /** Makes an address of 4 or 16 octets in network order, which it copies. Throws RangeError for another length. */
  static fromBytes(bytes: Uint8Array): IpAddress {
    if (bytes.length !== 4 && bytes.length !== 16) {
      throw new RangeError(`Cannot make an address of ${bytes.length} octets: 4 or 16 are needed`);
    }
    return new IpAddress(unmapped(bytes.slice()));
  }

  /** The canonical text: a dotted quad, or RFC 5952 without the mixed notation. */
  get text(): string {
    this.#text ??= this.bytes.length === 4 ? this.bytes.join(".") : formatIpv6(this.bytes);
    return this.#text;
  }

  /** Whether both are the same address. */
  equals(other: IpAddress): boolean {
    return this.hasBytes(other.bytes, 0, other.bytes.length);
  }

  /** Whether these octets of a range are the address's; IPv4-mapped ones are of none. */
  hasBytes(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.bytes.length !== end - start) return false;
    for (let i = 0; i < this.bytes.length; i++) {
      if (this.bytes[i] !== bytes[start + i]) return false;
    }
    return true;
  }

  /** The canonical text. */
  toString(): string {
    return this.text;
  }

  /** The canonical text, so that JSON output needs no conversion. */
  toJSON(): string {
    return this.text;
  }
}

/** Formats an address and port as one text: "192.0.2.1:80", "[2001:db8::1]:80". */
export function formatSocketAddress(address: IpAddress, port: number): string {
  return address.family === 6 ? `[${address.text}]:${port}` : `${address.text}:${port}`;
}

/** Whether 16 octets are in ::ffff:0:0/96. */
export function isIpv4Mapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false;
  for (let i = 0; i < 10; i++) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

/** Reads IPv6 text as the 16 octets that it says, mapped or not; undefined where it is none. */
export function readIpv6(text: string): Uint8Array | undefined {
  const out = new Uint8Array(16);
  const end = text.length;
  let at = 0;
  let gap = -1;
  let i = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined;
    gap = 0;
    i = 2;
    if (end === 2) return out;
  }
  for (;;) {
    const groupStart = i;
    let value = 0;
    for (; i < end && i - groupStart < 5; i++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      value = value << 4 | digit;
    }
    if (i < end && text.charCodeAt(i) === DOT) {
      if (at > 12 || !readIpv4(text, groupStart, out, at)) return undefined;
      at += 4;
      break;
    }
    const digits = i - groupStart;
    if (digits === 0 || digits > 4 || at === 16) return undefined;
    out[at++] = value >> 8;
    out[at++] = value & 0xff;
    if (i === end) break;
    if (text.charCodeAt(i) !== COLON) return undefined;
    i++;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined;
      gap = at;
      i++;
      if (i === end) break;
    }
  }
  if (gap < 0) return at === 16 ? out : undefined;
  // "::" stands for one group at least, as inet_pton and the URL Standard have it.
  if (at === 16) return undefined;
  const tail = at - gap;
  out.copyWithin(16 - tail, gap, at);
  out.fill(0, gap, 16 - tail);
  return out;
}

/** Reads a dotted quad from `start` to the end of `text` into `out`; false where it is none. */
function readIpv4(text: string, start: number, out: Uint8Array, at: number): boolean {
  let octets = 0;
  let value = -1;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (value < 0 || octets === 4) return false;
      out[at + octets++] = value;
      value = -1;
      continue;
    }
    if (code < 0x30 || code > 0x39) return false;
    // A digit behind a zero: 010 is 8 to inet_aton and 10 to others (CVE-2021-29921, CVE-2021-28918), so it is neither.
    if (value === 0) return false;
    value = (value < 0 ? 0 : value * 10) + code - 0x30;
    if (value > 255) return false;
  }
  return octets === 4;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function unmapped(bytes: Uint8Array): Uint8Array {
  return isIpv4Mapped(bytes) ? bytes.slice(12) : bytes;
}

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as "::". */
function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] ?? 0) << 8 | (bytes[i + 1] ?? 0));
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(":");
  return `${hex.slice(0, bestStart).join(":")}::${hex.slice(bestStart + bestLength).join(":")}`;
}
