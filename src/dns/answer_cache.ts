// Owns the answers that are still good, and how long they are. Asks nobody and has no timer: an entry past its time is
// found so when it is looked for, or pushed out by the bound.
import type { Clock } from "../runtime/runtime.ts";
import type { Answer } from "./answer.ts";

/** The bounds of an answer's life, whatever its TTL says. */
export const MIN_TTL_MS = 1_000;
export const MAX_TTL_MS = 5 * 60_000;

/** How long a failure is kept: "no such name" included, whatever its SOA says. */
export const FAILURE_TTL_MS = 5_000;

/** How much is kept unless told otherwise. */
export const MAX_CACHED_NAMES = 10_000;

/** An entry counts its addresses too, or names with huge answers would make the bound on names worthless. */
const ADDRESSES_PER_NAME = 4;

/** The life of an answer whose records say `ttlSeconds`, in milliseconds. */
export function clampTtlMs(ttlSeconds: number): number {
  return Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ttlSeconds * 1_000));
}

interface Entry {
  readonly answer: Answer;
  readonly expiresAtMs: number;
}

/** Answers by name, the least recently used pushed out first. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #maxNames: number;
  readonly #entries = new Map<string, Entry>(); // in order of use: a hit is put in again, at the end
  #addressCount = 0;

  constructor(clock: Clock, maxNames: number = MAX_CACHED_NAMES) {
    this.#clock = clock;
    this.#maxNames = maxNames;
  }

  /** The names held, expired ones included until they are met. */
  get size(): number {
    return this.#entries.size;
  }

  get(name: string): Answer | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    if (this.#clock.nowMs() >= entry.expiresAtMs) {
      this.#remove(name, entry);
      return undefined;
    }
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry.answer;
  }

  /** How long the answer for a name is still good; 0 where there is none. */
  remainingMs(name: string): number {
    return Math.max(0, (this.#entries.get(name)?.expiresAtMs ?? 0) - this.#clock.nowMs());
  }

  /** Keeps an answer for `ttlMs`; 0 is not at all. */
  set(name: string, answer: Answer, ttlMs: number): void {
    const old = this.#entries.get(name);
    if (old !== undefined) this.#remove(name, old);
    if (ttlMs <= 0) return;
    this.#entries.set(name, { answer, expiresAtMs: this.#clock.nowMs() + ttlMs });
    this.#addressCount += countAddresses(answer);
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxNames && this.#addressCount <= this.#maxNames * ADDRESSES_PER_NAME) break;
      this.#remove(oldest, entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#addressCount = 0;
  }

  #remove(name: string, entry: Entry): void {
    this.#entries.delete(name);
    this.#addressCount -= countAddresses(entry.answer);
  }
}

function countAddresses(answer: Answer): number {
  return answer.kind === "addresses" ? answer.addresses.length : 0;
}
