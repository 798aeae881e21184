// Owns the way of log lines to stdout: one batch for all of them, so that their order is kept. Whatever stdout does,
// the proxy goes on: a slow reader loses lines, a broken stdout all of them.
import type { Process } from "../runtime/runtime.ts";

/** A batch is written once it has so many characters. */
const BATCH_CHARACTERS = 32 * 1024;

/** A batch is written at the latest after this time. */
const BATCH_MS = 200;

/** So many characters wait for a stdout that takes nothing; further lines are dropped and counted. */
const MAX_WAITING_CHARACTERS = 4 * 1024 * 1024;

/** The longest that close() waits for a stdout that takes nothing. */
const CLOSE_MS = 2_000;

/** What a log needs of the process. */
export type LogOutput = Pick<Process, "writeStdout" | "writeStderr" | "flush">;

/** Collects lines and writes them in batches: one write a line costs 15 % of a small request, a batch far less. */
export class LogWriter {
  readonly #output: LogOutput;
  #batch = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A batch was handed over and stdout has not taken it all yet. */
  #isWriting = false;
  #isUrgent = false;
  #isBroken = false;
  #droppedLines = 0;
  #lostLineCount = 0;
  readonly #formatDropped: (lines: number) => string;

  /** `formatDropped` makes the line that says how many lines were lost. */
  constructor(output: LogOutput, formatDropped: (lines: number) => string) {
    this.#output = output;
    this.#formatDropped = formatDropped;
  }

  /** Appends that were lost since the start, because stdout was too slow or broken; of the access log each may be several lines. */
  get lostLineCount(): number {
    return this.#lostLineCount;
  }

  /** Takes one line, its line feed included. */
  append(line: string): void {
    if (this.#isBroken) {
      this.#lostLineCount++;
      return;
    }
    if (this.#batch.length + line.length > MAX_WAITING_CHARACTERS) {
      this.#lostLineCount++;
      this.#droppedLines++;
      return;
    }
    this.#batch += line;
    if (this.#batch.length >= BATCH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  /** Writes what there is now, or as soon as stdout has taken what it was given before. */
  flush(): void {
    if (this.#isWriting) {
      this.#isUrgent = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === "") return;
    const text = this.#batch;
    this.#batch = "";
    this.#isUrgent = false;
    if (!this.#output.writeStdout(text)) return this.#break();
    this.#isWriting = true;
    this.#output.flush().then(() => this.#onWritten(), () => this.#break());
  }

  /** Writes what is left and waits, but not for ever, until stdout has it. Lines may still be appended. */
  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
    await Promise.race([this.#drain(), deadline]);
    clearTimeout(timer);
  }

  async #drain(): Promise<void> {
    while (!this.#isBroken && (this.#batch !== "" || this.#isWriting)) {
      this.flush();
      await this.#output.flush();
    }
  }

  #onWritten(): void {
    this.#isWriting = false;
    if (this.#droppedLines > 0) {
      this.#batch += this.#formatDropped(this.#droppedLines);
      this.#droppedLines = 0;
    }
    if (this.#isUrgent || this.#batch.length >= BATCH_CHARACTERS) this.flush();
  }

  #break(): void {
    this.#isBroken = true;
    this.#batch = "";
    this.#output.writeStderr(
      "egress-http-proxy: Cannot write the log: stdout is closed; the proxy goes on without it\n",
    );
  }
}
