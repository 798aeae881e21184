// Owns what the engine remembers of each descriptor: columns by descriptor, no object per connection. Calls nothing.
import { WriteQueue } from "../node/write_queue.ts";

/** What a descriptor is to the engine. */
export const KIND = {
  FREE: 0,
  LISTENER: 1,
  CONNECTING: 2,
  OPEN: 3,
  /** Dead for the core; what is queued is still handed to the kernel. */
  LINGERING: 4,
} as const;

const INITIAL_DESCRIPTORS = 1024;

/** The columns. An index is a descriptor; `generation` tells its uses apart. */
export class ConnectionTable {
  kind: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** Counts the uses of a descriptor, so that a stale event of an earlier one is known for what it is. */
  generation: Uint32Array = new Uint32Array(INITIAL_DESCRIPTORS);
  /** 1: the kernel may hold octets or a FIN that were not read. */
  readable: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** 1: the peer's FIN, an error or urgent data was announced, so a short read proves nothing; 2: it is broken. */
  hangup: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  paused: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** 1: the peer's FIN was read. */
  ended: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** 1: FIN is to be sent behind what is queued; 2: it was sent. */
  writeEnd: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** 1: waits in the list of those with more to read. */
  listed: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** Where the engine itself moves what it reads from this descriptor; -1: what is read goes to the core. */
  sink: Int32Array = new Int32Array(INITIAL_DESCRIPTORS).fill(-1);
  /** The descriptor whose sink this one is, or -1. */
  feeder: Int32Array = new Int32Array(INITIAL_DESCRIPTORS).fill(-1);
  /** Octets that are still to be read for the sink; -1: it is joined, and there is no end of them but the peer's. */
  moveBytes: Float64Array = new Float64Array(INITIAL_DESCRIPTORS).fill(-1);
  /** Octets of this descriptor that are in its pipe, on the way to its sink. */
  pipeBytes: Int32Array = new Int32Array(INITIAL_DESCRIPTORS);
  /** 1: the last read filled the buffer, so that splicing pays. */
  bulk: Uint8Array = new Uint8Array(INITIAL_DESCRIPTORS);
  /** Octets that were moved from this descriptor to its sink. */
  relayedBytes: Float64Array = new Float64Array(INITIAL_DESCRIPTORS);
  /** When a relay last moved an octet from or to this descriptor. */
  activeMs: Float64Array = new Float64Array(INITIAL_DESCRIPTORS);
  readonly #queues: (WriteQueue | undefined)[] = [];

  /** Takes a descriptor into use. */
  open(fd: number, kind: number): void {
    if (fd >= this.kind.length) this.#grow(fd + 1);
    this.kind[fd] = kind;
    this.readable[fd] = 0;
    this.hangup[fd] = 0;
    this.paused[fd] = 0;
    this.ended[fd] = 0;
    this.writeEnd[fd] = 0;
    this.sink[fd] = -1;
    this.feeder[fd] = -1;
    this.moveBytes[fd] = -1;
    this.pipeBytes[fd] = 0;
    this.bulk[fd] = 0;
    this.relayedBytes[fd] = 0;
  }

  /** Ends a descriptor's use. */
  release(fd: number): void {
    this.kind[fd] = KIND.FREE;
    this.generation[fd] = (this.generation[fd] ?? 0) + 1;
    this.#queues[fd] = undefined;
  }

  /** What waits to be written, if anything ever did. */
  queue(fd: number): WriteQueue | undefined {
    return this.#queues[fd];
  }

  /** The queue to add to. */
  ensureQueue(fd: number): WriteQueue {
    const queue = this.#queues[fd] ?? new WriteQueue();
    this.#queues[fd] = queue;
    return queue;
  }

  queuedBytes(fd: number): number {
    return this.#queues[fd]?.byteCount ?? 0;
  }

  #grow(least: number): void {
    let size = this.kind.length;
    while (size < least) size *= 2;
    this.kind = enlarge(this.kind, new Uint8Array(size));
    this.generation = enlarge(this.generation, new Uint32Array(size));
    this.readable = enlarge(this.readable, new Uint8Array(size));
    this.hangup = enlarge(this.hangup, new Uint8Array(size));
    this.paused = enlarge(this.paused, new Uint8Array(size));
    this.ended = enlarge(this.ended, new Uint8Array(size));
    this.writeEnd = enlarge(this.writeEnd, new Uint8Array(size));
    this.listed = enlarge(this.listed, new Uint8Array(size));
    this.sink = enlarge(this.sink, new Int32Array(size).fill(-1));
    this.feeder = enlarge(this.feeder, new Int32Array(size).fill(-1));
    this.moveBytes = enlarge(this.moveBytes, new Float64Array(size).fill(-1));
    this.pipeBytes = enlarge(this.pipeBytes, new Int32Array(size));
    this.bulk = enlarge(this.bulk, new Uint8Array(size));
    this.relayedBytes = enlarge(this.relayedBytes, new Float64Array(size));
    this.activeMs = enlarge(this.activeMs, new Float64Array(size));
  }
}

function enlarge<T extends Uint8Array | Uint32Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
