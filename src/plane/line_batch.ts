// Owns a thread's log lines until they are handed to the control plane: in batches, by the loop's own deadlines.
import type { LineSink } from "../observe/access_log.ts";
import { Timer, type TimerHeap } from "../proxy/timers.ts";
import type { Clock } from "../runtime/runtime.ts";

/** A batch is handed over once it has so many characters, and at the latest after this time. A quarter of it cost the log half as much again. */
const BATCH_CHARACTERS = 128 * 1024;
const BATCH_MS = 100;

/** Collects lines; one message a line would cost more than the line. */
export class LineBatch extends Timer implements LineSink {
  readonly #timers: TimerHeap;
  readonly #clock: Clock;
  readonly #handOver: (lines: string) => void;
  #lines = "";

  constructor(timers: TimerHeap, clock: Clock, handOver: (lines: string) => void) {
    super();
    this.#timers = timers;
    this.#clock = clock;
    this.#handOver = handOver;
  }

  append(line: string): void {
    if (this.#lines === "") this.#timers.set(this, this.#clock.nowMs() + BATCH_MS);
    this.#lines += line;
    if (this.#lines.length >= BATCH_CHARACTERS) this.flush();
  }

  /** Hands over what there is. */
  flush(): void {
    this.#timers.remove(this);
    if (this.#lines === "") return;
    const lines = this.#lines;
    this.#lines = "";
    this.#handOver(lines);
  }

  override onTimer(): void {
    this.flush();
  }
}
