// A slow, obvious reading of the rules, to compare the real one with: every rule in turn, addresses as big integers,
// nothing compiled. Shares no code with what it checks but the text of the rules.

/** A rule as its parts, from which both the text and the reference's own reading are made. */
export interface ReferenceRule {
  readonly deny: boolean;
  readonly what:
    | { readonly kind: "ipv4" | "ipv6"; readonly value: bigint; readonly length: number }
    | { readonly kind: "name" | "subdomains"; readonly name: string }
    | { readonly kind: "any" };
}

/** An address as family and value. IPv4-mapped values do not occur. */
export interface ReferenceAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** The line of rule text for a rule. */
export function writeRule({ deny, what }: ReferenceRule): string {
  const sign = deny ? "!" : "";
  switch (what.kind) {
    case "ipv4":
    case "ipv6":
      return `${sign}${writeAddress({ family: what.kind === "ipv4" ? 4 : 6, value: what.value })}/${what.length}`;
    case "name":
      return sign + what.name;
    case "subdomains":
      return `${sign}*.${what.name}`;
    case "any":
      return "*";
  }
}

/** An address in full, without any shortening. */
export function writeAddress({ family, value }: ReferenceAddress): string {
  const groups: string[] = [];
  const [count, bits, radix] = family === 4 ? [4, 8n, 10] : [8, 16n, 16];
  for (let i = 0; i < count; i++) groups.unshift((value >> BigInt(i) * bits & (1n << bits) - 1n).toString(radix));
  return groups.join(family === 4 ? "." : ":");
}

/** The IPv4 values inside an IPv6 value. */
export function embedded(value: bigint): bigint[] {
  const low = value & 0xffff_ffffn;
  const found: bigint[] = [];
  if (value >> 32n === 0n && value > 1n) found.push(low);
  if (value >> 32n === 0x0064_ff9b_0000_0000_0000_0000n) found.push(low);
  if (value >> 80n === 0x0064_ff9b_0001n) found.push(low);
  if (value >> 96n === 0x2001_0000n) found.push(low ^ 0xffff_ffffn);
  if (value >> 112n === 0x2002n) found.push(value >> 80n & 0xffff_ffffn);
  const identifier = value >> 32n & 0xffff_ffffn;
  if (identifier === 0x5efen || identifier === 0x0200_5efen) found.push(low);
  return found;
}

/** Whether an address is not remote. */
export function isSpecial({ family, value }: ReferenceAddress): boolean {
  if (family === 4) {
    const first = value >> 24n;
    return first === 0n || first === 127n || value >> 16n === 0xa9fen || value >> 28n === 0xen ||
      value === 0xffff_ffffn;
  }
  if (value <= 1n || value >> 118n === 0x3fan || value >> 120n === 0xffn) return true;
  return embedded(value).some((inner) => isSpecial({ family: 4, value: inner }));
}

/** The verdict and the number of the rule that gave it (0: none), by trying each rule in turn. */
export function decideSlowly(
  rules: readonly ReferenceRule[],
  name: string | undefined,
  address: ReferenceAddress,
): { readonly allow: boolean; readonly number: number } {
  for (const [index, rule] of rules.entries()) {
    if (!matches(rule, name, address)) continue;
    const isByAddress = rule.what.kind === "ipv4" || rule.what.kind === "ipv6";
    if (!rule.deny && !isByAddress && isSpecial(address)) continue;
    return { allow: !rule.deny, number: index + 1 };
  }
  return { allow: false, number: 0 };
}

function matches({ deny, what }: ReferenceRule, name: string | undefined, address: ReferenceAddress): boolean {
  switch (what.kind) {
    case "any":
      return true;
    case "name":
      return name === what.name;
    case "subdomains":
      return name !== undefined && (name === what.name || name.endsWith(`.${what.name}`));
    case "ipv4": {
      const own = deny && address.value === 0n ? [0n, 0x7f00_0001n] : [address.value];
      const values = address.family === 4 ? own : deny ? embedded(address.value) : [];
      return values.some((value) => isInside(value, what.value, what.length, 32));
    }
    case "ipv6":
      return address.family === 6 && (isInside(address.value, what.value, what.length, 128) ||
        deny && address.value === 0n && isInside(1n, what.value, what.length, 128));
  }
}

function isInside(value: bigint, network: bigint, length: number, bits: number): boolean {
  const shift = BigInt(bits - length);
  return value >> shift === network >> shift;
}
