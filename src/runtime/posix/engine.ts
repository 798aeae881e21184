// Owns one epoll loop over libc's sockets: accepts, dials, reads, writes and relays for one handler. It blocks its thread.
import type { IpAddress } from "../../address/ip_address.ts";
import type { Ffi, NativeMemory } from "../ffi.ts";
import { connectFailureOf } from "../node/system_error.ts";
import type { Clock, ConnectionId, Engine, EngineHandler, SocketAddress } from "../runtime.ts";
import { ConnectionTable, KIND } from "./connection_table.ts";
import { EventQueue } from "./event_queue.ts";
import { Dials } from "./dials.ts";
import { Deferred } from "./deferred.ts";
import * as C from "./libc.ts";
import type { Libc } from "./libc.ts";
import { Lingering, type LingeringHost } from "./lingering.ts";
import { type ListenerHost, Listeners } from "./listeners.ts";
import { PipePool } from "./pipe_pool.ts";
import { Reading, type ReadingHost } from "./reading.ts";
import { Relay, type RelayHost } from "./relay.ts";
import { Rest } from "./rest.ts";
import { Sender } from "./sender.ts";
import { errnoName, Sockets } from "./sockets.ts";

const BUFFER_BYTES = 64 * 1024;

/** What the engine is made with. */
export interface PosixEngineOptions {
  readonly ffi: Ffi;
  readonly libc: Libc;
  readonly clock: Clock;
  /** Whether it listens on a port beside other engines of this program, each with its own listener; else nobody may be there. */
  readonly joinsPort: boolean;
  /** Called when a busy loop has come to rest. */
  readonly onRest?: () => void;
  /** The machine's size of struct epoll_event: 12 on x86-64, where it is packed, else 16. */
  readonly epollEventBytes: 12 | 16;
}

/** The engine on libc's sockets (Linux). */
export class PosixEngine implements Engine, RelayHost, ListenerHost, LingeringHost, ReadingHost {
  readonly name = "posix";
  readonly #handler: EngineHandler;
  readonly #clock: Clock;
  readonly #libc: Libc;
  readonly #sockets: Sockets;
  readonly #events: EventQueue;
  readonly #table = new ConnectionTable();
  readonly #relay: Relay;
  readonly #pool: PipePool;
  readonly #buffer: NativeMemory;
  readonly #sender: Sender;
  readonly #reading: Reading;
  readonly #listeners: Listeners;
  readonly #dials: Dials;
  readonly #lingering: Lingering;
  readonly #deferred = new Deferred(this.#table);
  #wakeMs = Infinity;
  readonly #rest: Rest;

  constructor(handler: EngineHandler, options: PosixEngineOptions) {
    this.#handler = handler;
    this.#clock = options.clock;
    this.#rest = new Rest(options.onRest);
    this.#libc = options.libc;
    this.#sockets = new Sockets(options.ffi, options.libc);
    this.#events = new EventQueue(options.ffi, this.#sockets, options.epollEventBytes);
    this.#buffer = options.ffi.allocate(BUFFER_BYTES);
    this.#sender = new Sender(options.ffi, this.#sockets, this.#buffer);
    this.#reading = new Reading(this.#sockets, this.#table, this, this.#buffer);
    this.#pool = new PipePool(this.#sockets);
    this.#lingering = new Lingering(this.#sockets, this.#table, this, this.#buffer);
    this.#listeners = new Listeners(this.#sockets, this.#events, this.#table, options, this);
    const onFail = (id: ConnectionId, errno: number) => this.#failConnect(id, errno);
    this.#dials = new Dials(this.#sockets, this.#events, this.#table, this.#deferred, onFail);
    this.#relay = new Relay(this.#sockets, this.#table, this.#pool, this, this.#buffer);
  }

  /** How many pipes are held by relays: those of them that have octets on their way. */
  get lentPipes(): number {
    return this.#pool.lentCount;
  }

  /** Runs the loop for the rest of the thread's life. */
  run(): never {
    for (;;) this.poll(-1);
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
      this.release(fd);
    });
    this.#pool.close();
    this.#events.close();
  }

  /** One turn of the loop: waits at most `maxWaitMs` (-1: as long as nothing is due) and deals with what came. */
  poll(maxWaitMs: number): void {
    this.#deferred.tell();
    const count = this.#events.wait(this.#waitMs(maxWaitMs));
    this.#rest.waited(count);
    const nowMs = this.#clock.nowMs();
    this.#relay.nowMs = nowMs;
    for (let index = 0; index < count; index++) {
      const fd = this.#events.fd(index);
      // A descriptor closed and reused within this turn: the event is of its former use.
      if (this.#events.generation(index) !== this.#table.generation[fd]) continue;
      this.#dispatch(fd, this.#events.bits(index));
      this.#deferred.tell();
    }
    this.#reading.readWaiting();
    this.#deferred.tell();
    if (this.#wakeMs <= nowMs) {
      this.#wakeMs = Infinity;
      this.#handler.onWake(nowMs);
      this.#deferred.tell();
    }
    this.#lingering.expire(nowMs);
    this.#listeners.wake(nowMs);
  }

  // ── Engine ──

  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return Promise.try(() => this.#listeners.listen(address, port));
  }

  stopListening(): void {
    for (const fd of this.#listeners.takeAll()) this.release(fd);
  }

  connect(address: IpAddress, port: number): ConnectionId {
    return this.#dials.begin(address, port);
  }

  write(id: ConnectionId, bytes: Uint8Array): boolean {
    const table = this.#table;
    if (!this.#isLiving(id) || table.writeEnd[id] !== 0 || bytes.length === 0) return true;
    if (table.queuedBytes(id) > 0 || table.kind[id] === KIND.CONNECTING) {
      table.ensureQueue(id).push(bytes);
      return false;
    }
    const sent = this.#sender.send(id, bytes);
    if (sent < 0) {
      this.#deferred.addFor(id, () => this.#fail(id));
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
    // What is in its pipe is lost with the join: the peer must not take that for the end of the stream.
    if (this.#relay.bytesFor(id) > 0) return this.reset(id);
    if (table.kind[id] === KIND.CONNECTING || table.queuedBytes(id) === 0) return this.release(id);
    this.#relay.unlink(id);
    this.#lingering.add(id, this.#clock.nowMs());
  }

  reset(id: ConnectionId): void {
    if (!this.#isLiving(id)) return;
    this.#sockets.lingerZero(id);
    this.release(id);
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
    return this.#isLiving(id) ? this.#table.queuedBytes(id) + this.#relay.bytesFor(id) : 0;
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

  move(from: ConnectionId, to: ConnectionId, countBytes: number): void {
    if (this.#table.kind[from] !== KIND.OPEN || this.#table.kind[to] !== KIND.OPEN) return;
    this.#relay.move(from, to, countBytes);
    this.readLater(from);
  }

  readableBytes(id: ConnectionId): number {
    return this.#table.kind[id] === KIND.OPEN ? this.#sockets.readableBytes(id) : 0;
  }

  joinedBytes(id: ConnectionId): number {
    return this.#table.relayedBytes[id] ?? 0;
  }

  joinActiveMs(id: ConnectionId): number {
    return this.#table.activeMs[id] ?? 0;
  }

  // ── RelayHost, LingeringHost ──

  flushQueue(fd: number): boolean {
    const table = this.#table;
    const before = table.queuedBytes(fd);
    const result = this.#sender.flush(fd, table.queue(fd));
    if (table.feeder[fd]! >= 0 && table.queuedBytes(fd) < before) table.activeMs[table.feeder[fd]!] = this.#relay.nowMs;
    if (result < 0) this.#fail(fd);
    return result > 0;
  }

  readLater(fd: number): void {
    this.#reading.later(fd);
  }

  onFailure(fd: number): void {
    this.#fail(fd);
  }

  onRelayOver(fd: number): void {
    const other = this.#table.sink[fd]!;
    this.release(fd);
    this.release(other);
    this.#handler.onJoinEnd?.(fd, other, undefined);
  }

  onMoveOver(fd: number): void {
    this.readLater(fd);
    this.#handler.onMoveEnd?.(fd, this.#table.relayedBytes[fd]!);
    this.#deferred.tell();
  }

  // ── ListenerHost, ReadingHost ──

  onAccepted(fd: number, client: SocketAddress): void {
    this.#table.open(fd, KIND.OPEN);
    this.#events.add(fd, this.#table.generation[fd]!);
    this.#handler.onAccept(fd, client);
    this.#deferred.tell();
  }

  onAcceptLimit(): void {
    this.#handler.onAcceptLimit();
  }

  onRead(fd: number, bytes: Uint8Array): void {
    this.#handler.onData(fd, bytes);
    this.#deferred.tell();
  }

  onReadEnd(fd: number): void {
    const generation = this.#table.generation[fd];
    this.#handler.onEnd(fd);
    if (this.#table.generation[fd] === generation && this.#table.writeEnd[fd] === 2) this.#over(fd);
  }

  pump(fd: number): void {
    this.#relay.pump(fd);
  }

  readLingering(fd: number): void {
    this.#lingering.onEvent(fd, 0);
  }

  // ── events ──

  #dispatch(fd: number, bits: number): void {
    const table = this.#table;
    switch (table.kind[fd]) {
      case KIND.LISTENER:
        return this.#listeners.accept(fd);
      case KIND.CONNECTING:
        return this.#finishConnect(fd, bits);
      case KIND.LINGERING:
        return this.#lingering.onEvent(fd, bits);
      case KIND.OPEN:
        return this.#dispatchOpen(fd, bits);
    }
  }

  #dispatchOpen(fd: number, bits: number): void {
    const table = this.#table;
    const generation = table.generation[fd];
    if (bits & (C.EPOLLRDHUP | C.EPOLLHUP | C.EPOLLPRI)) table.hangup[fd] = 1;
    if (bits & C.EPOLLERR) table.hangup[fd] = 2;
    if (bits & (C.EPOLLIN | C.EPOLLRDHUP | C.EPOLLHUP | C.EPOLLERR)) table.readable[fd] = 1;
    // While it is paused, or behind the peer's FIN, nobody reads: only this tells of a reset.
    if (bits & C.EPOLLERR && (table.paused[fd] === 1 || table.ended[fd] === 1)) return this.#fail(fd);
    if (bits & C.EPOLLOUT) {
      if (table.queuedBytes(fd) > 0) this.#drain(fd);
      if (table.generation[fd] === generation && table.feeder[fd]! >= 0) this.#relay.pump(table.feeder[fd]!);
    }
    if (table.generation[fd] === generation && table.readable[fd] === 1) this.#reading.read(fd);
  }

  #drain(fd: number): void {
    if (!this.flushQueue(fd)) return;
    if (this.#table.writeEnd[fd] === 1) this.#sendEnd(fd);
    if (this.#table.feeder[fd]! < 0) this.#handler.onDrain(fd);
  }

  #finishConnect(fd: number, bits: number): void {
    if ((bits & (C.EPOLLOUT | C.EPOLLERR | C.EPOLLHUP)) === 0) return;
    // Only what failed says so (epoll_ctl(2)): the question is saved where all is well.
    const errno = bits & (C.EPOLLERR | C.EPOLLHUP) ? this.#sockets.takeError(fd) : 0;
    if (errno !== 0) return this.#failConnect(fd, errno);
    const table = this.#table;
    const generation = table.generation[fd];
    table.kind[fd] = KIND.OPEN;
    if (bits & (C.EPOLLRDHUP | C.EPOLLHUP | C.EPOLLPRI)) table.hangup[fd] = 1;
    if (bits & (C.EPOLLIN | C.EPOLLRDHUP)) table.readable[fd] = 1;
    this.#handler.onConnect(fd);
    this.#deferred.tell();
    // What was written and ended before it was connected.
    if (table.generation[fd] === generation && (table.queuedBytes(fd) > 0 || table.writeEnd[fd] === 1)) this.#drain(fd);
    if (table.generation[fd] === generation && table.readable[fd] === 1) this.#reading.read(fd);
  }

  #failConnect(fd: number, errno: number): void {
    if (fd >= 0) this.release(fd);
    this.#handler.onConnectFail(fd, connectFailureOf(errnoName(errno)));
  }

  // ── endings ──

  #isLiving(id: ConnectionId): boolean {
    const kind = this.#table.kind[id];
    return kind === KIND.OPEN || kind === KIND.CONNECTING;
  }

  #sendEnd(fd: number): void {
    this.#table.writeEnd[fd] = 2;
    this.#libc.shutdown(fd, C.SHUT_WR);
    if (this.#table.ended[fd] === 1) this.#deferred.addFor(fd, () => this.#over(fd));
  }

  /** Both sides are over. */
  #over(fd: number): void {
    this.release(fd);
    this.#handler.onClose(fd, false);
  }

  /** The connection was reset or broke. A relay breaks with it: its other side is reset too. */
  #fail(fd: number): void {
    const kind = this.#table.kind[fd];
    const other = this.#relay.partnerOf(fd);
    // Where the kernel does not hold it for broken, its peer must not take our close for the end of the stream.
    this.#sockets.lingerZero(fd);
    this.release(fd);
    if (kind === KIND.LINGERING) return;
    if (other < 0) return this.#handler.onClose(fd, true);
    this.#sockets.lingerZero(other);
    this.release(other);
    this.#handler.onJoinEnd?.(fd, other, fd);
  }

  release(fd: number): void {
    this.#relay.unlink(fd);
    this.#table.release(fd);
    this.#libc.close(fd);
  }

  #waitMs(maxWaitMs: number): number {
    if (this.#reading.isWaiting || this.#deferred.isWaiting) return 0;
    const dueMs = Math.min(this.#wakeMs, this.#listeners.restingUntilMs, this.#lingering.nextMs);
    const waitMs = this.#rest.bound(Math.max(0, dueMs - this.#clock.nowMs()));
    if (waitMs === Infinity) return maxWaitMs;
    return Math.min(Math.ceil(waitMs), maxWaitMs < 0 ? 2 ** 31 - 1 : maxWaitMs);
  }
}
