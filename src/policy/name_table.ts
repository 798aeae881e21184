// Owns the look-up of a name among name rules: one pass over the name from its end, one probe per label, whatever the
// number of rules. Flat arrays; a hash only finds the candidate, the stored text decides. Knows nothing of addresses.
import type { Rule } from "./rule.ts";

/** Greater than every rule number: no rule. */
export const NO_RULE = 0xffff_ffff;

/** The first rule of each action that matches a name, by number; NO_RULE where none does. */
export interface NameMatch {
  readonly allow: number;
  readonly deny: number;
}

const DOT = 0x2e;
const HASH_START = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

/** First rule numbers kept per name: exact allow, exact deny, subdomains allow, subdomains deny. */
const FIRSTS = 4;

const RULES_PER_STEP = 1024;

/** The name rules of a policy. */
export class NameTable {
  /** Open addressing: entry index + 1, or 0 for an empty slot. At most half full. */
  readonly #slots: Uint32Array;
  readonly #hashes: Uint32Array;
  /** Where each entry's name begins in `#names`; one more than entries. */
  readonly #offsets: Uint32Array;
  readonly #names: Uint8Array;
  readonly #firsts: Uint32Array;

  private constructor(entries: number, octets: number) {
    let slots = 4;
    while (slots < entries * 2) slots *= 2;
    this.#slots = new Uint32Array(slots);
    this.#hashes = new Uint32Array(entries);
    this.#offsets = new Uint32Array(entries + 1);
    this.#names = new Uint8Array(octets);
    this.#firsts = new Uint32Array(entries * FIRSTS).fill(NO_RULE);
  }

  /** Builds the table from the name rules among `rules`, in steps of a fraction of a millisecond. */
  static *buildInSteps(rules: readonly Rule[]): Generator<void, NameTable> {
    let entries = 0;
    let octets = 0;
    for (const { match } of rules) {
      if (match.kind !== "name" && match.kind !== "subdomains") continue;
      entries++;
      octets += match.name.length;
    }
    yield;
    const table = new NameTable(entries, octets);
    let count = 0;
    for (const { match, action, number } of rules) {
      if (number % RULES_PER_STEP === 0) yield;
      if (match.kind !== "name" && match.kind !== "subdomains") continue;
      const hash = hashName(match.name);
      let entry = table.#find(hash, match.name, 0);
      if (entry < 0) {
        entry = count++;
        table.#add(entry, hash, match.name);
      }
      const at = entry * FIRSTS + (match.kind === "subdomains" ? 2 : 0) + (action === "deny" ? 1 : 0);
      if (number < (table.#firsts[at] ?? 0)) table.#firsts[at] = number;
    }
    return table;
  }

  /** Finds the first allowing and the first denying rule for a name in normal form. */
  find(name: string): NameMatch {
    let allow = NO_RULE;
    let deny = NO_RULE;
    let hash = HASH_START;
    for (let i = name.length - 1; i >= -1; i--) {
      const code = i < 0 ? DOT : name.charCodeAt(i);
      // A suffix is tried only at a label boundary: "badexample.com" is not under "example.com".
      const entry = code === DOT ? this.#find(hash, name, i + 1) : -1;
      if (entry >= 0) {
        const at = entry * FIRSTS;
        allow = Math.min(allow, this.#firsts[at + 2] ?? NO_RULE);
        deny = Math.min(deny, this.#firsts[at + 3] ?? NO_RULE);
        if (i < 0) {
          allow = Math.min(allow, this.#firsts[at] ?? NO_RULE);
          deny = Math.min(deny, this.#firsts[at + 1] ?? NO_RULE);
        }
      }
      hash = Math.imul(hash ^ code, HASH_PRIME);
    }
    return { allow, deny };
  }

  /** Finds the first rule, whatever its action, that matches a name and every name under it; NO_RULE where none does. */
  findSubtree(name: string): number {
    let first = NO_RULE;
    for (let start = 0;; start = name.indexOf(".", start) + 1) {
      const entry = this.#find(hashName(name.slice(start)), name, start);
      if (entry >= 0) {
        const at = entry * FIRSTS;
        first = Math.min(first, this.#firsts[at + 2] ?? NO_RULE, this.#firsts[at + 3] ?? NO_RULE);
      }
      if (name.indexOf(".", start) < 0) break;
    }
    return first;
  }

  /** The entry whose name is `name` from `start` on, or -1. */
  #find(hash: number, name: string, start: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = spread(hash) & mask;; slot = (slot + 1) & mask) {
      const entry = (slots[slot] ?? 0) - 1;
      if (entry < 0) return -1;
      if (this.#hashes[entry] === hash >>> 0 && this.#isName(entry, name, start)) return entry;
    }
  }

  #isName(entry: number, name: string, start: number): boolean {
    const offset = this.#offsets[entry] ?? 0;
    const length = name.length - start;
    if ((this.#offsets[entry + 1] ?? 0) - offset !== length) return false;
    for (let i = 0; i < length; i++) {
      if (this.#names[offset + i] !== name.charCodeAt(start + i)) return false;
    }
    return true;
  }

  #add(entry: number, hash: number, name: string): void {
    const offset = this.#offsets[entry] ?? 0;
    for (let i = 0; i < name.length; i++) this.#names[offset + i] = name.charCodeAt(i);
    this.#offsets[entry + 1] = offset + name.length;
    this.#hashes[entry] = hash;
    const mask = this.#slots.length - 1;
    let slot = spread(hash) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }
}

/** FNV-1a from the last character to the first, so that every suffix's hash is met on the way. */
function hashName(name: string): number {
  let hash = HASH_START;
  for (let i = name.length - 1; i >= 0; i--) hash = Math.imul(hash ^ name.charCodeAt(i), HASH_PRIME);
  return hash;
}

/** Mixes the high bits into the low ones that choose the slot. */
function spread(hash: number): number {
  return hash ^ hash >>> 15;
}
