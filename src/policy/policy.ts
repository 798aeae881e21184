// Owns the compiled form of a rule list: flat tables that answer "which rule first?" in the same time for ten rules and
// for a hundred thousand. Knows nothing of verdicts.
import type { IpAddress } from "../address/ip_address.ts";
import { embeddedIpv4, LOOPBACK_IPV4, LOOPBACK_IPV6, loopbackBehind } from "../address/special_range.ts";
import { digestRules, digestRulesInSteps } from "./digest.ts";
import { type NameMatch, NameTable, NO_RULE } from "./name_table.ts";
import { type PrefixColumns, RangeTable, wordAt } from "./range_table.ts";
import { type DeniedLoopback, findReach, type Reach } from "./reach.ts";
import type { Rule } from "./rule.ts";
import { finishSteps } from "./steps.ts";

/** The first rule that matches an address, and by which other one it did: the IPv4 address inside it, or the loopback address that it reaches. */
export interface AddressMatch {
  /** A rule number, or NO_RULE. */
  readonly rule: number;
  readonly embedded: IpAddress | undefined;
  readonly loopback: IpAddress | undefined;
}

interface Tables {
  readonly names: NameTable;
  readonly ipv4: RangeTable;
  readonly ipv6: RangeTable;
  readonly deniedIpv4: RangeTable;
  readonly deniedLoopback: DeniedLoopback;
}

/** A rule list, compiled. Immutable. */
export class Policy {
  readonly rules: readonly Rule[];
  /** The number of the "*" rule, or NO_RULE. */
  readonly anyRule: number;
  /** What can be said of every name before any address is known. */
  readonly reach: Reach;
  readonly #names: NameTable;
  readonly #ipv4: RangeTable;
  readonly #ipv6: RangeTable;
  /** Denying IPv4 rules alone, for addresses that are embedded in IPv6. */
  readonly #deniedIpv4: RangeTable;
  /** The first rules that deny the loopback addresses, for the unspecified ones. */
  readonly #deniedLoopback: DeniedLoopback;
  #digest: string | undefined;

  private constructor(rules: readonly Rule[], tables: Tables, reach: Reach) {
    this.rules = rules;
    this.anyRule = rules.find((rule) => rule.match.kind === "any")?.number ?? NO_RULE;
    this.#names = tables.names;
    this.#ipv4 = tables.ipv4;
    this.#ipv6 = tables.ipv6;
    this.#deniedIpv4 = tables.deniedIpv4;
    this.#deniedLoopback = tables.deniedLoopback;
    this.reach = reach;
  }

  /** Compiles rules as `parseRules` gives them: numbered from 1 in order, names in normal form. Keeps the array. */
  static compile(rules: readonly Rule[]): Policy {
    return finishSteps(Policy.compileInSteps(rules));
  }

  /** The same in steps: most are short, one for each table of addresses takes some milliseconds where there are 100,000. */
  static *compileInSteps(rules: readonly Rule[]): Generator<void, Policy> {
    const names = yield* NameTable.buildInSteps(rules);
    const ipv4 = makeRangeTable(rules, 4);
    yield;
    const ipv6 = makeRangeTable(rules, 6);
    yield;
    const deniedIpv4 = makeRangeTable(rules.filter((rule) => rule.action === "deny"), 4);
    yield;
    const deniedLoopback = {
      ipv4: deniedIpv4.find(LOOPBACK_IPV4.bytes),
      ipv6: findDenying(rules, LOOPBACK_IPV6),
    };
    yield;
    const reach = findReach(rules, ipv4, ipv6, deniedIpv4, deniedLoopback);
    yield;
    return new Policy(rules, { names, ipv4, ipv6, deniedIpv4, deniedLoopback }, reach);
  }

  /** "fnv1a64:" and 16 hexadecimal digits over the rules' normal form: tells rule lists apart, proves nothing. Made when first asked for. */
  get digest(): string {
    this.#digest ??= digestRules(this.rules);
    return this.#digest;
  }

  /** Makes the digest in steps, where it is not there yet. */
  *prepareDigest(): Generator<void, string> {
    this.#digest ??= yield* digestRulesInSteps(this.rules);
    return this.#digest;
  }

  /** The rule of that number; undefined for NO_RULE. */
  rule(number: number): Rule | undefined {
    return this.rules[number - 1];
  }

  /** Finds the first allowing and the first denying name rule for a name in normal form; "*" is none of them. */
  matchName(name: string): NameMatch {
    return this.#names.find(name);
  }

  /** Finds the first rule, of either action, that matches a name and every name under it; a rule number or NO_RULE. */
  matchSubtree(name: string): number {
    return this.#names.findSubtree(name);
  }

  /** Finds the first address or range rule for an address; a denying rule is tried on what it embeds or reaches too. */
  matchAddress(address: IpAddress): AddressMatch {
    let rule = (address.family === 4 ? this.#ipv4 : this.#ipv6).find(address.bytes);
    const loopback = loopbackBehind(address);
    if (loopback !== undefined) {
      const denied = address.family === 4 ? this.#deniedLoopback.ipv4 : this.#deniedLoopback.ipv6;
      if (denied < rule) return { rule: denied, embedded: undefined, loopback };
    }
    let embedded: IpAddress | undefined;
    for (const inner of embeddedIpv4(address)) {
      const denied = this.#deniedIpv4.find(inner.bytes);
      if (denied < rule) {
        rule = denied;
        embedded = inner;
      }
    }
    return { rule, embedded, loopback: undefined };
  }

  /** Marks the address and range rules that some address meets first: element `number - 1` is 1. */
  markOwners(marks: Uint8Array): void {
    for (const { owners } of [this.#ipv4, this.#ipv6]) {
      for (const owner of owners) {
        if (owner !== NO_RULE) marks[owner - 1] = 1;
      }
    }
  }
}

/** The prefix of an address or range rule; undefined for others. */
export function prefixOf(rule: Rule): { readonly network: IpAddress; readonly prefixLength: number } | undefined {
  const { match } = rule;
  if (match.kind === "address") return { network: match.address, prefixLength: match.address.bytes.length * 8 };
  return match.kind === "range" ? match.cidr : undefined;
}

/** The first rule that denies an address by itself, or NO_RULE. */
function findDenying(rules: readonly Rule[], address: IpAddress): number {
  const found = rules.find(({ action, match }) => {
    if (action !== "deny") return false;
    return match.kind === "address"
      ? match.address.equals(address)
      : match.kind === "range" && match.cidr.contains(address);
  });
  return found?.number ?? NO_RULE;
}

function makeRangeTable(rules: readonly Rule[], family: 4 | 6): RangeTable {
  const words = family === 4 ? 1 : 4;
  const networks: number[] = [];
  const lengths: number[] = [];
  const numbers: number[] = [];
  for (const rule of rules) {
    const prefix = prefixOf(rule);
    if (prefix === undefined || prefix.network.family !== family) continue;
    for (let word = 0; word < words; word++) networks.push(wordAt(prefix.network.bytes, word));
    lengths.push(prefix.prefixLength);
    numbers.push(rule.number);
  }
  const columns: PrefixColumns = {
    words,
    count: numbers.length,
    networks: Uint32Array.from(networks),
    lengths: Uint8Array.from(lengths),
    numbers: Uint32Array.from(numbers),
  };
  return new RangeTable(columns);
}
