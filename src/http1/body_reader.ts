// Owns the reading of a body whose framing is known, whichever side sends it. Knows no head but the one its trailers belong to.
import { ChunkedReader } from "./chunked_reader.ts";
import { fault, type Sender } from "./fault.ts";
import type { Fields } from "./fields.ts";
import type { Framing } from "./framing.ts";

/** Reads one body and hands its data on as views. */
export class BodyReader {
  readonly #sender: Sender;
  readonly #emit: (bytes: Uint8Array) => void;
  #framing: Framing = { kind: "none" };
  #remainingBytes = 0;
  #readBytes = 0;
  #chunked: ChunkedReader | undefined;
  #stopped = false;
  #complete = true;

  /** `emit` gets each piece of data; the view is valid during the call. */
  constructor(sender: Sender, emit: (bytes: Uint8Array) => void) {
    this.#sender = sender;
    this.#emit = emit;
  }

  /** Makes ready for a body. */
  begin(framing: Framing): void {
    this.#framing = framing;
    this.#readBytes = 0;
    this.#remainingBytes = framing.kind === "length" ? framing.lengthBytes : 0;
    this.#complete = framing.kind === "none" || (framing.kind === "length" && framing.lengthBytes === 0);
    if (framing.kind !== "chunked") return;
    this.#chunked ??= new ChunkedReader(this.#sender);
    this.#chunked.reset();
  }

  /** Whether the whole body has been read. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Octets of data that come next for certain: the rest of a known length or of the chunk, Infinity for a body that ends with the connection. */
  get expectedBytes(): number {
    if (this.#framing.kind === "length") return this.#remainingBytes;
    if (this.#framing.kind === "chunked") return this.#chunked!.dataBytes;
    return this.#complete ? 0 : Infinity;
  }

  /** Takes note that so many of the octets that were expected went another way. */
  skip(countBytes: number): void {
    this.#readBytes += countBytes;
    if (this.#framing.kind === "chunked" && countBytes > 0) this.#chunked!.skipData(countBytes);
    if (this.#framing.kind !== "length") return;
    this.#remainingBytes -= countBytes;
    this.#complete = this.#remainingBytes === 0;
  }

  /** Reads from `bytes[from]` on and returns where it stopped: behind the body, at the end of the bytes, or after the piece during which `stop()` was called. */
  read(bytes: Uint8Array, from: number): number {
    if (this.#complete || from === bytes.length) return from;
    this.#stopped = false;
    switch (this.#framing.kind) {
      case "none":
        return from;
      case "length": {
        const count = Math.min(this.#remainingBytes, bytes.length - from);
        this.#remainingBytes -= count;
        this.#complete = this.#remainingBytes === 0;
        this.#give(bytes, from, from + count);
        return from + count;
      }
      case "until-close":
        this.#give(bytes, from, bytes.length);
        return bytes.length;
      case "chunked":
        return this.#readChunked(this.#chunked!, bytes, from);
    }
  }

  /** Makes `read` return once the callback that calls this is over. */
  stop(): void {
    this.#stopped = true;
  }

  /** The trailers that may be passed on, once complete. */
  trailers(head: Fields): Fields | undefined {
    return this.#framing.kind === "chunked" ? this.#chunked!.finish(head) : undefined;
  }

  /** Completes a body that ends with the connection. Throws ProxyError where another is cut short. */
  end(): void {
    if (this.#complete) return;
    switch (this.#framing.kind) {
      case "length": {
        const total = this.#readBytes + this.#remainingBytes;
        throw fault(this.#sender, `Cannot read the body: it ended after ${this.#readBytes} of ${total} bytes`);
      }
      case "chunked":
        throw fault(
          this.#sender,
          `Cannot read the chunked body: it ended after ${this.#readBytes} bytes without the last chunk`,
        );
    }
    this.#complete = true;
  }

  #readChunked(chunked: ChunkedReader, bytes: Uint8Array, from: number): number {
    let at = from;
    while (!this.#stopped) {
      at = chunked.read(bytes, at);
      this.#complete = chunked.complete;
      const count = Math.min(chunked.dataBytes, bytes.length - at);
      if (count === 0) break;
      chunked.skipData(count);
      at += count;
      this.#give(bytes, at - count, at);
    }
    return at;
  }

  #give(bytes: Uint8Array, start: number, end: number): void {
    this.#readBytes += end - start;
    this.#emit(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  }
}
