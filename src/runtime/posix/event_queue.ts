// Owns the epoll instance: what is watched, and the events of one turn. Knows no connection.
import type { Ffi, NativeMemory } from "../ffi.ts";
import * as C from "./libc.ts";
import type { Sockets } from "./sockets.ts";

const MAX_EVENTS = 512;
const EDGE = (C.EPOLLIN | C.EPOLLPRI | C.EPOLLOUT | C.EPOLLRDHUP | C.EPOLLET) | 0;

/** One epoll instance. Each event carries its descriptor and the generation under which that was added. */
export class EventQueue {
  readonly #sockets: Sockets;
  readonly #epoll: number;
  readonly #stride: number;
  readonly #events: NativeMemory;
  readonly #eventWords: Int32Array;
  readonly #one: NativeMemory;
  readonly #oneWords: Int32Array;
  #signal = -1;
  #onSignalled: (() => void) | undefined;

  /** Throws Error where epoll is refused. */
  constructor(ffi: Ffi, sockets: Sockets, eventBytes: 12 | 16) {
    this.#sockets = sockets;
    this.#stride = eventBytes / 4;
    this.#events = ffi.allocate(MAX_EVENTS * eventBytes);
    this.#eventWords = new Int32Array(this.#events.bytes.buffer);
    this.#one = ffi.allocate(16);
    this.#oneWords = new Int32Array(this.#one.bytes.buffer);
    this.#epoll = sockets.check(sockets.libc.epoll_create1(C.O_CLOEXEC));
    if (this.#epoll < 0) throw new Error(`Cannot watch sockets: epoll is refused (errno ${-this.#epoll})`);
  }

  /** Waits for events; returns how many there are. */
  wait(waitMs: number): number {
    const { libc } = this.#sockets;
    return Math.max(0, libc.epoll_wait(this.#epoll, this.#events.address, MAX_EVENTS, waitMs));
  }

  fd(index: number): number {
    const fd = this.#eventWords[index * this.#stride + this.#dataWord]!;
    if (fd === this.#signal) this.#takeSignal();
    return fd;
  }

  generation(index: number): number {
    return this.#eventWords[index * this.#stride + this.#dataWord + 1]! >>> 0;
  }

  bits(index: number): number {
    return this.#eventWords[index * this.#stride]!;
  }

  /** Watches a socket both ways, edge by edge. */
  add(fd: number, generation: number): void {
    this.#add(fd, generation, EDGE);
  }

  /** Watches a listener for as long as it has something. */
  addLevel(fd: number, generation: number): void {
    this.#add(fd, generation, C.EPOLLIN);
  }

  remove(fd: number): void {
    this.#sockets.libc.epoll_ctl(this.#epoll, C.EPOLL_CTL_DEL, fd, this.#one.address);
  }

  /** Watches an eventfd that other threads write to. */
  watchSignal(signal: number, onSignalled: () => void): void {
    this.#signal = signal;
    this.#onSignalled = onSignalled;
    // A generation that no connection has: the engine passes the event over after it was taken here.
    this.#add(signal, 0xffff_ffff, C.EPOLLIN);
  }

  /** Closes the epoll instance and the eventfd. */
  close(): void {
    this.#sockets.libc.close(this.#epoll);
    if (this.#signal >= 0) this.#sockets.libc.close(this.#signal);
  }

  get #dataWord(): number {
    return this.#stride - 2;
  }

  #add(fd: number, generation: number, bits: number): void {
    this.#oneWords[0] = bits;
    this.#oneWords[this.#dataWord] = fd;
    this.#oneWords[this.#dataWord + 1] = generation | 0;
    this.#sockets.libc.epoll_ctl(this.#epoll, C.EPOLL_CTL_ADD, fd, this.#one.address);
  }

  #takeSignal(): void {
    this.#sockets.libc.read(this.#signal, this.#one.address, 8);
    this.#onSignalled?.();
  }
}
