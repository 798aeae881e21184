// Owns the writing of the chunked transfer coding (RFC 9112 §7.1). Copies data once, so that each chunk is one write.
import type { Fields } from "./fields.ts";
import { OctetBuffer } from "./octet_buffer.ts";
import { CR, LF } from "./octets.ts";

/** What ends a chunk whose data was sent by someone else. */
export const CHUNK_END: Uint8Array = Uint8Array.of(CR, LF);

/** Frames pieces of a body as chunks in one reused buffer. It keeps no state between calls, so that one serves all connections. */
export class ChunkedWriter {
  readonly #buffer = new OctetBuffer();

  /**
   * Frames one piece: a view, valid until the next call. It must not be empty, since that would end the body.
   * `restBytes`: so many octets of the chunk follow, which someone else sends, and `CHUNK_END` behind them.
   */
  chunk(data: Uint8Array, restBytes = 0): Uint8Array {
    const sizeBytes = data.length + restBytes;
    if (sizeBytes === 0) throw new Error("Cannot write a chunk: it is empty");
    this.#buffer.clear();
    this.#buffer.text(sizeBytes.toString(16));
    this.#buffer.crlf();
    this.#buffer.append(data, 0, data.length);
    if (restBytes === 0) this.#buffer.crlf();
    return this.#buffer.view();
  }

  /** Ends the body, with trailers as they were received: a view, valid until the next call. */
  end(trailers?: Fields): Uint8Array {
    this.#buffer.clear();
    this.#buffer.text("0");
    this.#buffer.crlf();
    if (trailers !== undefined) {
      for (let i = 0; i < trailers.count; i++) {
        this.#buffer.append(trailers.octets, trailers.nameStart(i), trailers.valueEnd(i));
        this.#buffer.crlf();
      }
    }
    this.#buffer.crlf();
    return this.#buffer.view();
  }
}
