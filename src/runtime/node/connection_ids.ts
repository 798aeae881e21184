// Owns which connection ids are taken. Knows nothing of sockets.
import type { ConnectionId } from "../runtime.ts";

/**
 * How many ids rest before the longest-resting one is used again. A stale id in the core then hits nothing, where an
 * eager pool would hand it another client's connection.
 */
const MIN_RESTING_IDS = 1024;

/** Hands out small integers, unique among those not given back. */
export class ConnectionIds {
  #next: ConnectionId = 0;
  #resting: ConnectionId[] = [];
  #firstResting = 0;

  take(): ConnectionId {
    if (this.#resting.length - this.#firstResting < MIN_RESTING_IDS) return this.#next++;
    const id = this.#resting[this.#firstResting++] as ConnectionId;
    if (this.#firstResting === MIN_RESTING_IDS) {
      this.#resting = this.#resting.slice(MIN_RESTING_IDS);
      this.#firstResting = 0;
    }
    return id;
  }

  /** Gives back an id; at most once for each `take`. */
  release(id: ConnectionId): void {
    this.#resting.push(id);
  }
}
