// Owns the gathering of small writes: a head and its body leave in one write. Knows nothing of messages.
import type { ConnectionId, Engine } from "../runtime/runtime.ts";

const OUTBOX_BYTES = 64 * 1024;

/**
 * One buffer for the whole loop. It is filled and flushed within one engine callback and serves one connection at a
 * time: a part for another connection flushes the first. Whether a connection takes more is asked of the engine
 * (`queuedBytes`) after the flush.
 */
export class Outbox {
  readonly #engine: Engine;
  readonly #buffer = new Uint8Array(new ArrayBuffer(OUTBOX_BYTES));
  #length = 0;
  #id: ConnectionId = -1;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Adds octets for a connection; they are sent by `flush` at the latest. A part too large for the buffer goes out at once. */
  add(id: ConnectionId, bytes: Uint8Array): void {
    if (id !== this.#id) {
      this.flush();
      this.#id = id;
    }
    if (this.#length + bytes.length > OUTBOX_BYTES) {
      this.flush();
      this.#id = id;
      if (bytes.length > OUTBOX_BYTES / 2) {
        this.#engine.write(id, bytes);
        return;
      }
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Sends what was added. */
  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    this.#engine.write(this.#id, this.#buffer.subarray(0, length));
  }
}
