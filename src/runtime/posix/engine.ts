// Owns one epoll loop over libc's sockets: accepts, dials, reads, writes and relays for one handler. It blocks its thread.
import type { IpAddress } from "../../address/ip_address.ts";
import { LINGER_MS } from "../../limits.ts";
import type { Ffi, NativeMemory } from "../ffi.ts";
import { connectFailureOf, listenError } from "../node/system_error.ts";
import type { Clock, ConnectFailure, ConnectionId, Engine, EngineHandler, SocketAddress } from "../runtime.ts";
import { ConnectionTable, KIND } from "./connection_table.ts";
import { EventQueue } from "./event_queue.ts";
import * as C from "./libc.ts";
import type { Libc } from "./libc.ts";
import { PipePool } from "./pipe_pool.ts";
import { Relay, type RelayHost } from "./relay.ts";
import { errnoName, Sockets } from "./sockets.ts";

const BUFFER_BYTES = 64 * 1024;
const ACCEPTS_PER_TURN = 64;
const READS_PER_TURN = 8;
/** How long accepting rests when descriptors have run out. */
const ACCEPT_REST_MS = 100;
/** Ids of dials that have no descriptor, since none could be had: below -1, which is nobody. */
const FIRST_ID_WITHOUT_DESCRIPTOR = -2;

/** What the engine is made with. */
export interface PosixEngineOptions {
  readonly ffi: Ffi;
  readonly libc: Libc;
  readonly clock: Clock;
  /** Several engines share one port, each with its own listener. */
  readonly reusePort: boolean;
  /** The machine's size of struct epoll_event: 12 on x86-64, where it is packed, else 16. */
  readonly epollEventBytes: 12 | 16;
}

/** Something to tell the handler once no call of it is on the stack. */
type Deferred = () => void;

/** The engine on libc's sockets (Linux). */
export class PosixEngine implements Engine, RelayHost {
  readonly name = "posix";
  readonly #handler: EngineHandler;
  readonly #clock: Clock;
  readonly #reusePort: boolean;
  readonly #libc: Libc;
  readonly #sockets: Sockets;
  readonly #events: EventQueue;
  readonly #table = new ConnectionTable();
  readonly #relay: Relay;
  readonly #pool: PipePool;
  readonly #buffer: NativeMemory;
  readonly #sendBuffer: NativeMemory;
  readonly #listeners = new Map<number, SocketAddress>();
  #restingUntilMs = Infinity;
  #toRead: number[] = [];
  #deferred: Deferred[] = [];
  /** Lingering descriptors with the time of their reset, in order. */
  readonly #lingering: { readonly fd: number; readonly generation: number; readonly untilMs: number }[] = [];
  #wakeMs = Infinity;
  #nextIdWithoutDescriptor = FIRST_ID_WITHOUT_DESCRIPTOR;
  #stopped = false;

  constructor(handler: EngineHandler, options: PosixEngineOptions) {
    this.#handler = handler;
    this.#clock = options.clock;
    this.#reusePort = options.reusePort;
    this.#libc = options.libc;
    this.#sockets = new Sockets(options.ffi, options.libc);
    this.#events = new EventQueue(options.ffi, this.#sockets, options.epollEventBytes);
    this.#buffer = options.ffi.allocate(BUFFER_BYTES);
    this.#sendBuffer = options.ffi.allocate(BUFFER_BYTES);
    this.#pool = new PipePool(this.#sockets);
    this.#relay = new Relay(this.#sockets, this.#table, this.#pool, this, this.#buffer);
  }

  /** Runs the loop until `stop`. */
  run(): void {
    while (!this.#stopped) this.poll(-1);
  }

  /** Makes `run` return after the current turn. */
  stop(): void {
    this.#stopped = true;
  }

  /** Watches an eventfd that other threads write to; `onSignalled` runs in the loop. The engine owns it from now on. */
  watchSignal(signal: number, onSignalled: () => void): void {
    this.#events.watchSignal(signal, onSignalled);
  }

  /** Closes every descriptor that it has; peers see a reset. For an engine that must not go on. */
  destroy(): void {
    this.#table.kind.forEach((kind, fd) => {
      if (kind === KIND.FREE) return;
      if (kind !== KIND.LISTENER) this.#sockets.lingerZero(fd);
      this.#release(fd);
    });
    this.#pool.close();
    this.#events.close();
  }

  /** One turn of the loop: waits at most `maxWaitMs` (-1: as long as nothing is due) and deals with what came. */
  poll(maxWaitMs: number): void {
    this.#tellDeferred();
    const count = this.#events.wait(this.#waitMs(maxWaitMs));
    const nowMs = this.#clock.nowMs();
    this.#relay.nowMs = nowMs;
    for (let index = 0; index < count; index++) {
      const fd = this.#events.fd(index);
      // A descriptor closed and reused within this turn: the event is of its former use.
      if (this.#events.generation(index) !== this.#table.generation[fd]) continue;
      this.#dispatch(fd, this.#events.bits(index));
      this.#tellDeferred();
    }
    this.#readRest();
    this.#tellDeferred();
    if (this.#wakeMs <= nowMs) {
      this.#wakeMs = Infinity;
      this.#handler.onWake(nowMs);
      this.#tellDeferred();
    }
    this.#endLingering(nowMs);
    if (this.#restingUntilMs <= nowMs) this.#acceptAgain();
  }

  // ── Engine ──

  // deno-lint-ignore require-await -- the contract is for engines that wait.
  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    const fd = this.#sockets.listen(address, port, this.#reusePort);
    if (fd < 0) throw listenError(address, port, { code: errnoName(-fd) });
    const local = this.#sockets.localAddress(fd);
    if (local === undefined) throw listenError(address, port, { code: "EIO" });
    this.#table.open(fd, KIND.LISTENER);
    this.#listeners.set(fd, local);
    this.#watchListener(fd);
    return local;
  }

  stopListening(): void {
    for (const fd of this.#listeners.keys()) this.#release(fd);
    this.#listeners.clear();
    this.#restingUntilMs = Infinity;
  }

  connect(address: IpAddress, port: number): ConnectionId {
    const table = this.#table;
    const fd = this.#sockets.open(address);
    if (fd < 0) {
      const id = this.#nextIdWithoutDescriptor--;
      this.#deferred.push(() => this.#handler.onConnectFail(id, connectFailureOf(errnoName(-fd))));
      return id;
    }
    table.open(fd, KIND.CONNECTING);
    const result = this.#sockets.connect(fd, address, port);
    if (result === 0) {
      this.#events.add(fd, table.generation[fd]!);
    } else {
      const generation = table.generation[fd];
      this.#deferred.push(() => {
        if (table.generation[fd] === generation) this.#failConnect(fd, -result);
      });
    }
    return fd;
  }

  write(id: ConnectionId, bytes: Uint8Array): boolean {
    const table = this.#table;
    if (!this.#isLiving(id) || table.writeEnd[id] !== 0 || bytes.length === 0) return true;
    if (table.queuedBytes(id) > 0 || table.kind[id] === KIND.CONNECTING) {
      table.ensureQueue(id).push(bytes);
      return false;
    }
    const sent = this.#send(id, bytes);
    if (sent < 0) {
      this.#failLater(id);
      return true;
    }
    if (sent === bytes.length) return true;
    table.ensureQueue(id).push(bytes.subarray(sent));
    return false;
  }

  closeWrite(id: ConnectionId): void {
    const table = this.#table;
    if (!this.#isLiving(id) || table.writeEnd[id] !== 0) return;
    table.writeEnd[id] = 1;
    if (table.queuedBytes(id) === 0 && table.kind[id] === KIND.OPEN) this.#sendEnd(id);
  }

  close(id: ConnectionId): void {
    const table = this.#table;
    if (!this.#isLiving(id)) return;
    if (table.kind[id] === KIND.CONNECTING || table.queuedBytes(id) === 0) return this.#release(id);
    this.#relay.unlink(id);
    table.kind[id] = KIND.LINGERING;
    const untilMs = this.#clock.nowMs() + LINGER_MS;
    this.#lingering.push({ fd: id, generation: table.generation[id]!, untilMs });
  }

  reset(id: ConnectionId): void {
    if (!this.#isLiving(id)) return;
    this.#sockets.lingerZero(id);
    this.#release(id);
  }

  pause(id: ConnectionId): void {
    if (this.#isLiving(id)) this.#table.paused[id] = 1;
  }

  resume(id: ConnectionId): void {
    if (this.#table.paused[id] !== 1) return;
    this.#table.paused[id] = 0;
    if (this.#table.kind[id] === KIND.OPEN && this.#table.readable[id] === 1) this.readLater(id);
  }

  queuedBytes(id: ConnectionId): number {
    return this.#isLiving(id) ? this.#table.queuedBytes(id) : 0;
  }

  localAddress(id: ConnectionId): SocketAddress | undefined {
    return this.#table.kind[id] === KIND.OPEN ? this.#sockets.localAddress(id) : undefined;
  }

  wakeAt(timeMs: number): void {
    if (timeMs < this.#wakeMs) this.#wakeMs = timeMs;
  }

  join(client: ConnectionId, upstream: ConnectionId): void {
    const table = this.#table;
    if (table.kind[client] !== KIND.OPEN || table.kind[upstream] !== KIND.OPEN) return;
    this.#relay.join(client, upstream);
    table.paused[client] = 0;
    table.paused[upstream] = 0;
    this.readLater(client);
    this.readLater(upstream);
  }

  joinedBytes(id: ConnectionId): number {
    return this.#table.relayedBytes[id] ?? 0;
  }

  joinActiveMs(id: ConnectionId): number {
    return this.#table.activeMs[id] ?? 0;
  }

  // ── RelayHost ──

  flushQueue(fd: number): boolean {
    const queue = this.#table.queue(fd);
    for (let bytes = queue?.first(); bytes !== undefined; bytes = queue?.first()) {
      const sent = this.#send(fd, bytes);
      if (sent < 0) {
        this.#fail(fd);
        return false;
      }
      queue?.consume(sent);
      if (sent < bytes.length) return false;
    }
    return true;
  }

  readLater(fd: number): void {
    if (this.#table.listed[fd] === 1) return;
    this.#table.listed[fd] = 1;
    this.#toRead.push(fd);
  }

  onRelayFailure(fd: number): void {
    this.#fail(fd);
  }

  onRelayOver(fd: number): void {
    const other = this.#table.sink[fd]!;
    this.#release(fd);
    this.#release(other);
    this.#handler.onJoinEnd?.(fd, other, undefined);
  }

  // ── events ──

  #dispatch(fd: number, bits: number): void {
    const table = this.#table;
    switch (table.kind[fd]) {
      case KIND.LISTENER:
        return this.#accept(fd);
      case KIND.CONNECTING:
        return this.#finishConnect(fd, bits);
      case KIND.LINGERING:
        return this.#linger(fd, bits);
      case KIND.OPEN:
        return this.#dispatchOpen(fd, bits);
    }
  }

  #dispatchOpen(fd: number, bits: number): void {
    const table = this.#table;
    const generation = table.generation[fd];
    if (bits & (C.EPOLLRDHUP | C.EPOLLHUP | C.EPOLLERR)) table.hangup[fd] = 1;
    if (bits & (C.EPOLLIN | C.EPOLLRDHUP | C.EPOLLHUP | C.EPOLLERR)) table.readable[fd] = 1;
    // While it is paused, or behind the peer's FIN, nobody reads: only this tells of a reset.
    if (bits & C.EPOLLERR && (table.paused[fd] === 1 || table.ended[fd] === 1)) return this.#fail(fd);
    if (bits & C.EPOLLOUT) {
      if (table.queuedBytes(fd) > 0) this.#drain(fd);
      if (table.generation[fd] === generation && table.feeder[fd]! >= 0) this.#relay.pump(table.feeder[fd]!);
    }
    if (table.generation[fd] === generation && table.readable[fd] === 1) this.#read(fd);
  }

  #drain(fd: number): void {
    if (!this.flushQueue(fd)) return;
    if (this.#table.writeEnd[fd] === 1) this.#sendEnd(fd);
    if (this.#table.sink[fd]! < 0) this.#handler.onDrain(fd);
  }

  /** Reads for whoever the octets are for. */
  #read(fd: number): void {
    const table = this.#table;
    if (table.sink[fd]! >= 0) return this.#relay.pump(fd);
    const generation = table.generation[fd];
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      if (table.paused[fd] === 1 || table.ended[fd] === 1 || table.readable[fd] === 0) return;
      const count = this.#libc.recv(fd, this.#buffer.address, BUFFER_BYTES, 0);
      if (count > 0) {
        // A stream socket that gave less than was asked for is empty (epoll(7)); only a hang-up is still to be read.
        if (count < BUFFER_BYTES && table.hangup[fd] === 0) table.readable[fd] = 0;
        this.#handler.onData(fd, this.#buffer.bytes.subarray(0, count));
        this.#tellDeferred();
        if (table.generation[fd] !== generation || table.kind[fd] !== KIND.OPEN) return;
        if (table.sink[fd]! >= 0) return this.#relay.pump(fd);
      } else if (count === 0) {
        return this.#onPeerEnd(fd);
      } else {
        const { errno } = this.#sockets;
        if (errno === C.EINTR) continue;
        if (errno !== C.EAGAIN) return this.#fail(fd);
        table.readable[fd] = 0;
        return;
      }
    }
    this.readLater(fd);
  }

  #onPeerEnd(fd: number): void {
    const table = this.#table;
    const generation = table.generation[fd];
    table.ended[fd] = 1;
    table.readable[fd] = 0;
    this.#handler.onEnd(fd);
    if (table.generation[fd] === generation && table.writeEnd[fd] === 2) this.#over(fd);
  }

  #readRest(): void {
    if (this.#toRead.length === 0) return;
    const list = this.#toRead;
    this.#toRead = [];
    for (const fd of list) {
      this.#table.listed[fd] = 0;
      if (this.#table.kind[fd] === KIND.OPEN) this.#read(fd);
    }
  }

  #accept(listener: number): void {
    const listening = this.#listeners.get(listener);
    for (let accepts = 0; accepts < ACCEPTS_PER_TURN; accepts++) {
      const fd = this.#sockets.accept(listener);
      if (fd < 0) {
        if (fd === -C.EMFILE || fd === -C.ENFILE || fd === -C.ENOBUFS || fd === -C.ENOMEM) this.#restAccepting();
        return;
      }
      const client = this.#sockets.acceptedPeer();
      this.#sockets.setOption(fd, C.IPPROTO_TCP, C.TCP_NODELAY, 1);
      this.#table.open(fd, KIND.OPEN);
      this.#events.add(fd, this.#table.generation[fd]!);
      this.#handler.onAccept(fd, client, this.#localOf(fd, listening) ?? client);
      this.#tellDeferred();
      if (this.#table.kind[listener] !== KIND.LISTENER) return;
    }
  }

  /** The local side of an accepted connection: the listener's own, unless that is every address. */
  #localOf(fd: number, listening: SocketAddress | undefined): SocketAddress | undefined {
    const isAny = listening === undefined || listening.address.bytes.every((octet) => octet === 0);
    return isAny ? this.#sockets.localAddress(fd) : listening;
  }

  #restAccepting(): void {
    for (const fd of this.#listeners.keys()) this.#events.remove(fd);
    this.#restingUntilMs = this.#clock.nowMs() + ACCEPT_REST_MS;
    this.#handler.onAcceptLimit();
  }

  #acceptAgain(): void {
    this.#restingUntilMs = Infinity;
    for (const fd of this.#listeners.keys()) this.#watchListener(fd);
  }

  #watchListener(fd: number): void {
    this.#events.addLevel(fd, this.#table.generation[fd]!);
  }

  #finishConnect(fd: number, bits: number): void {
    if ((bits & (C.EPOLLOUT | C.EPOLLERR | C.EPOLLHUP)) === 0) return;
    const errno = this.#sockets.takeError(fd);
    if (errno !== 0) return this.#failConnect(fd, errno);
    const table = this.#table;
    const generation = table.generation[fd];
    table.kind[fd] = KIND.OPEN;
    if (bits & (C.EPOLLRDHUP | C.EPOLLHUP)) table.hangup[fd] = 1;
    if (bits & (C.EPOLLIN | C.EPOLLRDHUP)) table.readable[fd] = 1;
    this.#handler.onConnect(fd);
    this.#tellDeferred();
    // What was written and ended before it was connected.
    if (table.generation[fd] === generation && (table.queuedBytes(fd) > 0 || table.writeEnd[fd] === 1)) this.#drain(fd);
    if (table.generation[fd] === generation && table.readable[fd] === 1) this.#read(fd);
  }

  #failConnect(fd: number, errno: number): void {
    this.#release(fd);
    const failure: ConnectFailure = connectFailureOf(errnoName(errno));
    this.#handler.onConnectFail(fd, failure);
  }

  // ── endings ──

  #isLiving(id: ConnectionId): boolean {
    const kind = this.#table.kind[id];
    return kind === KIND.OPEN || kind === KIND.CONNECTING;
  }

  /** Hands over the rest of a closed connection; then FIN, and the peer's octets are dropped until its own, since closing on them would be a reset. */
  #linger(fd: number, bits: number): void {
    const table = this.#table;
    const generation = table.generation[fd];
    if (bits & C.EPOLLERR) return this.#release(fd);
    if (table.writeEnd[fd] !== 2 && this.flushQueue(fd)) {
      table.writeEnd[fd] = 2;
      this.#libc.shutdown(fd, C.SHUT_WR);
    }
    if (table.generation[fd] !== generation) return;
    for (;;) {
      const count = this.#libc.recv(fd, this.#buffer.address, BUFFER_BYTES, 0);
      if (count > 0) continue;
      if (count < 0 && this.#sockets.errno === C.EAGAIN) return;
      if (count === 0 && table.writeEnd[fd] !== 2) return;
      return this.#release(fd);
    }
  }

  #sendEnd(fd: number): void {
    this.#table.writeEnd[fd] = 2;
    this.#libc.shutdown(fd, C.SHUT_WR);
    if (this.#table.ended[fd] !== 1) return;
    const generation = this.#table.generation[fd];
    this.#deferred.push(() => {
      if (this.#table.generation[fd] === generation) this.#over(fd);
    });
  }

  /** Both sides are over. */
  #over(fd: number): void {
    this.#release(fd);
    this.#handler.onClose(fd, false);
  }

  #failLater(fd: number): void {
    const generation = this.#table.generation[fd];
    this.#deferred.push(() => {
      if (this.#table.generation[fd] === generation) this.#fail(fd);
    });
  }

  /** The connection was reset or broke. A relay breaks with it: its other side is reset too. */
  #fail(fd: number): void {
    const kind = this.#table.kind[fd];
    const other = this.#table.sink[fd]!;
    this.#release(fd);
    if (kind === KIND.LINGERING) return;
    if (other < 0) return this.#handler.onClose(fd, true);
    this.#sockets.lingerZero(other);
    this.#release(other);
    this.#handler.onJoinEnd?.(fd, other, fd);
  }

  #release(fd: number): void {
    this.#relay.unlink(fd);
    this.#table.release(fd);
    this.#libc.close(fd);
  }

  #endLingering(nowMs: number): void {
    for (let first = this.#lingering[0]; first !== undefined; first = this.#lingering[0]) {
      const isOver = this.#table.generation[first.fd] !== first.generation;
      if (!isOver && first.untilMs > nowMs) return;
      this.#lingering.shift();
      if (isOver) continue;
      this.#sockets.lingerZero(first.fd);
      this.#release(first.fd);
    }
  }

  #tellDeferred(): void {
    while (this.#deferred.length > 0) {
      const list = this.#deferred;
      this.#deferred = [];
      for (const tell of list) tell();
    }
  }

  #waitMs(maxWaitMs: number): number {
    if (this.#toRead.length > 0 || this.#deferred.length > 0) return 0;
    const dueMs = Math.min(this.#wakeMs, this.#restingUntilMs, this.#lingering[0]?.untilMs ?? Infinity);
    if (dueMs === Infinity) return maxWaitMs;
    const waitMs = Math.max(0, Math.ceil(dueMs - this.#clock.nowMs()));
    return maxWaitMs < 0 ? Math.min(waitMs, 2 ** 31 - 1) : Math.min(waitMs, maxWaitMs);
  }

  /** Hands octets to the kernel; returns how many it took, or a negative errno where the connection is broken. */
  #send(fd: number, bytes: Uint8Array): number {
    let sent = 0;
    while (sent < bytes.length) {
      const size = Math.min(bytes.length - sent, BUFFER_BYTES);
      const address = this.#addressOf(bytes, sent, size);
      const count = this.#libc.send(fd, address, size, C.MSG_NOSIGNAL);
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

  /** An address of these octets: their own where they lie in the read buffer, else that of a copy. */
  #addressOf(bytes: Uint8Array, from: number, size: number): number {
    if (bytes.buffer === this.#buffer.bytes.buffer) return this.#buffer.address + bytes.byteOffset + from;
    this.#sendBuffer.bytes.set(bytes.subarray(from, from + size));
    return this.#sendBuffer.address;
  }
}
