// Owns the handing of octets to the kernel, from wherever they lie. Knows no connection's state but its queue.
import type { Ffi, NativeMemory } from "../ffi.ts";
import type { WriteQueue } from "../node/write_queue.ts";
import * as C from "./libc.ts";
import type { Sockets } from "./sockets.ts";

/** Sends; what lies in the engine's read buffer is not copied first. */
export class Sender {
  readonly #sockets: Sockets;
  readonly #readBuffer: NativeMemory;
  readonly #copy: NativeMemory;

  constructor(ffi: Ffi, sockets: Sockets, readBuffer: NativeMemory) {
    this.#sockets = sockets;
    this.#readBuffer = readBuffer;
    this.#copy = ffi.allocate(readBuffer.bytes.length);
  }

  /** Hands octets to the kernel; returns how many it took, or a negative errno where the connection is broken. */
  send(fd: number, bytes: Uint8Array): number {
    let sent = 0;
    while (sent < bytes.length) {
      const size = Math.min(bytes.length - sent, this.#copy.bytes.length);
      const count = this.#sockets.libc.send(fd, this.#addressOf(bytes, sent, size), size, C.MSG_NOSIGNAL);
      if (count < 0) {
        const { errno } = this.#sockets;
        if (errno === C.EINTR) continue;
        return errno === C.EAGAIN ? sent : -errno;
      }
      sent += count;
      if (count < size) return sent;
    }
    return sent;
  }

  /** Hands over what is queued; returns 1 where all went, 0 where something is left, or a negative errno. */
  flush(fd: number, queue: WriteQueue | undefined): number {
    for (let bytes = queue?.first(); bytes !== undefined; bytes = queue?.first()) {
      const sent = this.send(fd, bytes);
      if (sent < 0) return sent;
      queue?.consume(sent);
      if (sent < bytes.length) return 0;
    }
    return 1;
  }

  #addressOf(bytes: Uint8Array, from: number, size: number): number {
    const { bytes: read, address } = this.#readBuffer;
    if (bytes.buffer === read.buffer) return address + bytes.byteOffset + from;
    this.#copy.bytes.set(from === 0 && size === bytes.length ? bytes : bytes.subarray(from, from + size));
    return this.#copy.address;
  }
}
