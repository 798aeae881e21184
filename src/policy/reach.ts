// Owns what can be said of a rule list before any address is known: up to which rule no address could be allowed.
// It is what lets a name be denied without a look-up. Runs once per rule list; knows nothing of names.
import { LatestOwner } from "./latest_owner.ts";
import { NO_RULE } from "./name_table.ts";
import type { RangeTable } from "./range_table.ts";
import type { Rule } from "./rule.ts";

/** Rule numbers that say what the address and range rules leave possible; NO_RULE where there is none. */
export interface Reach {
  /** The first address or range rule of all. */
  readonly firstAddressRule: number;
  /** The first allowing one that some address meets before every denying one. */
  readonly firstAllow: number;
  /** The same, among addresses that are not remote. */
  readonly firstSpecialAllow: number;
  /** The greatest of the first matches of all remote addresses; NO_RULE: some remote address is matched by none. */
  readonly lastRemote: number;
  /** The greatest of the first matches of all addresses; NO_RULE: some address is matched by none. */
  readonly last: number;
}

/** The first rules that deny 127.0.0.1 and "::1", which connections to 0.0.0.0 and "::" reach; NO_RULE where there is none. */
export interface DeniedLoopback {
  readonly ipv4: number;
  readonly ipv6: number;
}

interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

const IPV4_SPECIAL: readonly Interval[] = [
  { first: 0n, last: 0x00ff_ffffn },
  { first: 0x7f00_0000n, last: 0x7fff_ffffn },
  { first: 0xa9fe_0000n, last: 0xa9fe_ffffn },
  { first: 0xe000_0000n, last: 0xefff_ffffn },
  { first: 0xffff_ffffn, last: 0xffff_ffffn },
];

/** IPv6 ranges whose addresses embed an IPv4 address, as `embeddedIpv4` finds it, in address order and disjoint. */
const EMBEDDING: readonly (Interval & { readonly shift: bigint; readonly inverted: boolean })[] = [
  // "::" and "::1" embed none; they are special themselves, as 0.0.0.0 and 0.0.0.1 are.
  { first: 2n, last: 0xffff_ffffn, shift: 0n, inverted: false },
  { first: 0x0064_ff9bn << 96n, last: (0x0064_ff9bn << 96n) + 0xffff_ffffn, shift: 0n, inverted: false },
  { first: 0x0064_ff9b_0001n << 80n, last: (0x0064_ff9b_0002n << 80n) - 1n, shift: 0n, inverted: false },
  { first: 0x2001_0000n << 96n, last: (0x2001_0001n << 96n) - 1n, shift: 0n, inverted: true },
  { first: 0x2002n << 112n, last: (0x2003n << 112n) - 1n, shift: 80n, inverted: false },
];

const IPV6_SPECIAL: readonly Interval[] = [
  { first: 0n, last: 1n },
  { first: 0xfe80n << 112n, last: (0xfec0n << 112n) - 1n },
  { first: 0xff00n << 112n, last: (1n << 128n) - 1n },
];

const NOT_PLAIN: readonly Interval[] = [...EMBEDDING, ...IPV6_SPECIAL];

const IPV4_END = 1n << 32n;
const IPV4_ALL: readonly Interval[] = [{ first: 0n, last: IPV4_END - 1n }];

/** Finds the reach of the address and range rules. `deniedIpv4` is the table of the denying IPv4 rules alone. */
export function findReach(
  rules: readonly Rule[],
  ipv4: RangeTable,
  ipv6: RangeTable,
  deniedIpv4: RangeTable,
  deniedLoopback: DeniedLoopback,
): Reach {
  const denied = new LatestOwner(deniedIpv4);
  const firstAddressRule = rules.find(({ match }) => match.kind === "address" || match.kind === "range")?.number;
  const isAllow = (number: number) => rules[number - 1]?.action === "allow";
  let firstAllow = NO_RULE;
  let firstSpecialAllow = NO_RULE;
  let lastRemote = 0;
  let last = 0;
  for (let i = 0; i < ipv4.owners.length; i++) {
    const owner = ipv4.owners[i] ?? NO_RULE;
    const interval = intervalAt(ipv4, i);
    last = Math.max(last, owner);
    if (owner > lastRemote && !IPV4_SPECIAL.some((special) => holds(special, interval))) lastRemote = owner;
    if (!isAllow(owner) || (interval.last === 0n && deniedLoopback.ipv4 < owner)) continue;
    firstAllow = Math.min(firstAllow, owner);
    if (IPV4_SPECIAL.some((special) => overlap(special, interval))) {
      firstSpecialAllow = Math.min(firstSpecialAllow, owner);
    }
  }
  for (let i = 0; i < ipv6.owners.length; i++) {
    const owner = ipv6.owners[i] ?? NO_RULE;
    last = Math.max(last, owner);
    const isNews = owner > lastRemote || isAllow(owner) && (owner < firstAllow || owner < firstSpecialAllow);
    if (!isNews) continue;
    const interval = intervalAt(ipv6, i);
    // Remote addresses that embed IPv4 add nothing to `lastRemote`: it counts only where every remote IPv4 address is
    // denied before, and so are they.
    if (owner > lastRemote && hasPlainRemote(interval)) lastRemote = owner;
    if (!isAllow(owner) || (interval.last === 0n && deniedLoopback.ipv6 < owner)) continue;
    const isSpecial = hasUndenied(interval, owner, denied, true);
    if (isSpecial) firstSpecialAllow = Math.min(firstSpecialAllow, owner);
    if (isSpecial || hasPlainRemote(interval) || hasUndenied(interval, owner, denied, false)) {
      firstAllow = Math.min(firstAllow, owner);
    }
  }
  return { firstAddressRule: firstAddressRule ?? NO_RULE, firstAllow, firstSpecialAllow, lastRemote, last };
}

/** Whether the interval has an address that is neither special nor embeds IPv4. */
function hasPlainRemote(interval: Interval): boolean {
  const parts = subtract(interval, NOT_PLAIN);
  return parts.some((part) => !isWithinIsatap(part));
}

/** Whether the interval has a special address, or one that embeds IPv4 (only special ones if asked), whose embedded address no rule before `owner` denies. */
function hasUndenied(interval: Interval, owner: number, denied: LatestOwner, isSpecialOnly: boolean): boolean {
  const wanted = isSpecialOnly ? IPV4_SPECIAL : IPV4_ALL;
  const isFree = (embedded: Interval, within: readonly Interval[]) =>
    within.some((part) => {
      const both = intersect(embedded, part);
      return both !== undefined && denied.between(Number(both.first), Number(both.last)) > owner;
    });
  for (const special of IPV6_SPECIAL) {
    const both = intersect(interval, special);
    // A link-local address may be an ISATAP one too; then its embedded address counts, special or not.
    if (both !== undefined && (!isWithinIsatap(both) || isFree(lowWords(both), IPV4_ALL))) {
      return true;
    }
  }
  for (const range of EMBEDDING) {
    const both = intersect(interval, range);
    if (both === undefined) continue;
    for (const embedded of embeddedIntervals(both, range.shift, range.inverted)) {
      if (isFree(embedded, wanted)) return true;
    }
  }
  return subtract(interval, NOT_PLAIN).some((part) => {
    const block = firstIsatap(part);
    return block !== undefined && isFree(lowWords(block), wanted);
  });
}

/** The IPv4 addresses that the IPv6 addresses of an interval embed at `shift`; two parts where 32 bits wrap round. */
function embeddedIntervals(interval: Interval, shift: bigint, inverted: boolean): Interval[] {
  const first = interval.first >> shift;
  const last = interval.last >> shift;
  const mask = IPV4_END - 1n;
  let parts: Interval[];
  if (last - first >= mask) parts = [{ first: 0n, last: mask }];
  else if ((first & mask) <= (last & mask)) parts = [{ first: first & mask, last: last & mask }];
  else parts = [{ first: first & mask, last: mask }, { first: 0n, last: last & mask }];
  return inverted ? parts.map((part) => ({ first: mask - part.last, last: mask - part.first })) : parts;
}

/** ISATAP blocks are the 2^32 addresses 0:5efe:0:0 and 200:5efe:0:0 of each /64. */
function isatapBlocks(prefix: bigint): Interval[] {
  return [0x0000_5efen, 0x0200_5efen].map((identifier) => {
    const first = prefix << 64n | identifier << 32n;
    return { first, last: first + IPV4_END - 1n };
  });
}

function isWithinIsatap(interval: Interval): boolean {
  return isatapBlocks(interval.first >> 64n).some((block) => holds(block, interval));
}

function firstIsatap(interval: Interval): Interval | undefined {
  const prefix = interval.first >> 64n;
  for (const block of [...isatapBlocks(prefix), ...isatapBlocks(prefix + 1n)]) {
    const both = intersect(block, interval);
    if (both !== undefined) return both;
  }
  return undefined;
}

function lowWords(interval: Interval): Interval {
  return { first: interval.first & IPV4_END - 1n, last: interval.last & IPV4_END - 1n };
}

function intervalAt(table: RangeTable, index: number): Interval {
  const end = index + 1 < table.owners.length ? startAt(table, index + 1) : 1n << BigInt(table.words * 32);
  return { first: startAt(table, index), last: end - 1n };
}

function startAt(table: RangeTable, index: number): bigint {
  let start = 0n;
  for (let word = 0; word < table.words; word++) {
    start = start << 32n | BigInt(table.starts[index * table.words + word] ?? 0);
  }
  return start;
}

function holds(outer: Interval, inner: Interval): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

function overlap(a: Interval, b: Interval): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function intersect(a: Interval, b: Interval): Interval | undefined {
  if (!overlap(a, b)) return undefined;
  return { first: a.first > b.first ? a.first : b.first, last: a.last < b.last ? a.last : b.last };
}

function subtract(interval: Interval, holes: readonly Interval[]): Interval[] {
  let parts = [interval];
  for (const hole of holes) {
    parts = parts.flatMap((part) => {
      if (!overlap(part, hole)) return [part];
      const rest: Interval[] = [];
      if (part.first < hole.first) rest.push({ first: part.first, last: hole.first - 1n });
      if (part.last > hole.last) rest.push({ first: hole.last + 1n, last: part.last });
      return rest;
    });
  }
  return parts;
}
