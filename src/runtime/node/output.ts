// Owns the way of text to a file descriptor without ever blocking the loop. Knows nothing of what is written.
import { write } from "node:fs";
import { systemErrorCode } from "./system_error.ts";

/** Once so many characters wait for a reader, new text is dropped. */
const MAX_QUEUED_CHARACTERS = 8 * 1024 * 1024;

/** A descriptor that someone made non-blocking is tried again after this time. */
const RETRY_MS = 10;

/**
 * Text on its way to stdout or stderr. One write is under way at a time, in the runtime's thread pool, where a slow reader
 * blocks nobody; all text that comes meanwhile is the next one.
 */
export class Output {
  readonly #fd: number;
  #queued: string[] = [];
  #queuedCharacters = 0;
  #isWriting = false;
  #isBroken = false;
  #droppedCharacters = 0;
  #waiting: (() => void)[] = [];

  constructor(fd: number) {
    this.#fd = fd;
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

  readonly #writeQueued = (): void => {
    const bytes = new TextEncoder().encode(this.#queued.join(""));
    this.#queued = [];
    // Text that is being written still counts: with a reader that stalls, memory is bounded by the limit all the same.
    const characters = this.#queuedCharacters;
    this.#writeBytes(bytes, () => {
      this.#queuedCharacters -= characters;
      if (this.#queued.length > 0) return this.#writeQueued();
      this.#finish();
    });
  };

  #writeBytes(bytes: Uint8Array, onWritten: () => void): void {
    try {
      write(this.#fd, bytes, 0, bytes.length, null, (error, count) => {
        if (error === null || error === undefined) {
          if (count >= bytes.length) onWritten();
          else this.#writeBytes(bytes.subarray(count), onWritten);
        } else if (systemErrorCode(error) === "EAGAIN") {
          setTimeout(() => this.#writeBytes(bytes, onWritten), RETRY_MS);
        } else {
          this.#break();
        }
      });
    } catch {
      this.#break();
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
