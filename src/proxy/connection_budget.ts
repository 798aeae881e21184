// Owns the places for client connections, all together and for each client, in one thread or over several that share
// memory. Knows no socket and refuses nobody itself.
import type { IpAddress } from "../address/ip_address.ts";

/** The bounds. */
export interface ConnectionLimits {
  /** Client connections open at once; at least 1. */
  readonly maxConnections: number;
  /** The same for one client: an IPv4 address, or an IPv6 network of 64 bits. 0 for no limit. */
  readonly maxConnectionsPerClient: number;
}

/** Which bound leaves no place: that of all connections, or that of the client's own. */
export type NoPlace = "all" | "client";

/** A client's count is looked for in one bucket of this many entries. */
const BUCKET_ENTRIES = 16;
/** Entries for each connection that there may be: buckets are filled to an eighth, so that practically none overflows. */
const ENTRIES_PER_CONNECTION = 8;
/** An entry is the two halves of its key and a count. */
const ENTRY_WORDS = 3;
/** In front of the tables: the count of all threads, and a word for a seed. */
const HEADER_WORDS = 2;

/**
 * Counts in memory that threads share. Each thread writes its own row and table, so that nothing is locked and what a dead
 * thread held can be given back; whoever asks adds up those of all. A place is taken first and then judged: of two threads
 * that take the last one at the same moment both may be refused, never both served.
 */
export class ConnectionBudget {
  readonly #words: Int32Array;
  readonly #limits: ConnectionLimits;
  readonly #threads: number;
  readonly #own: number;
  readonly #buckets: number;

  /** `memory` is that of makeBudgetMemory for the same limits and number of threads; `own` is the thread's, from 0. */
  constructor(memory: ArrayBufferLike, limits: ConnectionLimits, threads = 1, own = 0) {
    this.#words = new Int32Array(memory);
    this.#limits = limits;
    this.#threads = threads;
    this.#own = own;
    this.#buckets = countBuckets(limits);
  }

  /** Places taken now, over all threads. */
  get taken(): number {
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++) sum += this.takenIn(thread);
    return sum;
  }

  /** Places that one thread has taken. */
  takenIn(thread: number): number {
    return Atomics.load(this.#words, HEADER_WORDS + thread);
  }

  /** Takes a place for a client; or says which bound leaves none, and takes none. */
  take(client: IpAddress): NoPlace | undefined {
    const { maxConnections, maxConnectionsPerClient } = this.#limits;
    Atomics.add(this.#words, HEADER_WORDS + this.#own, 1);
    if (this.taken > maxConnections) {
      Atomics.sub(this.#words, HEADER_WORDS + this.#own, 1);
      return "all";
    }
    if (maxConnectionsPerClient === 0) return undefined;
    this.#count(client, 1);
    if (this.#takenBy(client) <= maxConnectionsPerClient) return undefined;
    this.give(client);
    return "client";
  }

  /** Gives back a place that was taken for a client in this thread. */
  give(client: IpAddress): void {
    Atomics.sub(this.#words, HEADER_WORDS + this.#own, 1);
    if (this.#limits.maxConnectionsPerClient > 0) this.#count(client, -1);
  }

  /** Gives back all that a thread held, which has ended. */
  giveAll(thread: number): void {
    Atomics.store(this.#words, HEADER_WORDS + thread, 0);
    const start = this.#tableStart(thread);
    this.#words.fill(0, start, start + this.#buckets * BUCKET_ENTRIES * ENTRY_WORDS);
  }

  #takenBy(client: IpAddress): number {
    const [high, low] = keyOf(client);
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++) {
      const at = this.#find(thread, high, low);
      if (at >= 0) sum += Atomics.load(this.#words, at + 2);
    }
    return sum;
  }

  /** Changes a client's count in the thread's own table. A client for whom a bucket has no room is not counted. */
  #count(client: IpAddress, change: 1 | -1): void {
    const [high, low] = keyOf(client);
    let at = this.#find(this.#own, high, low);
    if (at < 0) {
      if (change < 0) return;
      at = this.#findFree(high, low);
      if (at < 0) return;
      Atomics.store(this.#words, at, high);
      Atomics.store(this.#words, at + 1, low);
    }
    Atomics.add(this.#words, at + 2, change);
  }

  /** The place of a client's entry in a thread's table, or -1. */
  #find(thread: number, high: number, low: number): number {
    const words = this.#words;
    const start = this.#bucketStart(thread, high, low);
    for (let at = start; at < start + BUCKET_ENTRIES * ENTRY_WORDS; at += ENTRY_WORDS) {
      if (Atomics.load(words, at) === high && Atomics.load(words, at + 1) === low && Atomics.load(words, at + 2) > 0) {
        return at;
      }
    }
    return -1;
  }

  #findFree(high: number, low: number): number {
    const start = this.#bucketStart(this.#own, high, low);
    for (let at = start; at < start + BUCKET_ENTRIES * ENTRY_WORDS; at += ENTRY_WORDS) {
      if (Atomics.load(this.#words, at + 2) === 0) return at;
    }
    return -1;
  }

  #bucketStart(thread: number, high: number, low: number): number {
    const bucket = mix(high, low, this.#words[1] ?? 0) % this.#buckets;
    return this.#tableStart(thread) + bucket * BUCKET_ENTRIES * ENTRY_WORDS;
  }

  #tableStart(thread: number): number {
    return HEADER_WORDS + this.#threads + thread * this.#buckets * BUCKET_ENTRIES * ENTRY_WORDS;
  }
}

/** Makes the memory of a budget for several threads; without a limit per client a few octets. */
export function makeBudgetMemory(limits: ConnectionLimits, threads = 1): SharedArrayBuffer {
  const tableWords = countBuckets(limits) * BUCKET_ENTRIES * ENTRY_WORDS;
  const memory = new SharedArrayBuffer((HEADER_WORDS + threads + threads * tableWords) * 4);
  // Nobody can choose addresses that all fall into one bucket.
  new Int32Array(memory)[1] = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  return memory;
}

function countBuckets({ maxConnections, maxConnectionsPerClient }: ConnectionLimits): number {
  if (maxConnectionsPerClient === 0) return 0;
  return Math.ceil(Math.min(maxConnections, MOST_COUNTED) * ENTRIES_PER_CONNECTION / BUCKET_ENTRIES);
}

/** Beyond so many connections a table grows no more: some 12 MiB a thread. */
const MOST_COUNTED = 128 * 1024;

/** An IPv4 address, or the first 64 bits of an IPv6 one: whoever has one address of such a network has all of them. */
function keyOf({ family, bytes }: IpAddress): readonly [high: number, low: number] {
  return family === 4 ? [0, wordOf(bytes, 0)] : [wordOf(bytes, 0), wordOf(bytes, 4)];
}

function wordOf(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) << 24 | (bytes[at + 1] ?? 0) << 16 | (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0);
}

function mix(high: number, low: number, seed: number): number {
  let hash = seed;
  for (const word of [high, low]) {
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}
