// Owns a libc that fails as it is told, errno included, and puts the epoll edge back that a made-up EAGAIN would lose.
// Knows no engine.
import { bunFfi } from "../../src/runtime/bun/ffi.ts";
import type { Ffi } from "../../src/runtime/ffi.ts";
import * as C from "../../src/runtime/posix/libc.ts";
import { type Libc, openLibc } from "../../src/runtime/posix/libc.ts";

const EPOLL_CTL_MOD = 3;

/** What becomes of one call: it goes through, asks the kernel for no more than so many octets, or fails with an errno. */
export type Fault = "none" | { readonly mostBytes: number } | { readonly errno: number };

/** The calls that can be made to fail. */
export type FaultyCall = "recv" | "send" | "splice" | "pipe2" | "fcntl" | "socket" | "accept4";

/** Asked before each call; `args` are the call's own. */
export type ChooseFault = (call: FaultyCall, args: readonly number[]) => Fault;

/** Where the count of octets is among the arguments. */
const COUNT_ARGUMENT: Partial<Record<FaultyCall, number>> = { recv: 2, send: 2, splice: 4 };

/** libc and the way to read its errno, to be given to an engine together. */
export class FaultyLibc {
  readonly libc: Libc;
  readonly ffi: Ffi;
  /** Nothing fails until this is set. */
  choose: ChooseFault = () => "none";
  /** How many calls were made, failed ones included. */
  readonly calls: Record<FaultyCall, number> = {
    recv: 0,
    send: 0,
    splice: 0,
    pipe2: 0,
    fcntl: 0,
    socket: 0,
    accept4: 0,
  };
  readonly #real: Libc;
  readonly #epollEventBytes: number;
  #errno: number | undefined;
  /** The epoll instance and the event of each watched descriptor. */
  readonly #watched = new Map<number, { readonly epoll: number; readonly event: readonly number[] }>();
  readonly #event = bunFfi.allocate(16);
  readonly #eventWords = new Int32Array(this.#event.bytes.buffer);

  constructor(epollEventBytes: 12 | 16) {
    const real = openLibc(bunFfi);
    if (real === undefined) throw new Error("libc cannot be called from here");
    this.#real = real;
    this.#epollEventBytes = epollEventBytes;
    this.ffi = { ...bunFfi, readInt32: (address) => this.#errno ?? bunFfi.readInt32(address) };
    this.libc = {
      ...real,
      epoll_ctl: (...args) => this.#watch(args),
      recv: (...args) => this.#call("recv", args),
      send: (...args) => this.#call("send", args),
      splice: (...args) => this.#call("splice", args),
      pipe2: (...args) => this.#call("pipe2", args),
      fcntl: (...args) => this.#call("fcntl", args),
      socket: (...args) => this.#call("socket", args),
      accept4: (...args) => this.#call("accept4", args),
      connect: (...args) => this.#pass(real.connect, args),
      getsockopt: (...args) => this.#pass(real.getsockopt, args),
      bind: (...args) => this.#pass(real.bind, args),
      listen: (...args) => this.#pass(real.listen, args),
    };
  }

  #pass(call: (...args: number[]) => number, args: number[]): number {
    this.#errno = undefined;
    return call(...args);
  }

  #call(name: FaultyCall, args: number[]): number {
    this.#errno = undefined;
    this.calls[name]++;
    const fault = this.choose(name, args);
    if (fault === "none") return this.#real[name](...args);
    if ("errno" in fault) {
      if (fault.errno === C.EAGAIN) this.#putEdgeBack(args);
      this.#errno = fault.errno;
      return -1;
    }
    const count = COUNT_ARGUMENT[name];
    if (count !== undefined) args[count] = Math.min(args[count]!, fault.mostBytes);
    const result = this.#real[name](...args);
    // A failed epoll_ctl would overwrite errno; this one cannot fail for a watched descriptor.
    if (result >= 0) this.#putEdgeBack(args);
    return result;
  }

  #watch(args: number[]): number {
    this.#errno = undefined;
    const [epoll = -1, operation, fd = -1, address = 0] = args;
    if (operation === C.EPOLL_CTL_ADD) {
      const words = Array.from({ length: this.#epollEventBytes / 4 }, (_, i) => bunFfi.readInt32(address + 4 * i));
      this.#watched.set(fd, { epoll, event: words });
    }
    return this.#real.epoll_ctl(...args);
  }

  /** Makes epoll tell again what is so, as the kernel would once the reason of a real EAGAIN is gone. */
  #putEdgeBack(args: readonly number[]): void {
    for (const fd of [args[0]!, args[2]!]) {
      const watched = this.#watched.get(fd);
      if (watched === undefined) continue;
      this.#eventWords.set(watched.event);
      this.#real.epoll_ctl(watched.epoll, EPOLL_CTL_MOD, fd, this.#event.address);
    }
  }
}
