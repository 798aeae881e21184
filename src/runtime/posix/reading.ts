// Owns the reading of connections for the core: how much at a time, in whose turn. Relays read for themselves.
import type { NativeMemory } from "../ffi.ts";
import { type ConnectionTable, KIND } from "./connection_table.ts";
import * as C from "./libc.ts";
import type { Sockets } from "./sockets.ts";

/** How many reads one connection gets before the others have their turn. */
const READS_PER_TURN = 8;

/** Reads up to this size are shown by views that are kept: making one took 2 % of a small request's CPU, and its share of collection. */
const MAX_KEPT_VIEW_BYTES = 4 * 1024;

/** Who takes what is read. */
export interface ReadingHost {
  /** Octets came; the view is valid during the call. */
  onRead(fd: number, bytes: Uint8Array): void;
  /** The peer's FIN came. */
  onReadEnd(fd: number): void;
  /** The connection was reset or broke. */
  onFailure(fd: number): void;
  /** Moves what can be moved from a connection that has a sink. */
  pump(fd: number): void;
  /** Reads on from a connection that lingers. */
  readLingering(fd: number): void;
}

/** Reads what epoll announced, edge by edge. */
export class Reading {
  readonly #sockets: Sockets;
  readonly #table: ConnectionTable;
  readonly #host: ReadingHost;
  readonly #buffer: NativeMemory;
  readonly #views: (Uint8Array | undefined)[] = new Array(MAX_KEPT_VIEW_BYTES + 1).fill(undefined);
  #waiting: number[] = [];

  /** `buffer` is shared with the engine. */
  constructor(sockets: Sockets, table: ConnectionTable, host: ReadingHost, buffer: NativeMemory) {
    this.#sockets = sockets;
    this.#table = table;
    this.#host = host;
    this.#buffer = buffer;
  }

  /** Whether some have more to read, so that the loop must not block. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Puts a connection on the list of those with more to read. */
  later(fd: number): void {
    if (this.#table.listed[fd] === 1) return;
    this.#table.listed[fd] = 1;
    this.#waiting.push(fd);
  }

  /** Reads for those on the list. */
  readWaiting(): void {
    if (this.#waiting.length === 0) return;
    const list = this.#waiting;
    this.#waiting = [];
    for (const fd of list) {
      this.#table.listed[fd] = 0;
      if (this.#table.kind[fd] === KIND.OPEN) this.read(fd);
      else if (this.#table.kind[fd] === KIND.LINGERING) this.#host.readLingering(fd);
    }
  }

  #viewOf(count: number): Uint8Array {
    const kept = this.#views[count];
    if (kept !== undefined) return kept;
    const view = this.#buffer.bytes.subarray(0, count);
    if (count <= MAX_KEPT_VIEW_BYTES) this.#views[count] = view;
    return view;
  }

  /** Reads one connection for whoever its octets are for. */
  read(fd: number): void {
    const table = this.#table;
    const size = this.#buffer.bytes.length;
    const generation = table.generation[fd];
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      if (table.sink[fd]! >= 0) return this.#host.pump(fd);
      if (table.paused[fd] === 1 || table.ended[fd] === 1 || table.readable[fd] === 0) return;
      const count = this.#sockets.libc.recv(fd, this.#buffer.address, size, 0);
      if (count > 0) {
        // A stream socket that gave less than was asked for is empty (epoll(7)); only a hang-up is still to be read.
        if (count < size && table.hangup[fd] === 0) table.readable[fd] = 0;
        table.bulk[fd] = count === size ? 1 : 0;
        this.#host.onRead(fd, this.#viewOf(count));
        if (table.generation[fd] !== generation || table.kind[fd] !== KIND.OPEN) return;
      } else if (count === 0) {
        table.ended[fd] = 1;
        table.readable[fd] = 0;
        return this.#host.onReadEnd(fd);
      } else {
        const { errno } = this.#sockets;
        if (errno === C.EINTR) continue;
        if (errno !== C.EAGAIN) return this.#host.onFailure(fd);
        table.readable[fd] = 0;
        return;
      }
    }
    this.later(fd);
  }
}
