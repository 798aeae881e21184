// Owns the gathering of small writes: a head and its body leave in one write. Knows nothing of messages.
import { OctetBuffer } from "../http1/octet_buffer.ts";
import type { ConnectionId, Engine } from "../runtime/runtime.ts";

const OUTBOX_BYTES = 64 * 1024;

/**
 * One buffer for the whole loop. It is filled and flushed within one engine callback and serves one connection at a
 * time: a part for another connection flushes the first. Whether a connection takes more is asked of the engine
 * (`queuedBytes`) after the flush.
 */
export class Outbox {
  readonly #engine: Engine;
  readonly #buffer = new OctetBuffer();
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
    if (this.#buffer.length + bytes.length > OUTBOX_BYTES) {
      this.flush();
      this.#id = id;
      if (bytes.length > OUTBOX_BYTES / 2) {
        this.#engine.write(id, bytes);
        return;
      }
    }
    this.#buffer.append(bytes, 0, bytes.length);
  }

  /** Sends what was added. */
  flush(): void {
    if (this.#buffer.length === 0) return;
    const gathered = this.#buffer.view();
    this.#buffer.clear();
    this.#engine.write(this.#id, gathered);
  }
}
