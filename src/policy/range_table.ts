// Owns the look-up of an address among address and range rules of one family: disjoint intervals, each with the first
// rule that matches it, found by binary search. Flat arrays. Knows nothing of names or of what a rule does.
import { NO_RULE } from "./name_table.ts";

/** Prefixes of one family to build a table of, as columns. */
export interface PrefixColumns {
  /** Words of 32 bits per address: 1 for IPv4, 4 for IPv6. */
  readonly words: 1 | 4;
  readonly count: number;
  /** `words` per prefix, most significant first, host bits zero. */
  readonly networks: Uint32Array;
  readonly lengths: Uint8Array;
  /** Rule numbers. */
  readonly numbers: Uint32Array;
}

/** Disjoint intervals that cover one family's whole address space. */
export class RangeTable {
  readonly words: 1 | 4;
  /** First address of each interval, `words` each; an interval ends before the next one's first. Sorted; the first is zero. */
  readonly starts: Uint32Array;
  /** The first rule that matches each interval, or NO_RULE. Neighbours differ. */
  readonly owners: Uint32Array;

  /** Builds the table. Prefixes nest or are disjoint, so one sweep with a stack of the open ones is enough. */
  constructor(prefixes: PrefixColumns) {
    const { words, count } = prefixes;
    this.words = words;
    const order = sortPrefixes(prefixes);
    const sweep = new Sweep(words, count);
    for (const index of order) {
      const network = prefixes.networks.subarray(index * words, (index + 1) * words);
      sweep.closeBefore(network);
      sweep.open(network, prefixes.lengths[index] ?? 0, prefixes.numbers[index] ?? NO_RULE);
    }
    sweep.closeAll();
    this.starts = sweep.starts.slice(0, sweep.count * words);
    this.owners = sweep.owners.slice(0, sweep.count);
  }

  /** The first rule that matches the address (its octets, in network order), or NO_RULE. */
  find(bytes: Uint8Array): number {
    return this.owners[this.indexOf(bytes)] ?? NO_RULE;
  }

  /** The index of the interval that holds the address. */
  indexOf(bytes: Uint8Array): number {
    let low = 0;
    let high = this.owners.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#isAtOrBefore(middle, bytes)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #isAtOrBefore(index: number, bytes: Uint8Array): boolean {
    for (let word = 0; word < this.words; word++) {
      const start = this.starts[index * this.words + word] ?? 0;
      const value = wordAt(bytes, word);
      if (start !== value) return start < value;
    }
    return true;
  }
}

/** Reads a 32-bit word of an address's octets. */
export function wordAt(bytes: Uint8Array, word: number): number {
  const at = word * 4;
  return ((bytes[at] ?? 0) << 24 | (bytes[at + 1] ?? 0) << 16 | (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0)) >>> 0;
}

/** By network, then shorter prefixes first, then rule number: an outer prefix comes before all that it holds. */
function sortPrefixes({ words, count, networks, lengths, numbers }: PrefixColumns): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  return order.sort((a, b) => {
    for (let word = 0; word < words; word++) {
      const difference = (networks[a * words + word] ?? 0) - (networks[b * words + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return (lengths[a] ?? 0) - (lengths[b] ?? 0) || (numbers[a] ?? 0) - (numbers[b] ?? 0);
  });
}

/** The state of one build: intervals so far, and the prefixes that are open at the current address, outermost first. */
class Sweep {
  readonly starts: Uint32Array;
  readonly owners: Uint32Array;
  count = 0;
  readonly #words: number;
  /** The first address behind each open prefix, and whether there is one. */
  readonly #behind: Uint32Array;
  readonly #hasBehind: boolean[] = [];
  readonly #openOwners: number[] = [];

  constructor(words: 1 | 4, prefixes: number) {
    this.#words = words;
    this.starts = new Uint32Array((prefixes * 2 + 1) * words);
    this.owners = new Uint32Array(prefixes * 2 + 1);
    this.#behind = new Uint32Array((words * 32 + 2) * words);
    this.#emit(new Uint32Array(words), NO_RULE);
  }

  /** Closes the open prefixes that end before `address`. */
  closeBefore(address: Uint32Array): void {
    while (this.#openOwners.length > 0 && this.#endsBefore(address)) this.#close();
  }

  closeAll(): void {
    while (this.#openOwners.length > 0) this.#close();
  }

  /** Opens a prefix inside the innermost open one. Where the outer rule comes first the inner never decides. */
  open(network: Uint32Array, length: number, number: number): void {
    const depth = this.#openOwners.length;
    const outer = this.#openOwners[depth - 1];
    if (outer !== undefined && outer < number) return;
    this.#emit(network, number);
    this.#openOwners.push(number);
    const behind = this.#behind.subarray(depth * this.#words, (depth + 1) * this.#words);
    behind.set(network);
    this.#hasBehind[depth] = addBit(behind, length);
  }

  #endsBefore(address: Uint32Array): boolean {
    const depth = this.#openOwners.length - 1;
    if (this.#hasBehind[depth] !== true) return false;
    for (let word = 0; word < this.#words; word++) {
      const behind = this.#behind[depth * this.#words + word] ?? 0;
      const value = address[word] ?? 0;
      if (behind !== value) return behind < value;
    }
    return true;
  }

  #close(): void {
    const depth = this.#openOwners.length - 1;
    this.#openOwners.pop();
    if (this.#hasBehind[depth] !== true) return;
    const behind = this.#behind.subarray(depth * this.#words, (depth + 1) * this.#words);
    this.#emit(behind, this.#openOwners[depth - 1] ?? NO_RULE);
  }

  /** Starts an interval; one that would be empty gives way, one that continues its neighbour is not made. */
  #emit(start: Uint32Array, owner: number): void {
    if (this.count > 0 && this.#isLastStart(start)) this.count--;
    if (this.count > 0 && this.owners[this.count - 1] === owner) return;
    this.starts.set(start, this.count * this.#words);
    this.owners[this.count] = owner;
    this.count++;
  }

  #isLastStart(start: Uint32Array): boolean {
    for (let word = 0; word < this.#words; word++) {
      if (this.starts[(this.count - 1) * this.#words + word] !== start[word]) return false;
    }
    return true;
  }
}

/** Adds 1 to the first `length` bits; false where that overflows: the prefix reaches the end of the address space. */
function addBit(address: Uint32Array, length: number): boolean {
  if (length === 0) return false;
  let word = (length - 1) >> 5;
  let carry = 2 ** (31 - ((length - 1) & 31));
  for (; word >= 0; word--) {
    const sum = (address[word] ?? 0) + carry;
    address[word] = sum >>> 0;
    if (sum < 2 ** 32) return true;
    carry = 1;
  }
  return false;
}
