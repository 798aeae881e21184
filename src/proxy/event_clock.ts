// Owns the time as one event of the engine sees it. Knows no event but its end.
import type { Clock } from "../runtime/runtime.ts";

/** A clock that is read once in each event, at most: six reads took 5 % of a small request's CPU here. */
export class EventClock implements Clock {
  readonly #clock: Clock;
  #nowMs = -1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    if (this.#nowMs < 0) this.#nowMs = this.#clock.nowMs();
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }

  /** The event is over: the next has its own time. */
  next(): void {
    this.#nowMs = -1;
  }
}
