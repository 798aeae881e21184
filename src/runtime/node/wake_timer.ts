// Owns the one timer of an engine. Knows nothing of what it wakes.
import { clearTimeout, setTimeout } from "node:timers";
import type { Clock } from "../runtime.ts";

const MAX_DELAY_MS = 2 ** 31 - 1;

/** One alarm: the earliest of the times asked for since it last rang. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #ring: (nowMs: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timeMs = Infinity;

  constructor(clock: Clock, ring: (nowMs: number) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `timeMs`, or earlier if it was to ring earlier. A time that is past rings soon, never at once. */
  wakeAt(timeMs: number): void {
    if (timeMs >= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(Math.max(Math.ceil(this.#timeMs - this.#clock.nowMs()), 0), MAX_DELAY_MS);
    // Sockets and listeners keep the process alive; an alarm for none of them need not.
    this.#timer = setTimeout(this.#onTimer, delayMs).unref();
  }

  readonly #onTimer = (): void => {
    const nowMs = this.#clock.nowMs();
    // Timers count whole milliseconds on a clock of their own and may be early by a fraction.
    if (nowMs < this.#timeMs) return this.#arm();
    this.#timeMs = Infinity;
    this.#timer = undefined;
    this.#ring(nowMs);
  };
}
