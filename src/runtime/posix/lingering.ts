// Owns the last seconds of closed connections: what is queued still goes out, what comes is dropped. Knows no handler.
import { LINGER_MS } from "../../limits.ts";
import type { NativeMemory } from "../ffi.ts";
import { type ConnectionTable, KIND } from "./connection_table.ts";
import * as C from "./libc.ts";
import type { Sockets } from "./sockets.ts";

/** How many reads one connection gets before the others have their turn. */
const READS_PER_TURN = 8;

/** What lingering needs of the engine. */
export interface LingeringHost {
  /** Hands the kernel what is queued; false while something is left. A failure ends the connection. */
  flushQueue(fd: number): boolean;
  /** Puts a connection on the list of those with more to read. */
  readLater(fd: number): void;
  release(fd: number): void;
}

interface Entry {
  readonly fd: number;
  readonly generation: number;
  readonly untilMs: number;
}

/** Connections that are dead for the core while the kernel still takes what they had queued. */
export class Lingering {
  readonly #sockets: Sockets;
  readonly #table: ConnectionTable;
  readonly #host: LingeringHost;
  readonly #buffer: NativeMemory;
  /** In the order of their time. */
  readonly #entries: Entry[] = [];

  /** `buffer` is shared with the engine. */
  constructor(sockets: Sockets, table: ConnectionTable, host: LingeringHost, buffer: NativeMemory) {
    this.#sockets = sockets;
    this.#table = table;
    this.#host = host;
    this.#buffer = buffer;
  }

  /** When the first is cut off; Infinity where none lingers. */
  get nextMs(): number {
    return this.#entries[0]?.untilMs ?? Infinity;
  }

  add(fd: number, nowMs: number): void {
    this.#table.kind[fd] = KIND.LINGERING;
    this.#entries.push({ fd, generation: this.#table.generation[fd]!, untilMs: nowMs + LINGER_MS });
  }

  /** Hands over the rest, then FIN; the peer's octets are dropped until its own, since a close on top of them would be a reset. */
  onEvent(fd: number, bits: number): void {
    const table = this.#table;
    const generation = table.generation[fd];
    if (bits & C.EPOLLERR) return this.#host.release(fd);
    if (table.writeEnd[fd] !== 2 && this.#host.flushQueue(fd)) {
      table.writeEnd[fd] = 2;
      this.#sockets.libc.shutdown(fd, C.SHUT_WR);
    }
    if (table.generation[fd] !== generation) return;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      const count = this.#sockets.libc.recv(fd, this.#buffer.address, this.#buffer.bytes.length, 0);
      if (count > 0) continue;
      if (count < 0 && this.#sockets.errno === C.EAGAIN) return;
      if (count === 0 && table.writeEnd[fd] !== 2) return;
      return this.#host.release(fd);
    }
    this.#host.readLater(fd);
  }

  /** Resets those whose time is over. */
  expire(nowMs: number): void {
    for (let first = this.#entries[0]; first !== undefined; first = this.#entries[0]) {
      const isOver = this.#table.generation[first.fd] !== first.generation;
      if (!isOver && first.untilMs > nowMs) return;
      this.#entries.shift();
      if (isOver) continue;
      this.#sockets.lingerZero(first.fd);
      this.#host.release(first.fd);
    }
  }
}
