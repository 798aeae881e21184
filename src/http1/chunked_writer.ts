// Owns the writing of the chunked transfer coding (RFC 9112 §7.1). Copies data once, so that each chunk is one write.
import type { Fields } from "./fields.ts";
import { OctetBuffer } from "./octet_buffer.ts";

/** Frames pieces of a body as chunks in one reused buffer. It keeps no state between calls, so that one serves all connections. */
export class ChunkedWriter {
  readonly #buffer = new OctetBuffer();

  /** Frames one piece: a view, valid until the next call. `data` must not be empty, since that would end the body. */
  chunk(data: Uint8Array): Uint8Array {
    if (data.length === 0) throw new Error("Cannot write a chunk: it is empty");
    this.#buffer.clear();
    this.#buffer.text(data.length.toString(16));
    this.#buffer.crlf();
    this.#buffer.append(data, 0, data.length);
    this.#buffer.crlf();
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
