// Owns the end of what other rules no longer allow: tunnels and kept-alive upstream connections at once, requests that are
// under way after a time in which they may end. Decides nothing: each session judges its own.
import { REVOKED_REQUEST_MS } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";
import { Timer, type TimerHeap } from "./timers.ts";

/** How many connections were closed, by what they did. */
export interface RevokedCounts {
  readonly tunnels: number;
  readonly requests: number;
  readonly keptAlive: number;
}

/** What was ended. */
export type Revoked = keyof RevokedCounts;

/** What can be asked to end what the rules in force no longer allow. */
interface Revocable {
  enforcePolicy(requestsToo: boolean): Revoked | undefined;
}

/**
 * Asks every session when the rules have changed, and once more up to REVOKED_REQUEST_MS later: who is then still busy with
 * something that is denied began it under the old rules, since a new request would have been refused.
 */
export class Revocation extends Timer {
  readonly #sessions: () => Iterable<Revocable>;
  readonly #timers: TimerHeap;
  readonly #clock: Clock;
  readonly #onRevoked: (counts: RevokedCounts) => void;
  /** The rules have changed once more since the timer was set. */
  #hasChanged = false;

  /** `onRevoked` hears of each round that closed something. */
  constructor(
    sessions: () => Iterable<Revocable>,
    timers: TimerHeap,
    clock: Clock,
    onRevoked: (counts: RevokedCounts) => void,
  ) {
    super();
    this.#sessions = sessions;
    this.#timers = timers;
    this.#clock = clock;
    this.#onRevoked = onRevoked;
  }

  /** To be called when other rules are in force. */
  begin(): void {
    this.#ask(false);
    // Rules that change again and again must not put the end off for ever: the first change sets the time.
    if (this.deadlineMs === Infinity) this.#setTimer();
    else this.#hasChanged = true;
  }

  override onTimer(): void {
    this.#ask(true);
    if (this.#hasChanged) this.#setTimer();
    this.#hasChanged = false;
  }

  #setTimer(): void {
    this.#timers.set(this, this.#clock.nowMs() + REVOKED_REQUEST_MS);
  }

  #ask(requestsToo: boolean): void {
    const counts = { tunnels: 0, requests: 0, keptAlive: 0 };
    for (const session of [...this.#sessions()]) {
      const revoked = session.enforcePolicy(requestsToo);
      if (revoked !== undefined) counts[revoked]++;
    }
    if (counts.tunnels + counts.requests + counts.keptAlive > 0) this.#onRevoked(counts);
  }
}
