// Owns the way of text to a file descriptor without ever blocking the loop. Knows nothing of what is written.
import { systemErrorCode } from "./system_error.ts";

/** Hands bytes to the kernel without blocking the loop; resolves to how many it took. Rejects with the system's error. */
export type WriteSome = (bytes: Uint8Array) => Promise<number>;

/** Once so many characters wait for a reader, new text is dropped. */
const MAX_QUEUED_CHARACTERS = 8 * 1024 * 1024;

/** A descriptor that someone made non-blocking is tried again after this time. */
const RETRY_MS = 10;

/** Text on its way to stdout or stderr. One write is under way at a time; all text that comes meanwhile is the next one. */
export class Output {
  readonly #writeSome: WriteSome;
  #queued: string[] = [];
  #queuedCharacters = 0;
  #isWriting = false;
  #isBroken = false;
  #droppedCharacters = 0;
  #waiting: (() => void)[] = [];

  constructor(writeSome: WriteSome) {
    this.#writeSome = writeSome;
  }

  /** How much text was dropped because nobody read. */
  get droppedCharacters(): number {
    return this.#droppedCharacters;
  }

  /** Queues text; false once the descriptor is broken (closed pipe, full disk), which is for good. Never throws. */
  write(text: string): boolean {
    if (this.#isBroken) return false;
    if (text === "") return true;
    if (this.#queuedCharacters >= MAX_QUEUED_CHARACTERS) {
      this.#droppedCharacters += text.length;
      return true;
    }
    this.#queued.push(text);
    this.#queuedCharacters += text.length;
    if (!this.#isWriting) {
      this.#isWriting = true;
      setImmediate(this.#writeQueued);
    }
    return true;
  }

  /** Resolves when the kernel has all that was queued, or the descriptor is broken. Never rejects. */
  flush(): Promise<void> {
    if (!this.#isWriting) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  readonly #writeQueued = async (): Promise<void> => {
    while (this.#queued.length > 0) {
      const bytes = new TextEncoder().encode(this.#queued.join(""));
      this.#queued = [];
      // Text that is being written still counts: with a reader that stalls, memory is bounded by the limit all the same.
      const characters = this.#queuedCharacters;
      try {
        await this.#writeAll(bytes);
      } catch {
        return this.#break();
      }
      this.#queuedCharacters -= characters;
    }
    this.#finish();
  };

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(await this.#writeSome(rest));
      } catch (error) {
        if (systemErrorCode(error) !== "EAGAIN") throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #break(): void {
    this.#isBroken = true;
    this.#queued = [];
    this.#queuedCharacters = 0;
    this.#finish();
  }

  #finish(): void {
    this.#isWriting = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
