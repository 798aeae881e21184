// Owns the bytes that a socket did not take yet: copies of them, in order. Knows nothing of sockets.

/** Small leftovers share a block of this size, so that a thousand ten-byte writes do not make a thousand objects. */
const BLOCK_BYTES = 16 * 1024;

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
}

/** A first-in, first-out queue of bytes. */
export class WriteQueue {
  readonly #blocks: Block[] = [];
  #byteCount = 0;

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Copies `bytes` to the end. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.end < last.bytes.length) {
      const fit = rest.subarray(0, last.bytes.length - last.end);
      last.bytes.set(fit, last.end);
      last.end += fit.length;
      rest = rest.subarray(fit.length);
    }
    if (rest.length > 0) {
      const block = new Uint8Array(Math.max(BLOCK_BYTES, rest.length));
      block.set(rest);
      this.#blocks.push({ bytes: block, start: 0, end: rest.length });
    }
    this.#byteCount += bytes.length;
  }

  /** The first bytes in one piece, at least one where there are any; a view that is valid until `consume`. */
  first(): Uint8Array<ArrayBuffer> | undefined {
    const block = this.#blocks[0];
    return block?.bytes.subarray(block.start, block.end);
  }

  /** Drops `count` bytes of what `first` gave. */
  consume(count: number): void {
    const block = this.#blocks[0];
    if (block === undefined) return;
    block.start += count;
    this.#byteCount -= count;
    if (block.start === block.end) this.#blocks.shift();
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#byteCount = 0;
  }
}
