// Owns the moving of octets from socket to socket, for a join or by count: copied while they are few, spliced through a pipe while they are
// many. Knows no message and no epoll: the engine tells it what is readable and writable.
import type { NativeMemory } from "../ffi.ts";
import type { ConnectionTable } from "./connection_table.ts";
import * as C from "./libc.ts";
import type { Pipe, PipePool } from "./pipe_pool.ts";
import type { Sockets } from "./sockets.ts";

/** How many reads one descriptor gets before the others have their turn. */
const READS_PER_TURN = 16;

/** What a relay needs of the engine. */
export interface RelayHost {
  /** Hands the kernel what is queued for a descriptor; false while something is left. A failure ends the connection. */
  flushQueue(fd: number): boolean;
  /** Puts a descriptor on the list of those with more to read. */
  readLater(fd: number): void;
  /** A descriptor's connection failed. */
  onFailure(fd: number): void;
  /** Both directions have ended. */
  onRelayOver(fd: number): void;
  /** A move by count is over; the descriptor has no sink any more. */
  onMoveOver(fd: number): void;
}

/** The relays of one engine. State is in the table; an idle relay holds no pipe and no buffer. */
export class Relay {
  readonly #sockets: Sockets;
  readonly #table: ConnectionTable;
  readonly #pool: PipePool;
  readonly #host: RelayHost;
  readonly #buffer: NativeMemory;
  readonly #pipes: (Pipe | undefined)[] = [];
  /** False where the kernel or its filter refuses splice(2). */
  #splices = true;
  /** The time of the current turn of the loop. */
  nowMs = 0;

  /** `buffer` is shared with the engine: its contents are void after each call here. */
  constructor(sockets: Sockets, table: ConnectionTable, pool: PipePool, host: RelayHost, buffer: NativeMemory) {
    this.#sockets = sockets;
    this.#table = table;
    this.#pool = pool;
    this.#host = host;
    this.#buffer = buffer;
  }

  /** Joins two sockets both ways. */
  join(one: number, other: number): void {
    const table = this.#table;
    table.sink[one] = other;
    table.feeder[other] = one;
    table.sink[other] = one;
    table.feeder[one] = other;
    table.moveBytes[one] = -1;
    table.moveBytes[other] = -1;
    table.activeMs[one] = this.nowMs;
    table.activeMs[other] = this.nowMs;
  }

  /** Moves so many octets from one socket to another; Infinity stands for all up to the end. */
  move(from: number, to: number, count: number): void {
    const table = this.#table;
    table.sink[from] = to;
    table.feeder[to] = from;
    table.moveBytes[from] = count;
    table.relayedBytes[from] = 0;
    table.activeMs[from] = this.nowMs;
  }

  /** The descriptor that a descriptor is joined with, or -1. */
  partnerOf(fd: number): number {
    return this.#table.moveBytes[fd] === -1 ? this.#table.sink[fd]! : -1;
  }

  /** Forgets a descriptor: its pipe and the one that feeds it go; what they hold of a move goes to its sink, if that lives. */
  unlink(fd: number): void {
    const table = this.#table;
    const sink = table.sink[fd]!;
    const feeder = table.feeder[fd]!;
    // A pipe that is left with octets in it has a sink that takes no more: its queue will be flushed as that does again.
    if (this.#isMoving(fd) && table.pipeBytes[fd]! > 0) this.#unpipe(fd, sink);
    this.#dropPipe(fd);
    if (feeder >= 0) {
      this.#dropPipe(feeder);
      table.sink[feeder] = -1;
      table.feeder[fd] = -1;
      if (table.moveBytes[feeder] !== -1) this.#host.readLater(feeder);
    }
    if (sink >= 0) {
      table.feeder[sink] = -1;
      table.sink[fd] = -1;
    }
  }

  /** Octets for a descriptor that are in a pipe, of which its queue knows nothing. */
  bytesFor(fd: number): number {
    const feeder = this.#table.feeder[fd]!;
    return feeder >= 0 ? this.#table.pipeBytes[feeder]! : 0;
  }

  /** Moves what can be moved from a descriptor to its sink. */
  pump(source: number): void {
    const table = this.#table;
    const sink = table.sink[source]!;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      if (table.queuedBytes(sink) > 0 && !this.#host.flushQueue(sink)) return this.#blocked(source, sink);
      if (table.sink[source] !== sink) return;
      if (table.pipeBytes[source]! > 0 && !this.#emptyPipe(source, sink)) return this.#blocked(source, sink);
      if (table.moveBytes[source] === 0) return this.#endMove(source, sink);
      if (table.ended[source] === 1) return this.#passEnd(source, sink);
      if (table.readable[source] === 0 || table.paused[source] === 1) return this.#giveBack(source);
      const goOn = table.bulk[source] === 1 && this.#splices ? this.#splice(source) : this.#copy(source, sink);
      if (!goOn) return;
    }
    if (table.pipeBytes[source]! > 0 && !this.#emptyPipe(source, sink)) return this.#blocked(source, sink);
    this.#host.readLater(source);
  }

  /** The sink takes no more for now. A source that is broken does not wait for it: nobody would hear of that again. */
  #blocked(source: number, sink: number): void {
    const table = this.#table;
    if (table.sink[source] !== sink || table.hangup[source] !== 2) return;
    // It broke behind all that was asked for: that is whole.
    if (table.moveBytes[source] === 0 && this.#unpipe(source, sink)) return this.#endMove(source, sink);
    this.#host.onFailure(source);
  }

  #isMoving(source: number): boolean {
    return this.#table.sink[source]! >= 0 && this.#table.moveBytes[source] !== -1;
  }

  /** The most that may be read from a source in one piece. */
  #bound(source: number, most: number): number {
    const left = this.#table.moveBytes[source]!;
    return left === -1 ? most : Math.min(most, left);
  }

  #endMove(source: number, sink: number): void {
    const table = this.#table;
    this.#giveBack(source);
    table.sink[source] = -1;
    table.feeder[sink] = -1;
    table.moveBytes[source] = -1;
    this.#host.onMoveOver(source);
  }

  /** Splices from the source into its pipe; false where nothing more is to be done now. */
  #splice(source: number): boolean {
    const table = this.#table;
    const pipe = this.#pipes[source] ?? this.#takePipe(source);
    if (pipe === undefined) {
      table.bulk[source] = 0;
      return true;
    }
    const { libc } = this.#sockets;
    const size = this.#bound(source, this.#pool.capacityBytes);
    const count = libc.splice(source, 0, pipe.writeEnd, 0, size, C.SPLICE_F_MOVE_NONBLOCK);
    if (count > 0) {
      table.pipeBytes[source] = count;
      this.#count(source, count);
      return true;
    }
    const errno = count === 0 ? 0 : this.#sockets.errno;
    if (errno === C.EINTR) return true;
    table.bulk[source] = 0;
    this.#giveBack(source);
    switch (errno) {
      case 0:
        // At an urgent octet, too, splice(2) says that there is no more (0 or EAGAIN); recv(2) goes past it and knows.
        return true;
      case C.EAGAIN:
        if (table.hangup[source] === 0) table.readable[source] = 0;
        return table.hangup[source] !== 0;
      case C.ENOMEM:
        return true;
      case C.EINVAL:
      case C.EPERM:
      case C.ENOSYS:
        this.#splices = false;
        return true;
      default:
        this.#host.onFailure(source);
        return false;
    }
  }

  /** Copies one buffer from the source to the sink; false where nothing more is to be done now. */
  #copy(source: number, sink: number): boolean {
    const table = this.#table;
    const { libc } = this.#sockets;
    const size = this.#bound(source, this.#buffer.bytes.length);
    const count = libc.recv(source, this.#buffer.address, size, 0);
    if (count > 0) {
      this.#count(source, count);
      const isDone = table.moveBytes[source] === 0;
      const sent = libc.send(sink, this.#buffer.address, count, C.MSG_NOSIGNAL);
      const errno = sent < 0 ? this.#sockets.errno : 0;
      if (errno !== 0 && errno !== C.EAGAIN && errno !== C.EINTR) {
        this.#host.onFailure(sink);
        return false;
      }
      if (count === size) table.bulk[source] = 1;
      // A stream socket that gave less than was asked for is empty (epoll(7)); only a hang-up is still to be read.
      else if (table.hangup[source] === 0) table.readable[source] = 0;
      if (sent === count) return table.readable[source] === 1 || isDone;
      table.ensureQueue(sink).push(this.#buffer.bytes.subarray(Math.max(sent, 0), count));
      // Once more: an interrupted call leaves no event behind, and a broken source is to be seen at once.
      return errno === C.EINTR || table.hangup[source] === 2;
    }
    if (count === 0) {
      if (this.#isMoving(source)) {
        // The core reads the end itself.
        this.#endMove(source, sink);
        return false;
      }
      table.ended[source] = 1;
      table.readable[source] = 0;
      return true;
    }
    switch (this.#sockets.errno) {
      case C.EINTR:
        return true;
      case C.EAGAIN:
        table.readable[source] = 0;
        return false;
      default:
        this.#host.onFailure(source);
        return false;
    }
  }

  /** Moves what is in the source's pipe to its sink; false while something is left. */
  #emptyPipe(source: number, sink: number): boolean {
    const table = this.#table;
    const pipe = this.#pipes[source]!;
    while (table.pipeBytes[source]! > 0) {
      const { libc } = this.#sockets;
      const count = libc.splice(pipe.readEnd, 0, sink, 0, table.pipeBytes[source]!, C.SPLICE_F_MOVE_NONBLOCK);
      if (count > 0) {
        table.pipeBytes[source]! -= count;
        table.activeMs[source] = this.nowMs;
        continue;
      }
      const { errno } = this.#sockets;
      if (errno === C.EINTR) continue;
      if (errno === C.EAGAIN) return false;
      if (errno !== C.EINVAL && errno !== C.EPERM && errno !== C.ENOMEM && errno !== C.ENOSYS) {
        this.#host.onFailure(sink);
        return false;
      }
      if (errno !== C.ENOMEM) this.#splices = false;
      if (this.#unpipe(source, sink)) return this.#host.flushQueue(sink);
      this.#host.onFailure(sink);
      return false;
    }
    return true;
  }

  /** Moves what is in the source's pipe to its sink's queue; false where the pipe does not give it. */
  #unpipe(source: number, sink: number): boolean {
    const table = this.#table;
    const readEnd = this.#pipes[source]?.readEnd ?? -1;
    while (table.pipeBytes[source]! > 0) {
      const size = Math.min(table.pipeBytes[source]!, this.#buffer.bytes.length);
      const count = this.#sockets.libc.read(readEnd, this.#buffer.address, size);
      if (count <= 0 && this.#sockets.errno === C.EINTR) continue;
      if (count <= 0) return false;
      table.pipeBytes[source]! -= count;
      table.ensureQueue(sink).push(this.#buffer.bytes.subarray(0, count));
    }
    this.#giveBack(source);
    return true;
  }

  #passEnd(source: number, sink: number): void {
    const table = this.#table;
    this.#giveBack(source);
    if (table.writeEnd[sink] !== 2) {
      table.writeEnd[sink] = 2;
      this.#sockets.libc.shutdown(sink, C.SHUT_WR);
    }
    if (table.ended[sink] === 1 && table.writeEnd[source] === 2) this.#host.onRelayOver(source);
  }

  #count(source: number, count: number): void {
    this.#table.relayedBytes[source]! += count;
    if (this.#table.moveBytes[source] !== -1) this.#table.moveBytes[source]! -= count;
    this.#table.activeMs[source] = this.nowMs;
  }

  #takePipe(source: number): Pipe | undefined {
    const pipe = this.#pool.take();
    this.#pipes[source] = pipe;
    return pipe;
  }

  /** Gives an empty pipe back to the others. */
  #giveBack(source: number): void {
    const pipe = this.#pipes[source];
    if (pipe === undefined || this.#table.pipeBytes[source]! > 0) return;
    this.#pipes[source] = undefined;
    this.#pool.give(pipe);
  }

  #dropPipe(source: number): void {
    const pipe = this.#pipes[source];
    if (pipe === undefined) return;
    this.#pipes[source] = undefined;
    if (this.#table.pipeBytes[source]! > 0) this.#pool.destroy(pipe);
    else this.#pool.give(pipe);
    this.#table.pipeBytes[source] = 0;
  }
}
