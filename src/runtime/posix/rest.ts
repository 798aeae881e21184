// Owns the question whether a loop that was busy is at rest now. Knows neither sockets nor what is done about it.

/** A loop is at rest when nothing came for so long, after at least so many events. */
const REST_MS = 500;
const BUSY_EVENTS = 256;

/**
 * Tells once when a busy loop has come to rest: the time to collect garbage, which a runtime's own timers never do in a
 * thread that blocks. A loop that was not busy is not woken for it.
 */
export class Rest {
  readonly #onRest: (() => void) | undefined;
  #events = 0;
  #waitedMs = 0;

  constructor(onRest: (() => void) | undefined) {
    this.#onRest = onRest;
  }

  /** Bounds a wait of `waitMs` (Infinity: none) so that the rest is noticed. */
  bound(waitMs: number): number {
    this.#waitedMs = this.#events >= BUSY_EVENTS ? Math.min(waitMs, REST_MS) : waitMs;
    return this.#waitedMs;
  }

  /** Takes note of how many events the wait ended with. */
  waited(events: number): void {
    this.#events += events;
    if (events > 0 || this.#events < BUSY_EVENTS || this.#waitedMs < REST_MS) return;
    this.#events = 0;
    this.#onRest?.();
  }
}
