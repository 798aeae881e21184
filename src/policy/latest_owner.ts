// Owns one question on a table of IPv4 ranges: the greatest first match within an interval, in logarithmic time, so that
// a rule list made to be slow is not. Knows nothing of what the rules do.
import { NO_RULE } from "./name_table.ts";
import type { RangeTable } from "./range_table.ts";

/** A tree of maxima over the owners of an IPv4 table. */
export class LatestOwner {
  readonly #table: RangeTable;
  /** Leaves from `#leaves` on, in order; element i is the greater of elements 2i and 2i + 1. */
  readonly #maxima: Uint32Array;
  readonly #leaves: number;

  constructor(table: RangeTable) {
    const { owners } = table;
    this.#table = table;
    this.#leaves = owners.length;
    this.#maxima = new Uint32Array(owners.length * 2);
    this.#maxima.set(owners, owners.length);
    for (let i = owners.length - 1; i > 0; i--) {
      this.#maxima[i] = Math.max(this.#maxima[2 * i] ?? 0, this.#maxima[2 * i + 1] ?? 0);
    }
  }

  /** The greatest first match of the addresses from `first` to `last`; NO_RULE where one of them is matched by none. */
  between(first: number, last: number): number {
    let low = this.#indexOf(first) + this.#leaves;
    let high = this.#indexOf(last) + this.#leaves;
    let latest = 0;
    for (; low <= high && latest < NO_RULE; low >>= 1, high >>= 1) {
      if (low & 1) latest = Math.max(latest, this.#maxima[low++] ?? 0);
      if (!(high & 1)) latest = Math.max(latest, this.#maxima[high--] ?? 0);
    }
    return latest;
  }

  #indexOf(address: number): number {
    return this.#table.indexOf(
      Uint8Array.of(address >>> 24, address >>> 16 & 0xff, address >>> 8 & 0xff, address & 0xff),
    );
  }
}
