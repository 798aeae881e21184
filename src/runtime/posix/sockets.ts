// Owns socket calls as the engine wants them: addresses as values, errno as a result. Knows no connection and no event.
import { IpAddress } from "../../address/ip_address.ts";
import type { Ffi, NativeMemory } from "../ffi.ts";
import { builtin } from "../node/builtin.ts";
import type { SocketAddress } from "../runtime.ts";
import * as C from "./libc.ts";
import type { Libc } from "./libc.ts";

const SOCKADDR_BYTES = 28;
const SOCKADDR_IN_BYTES = 16;
const STREAM = C.SOCK_STREAM | C.SOCK_NONBLOCK | C.SOCK_CLOEXEC;

/** What is asked of listen(2); the kernel cuts it to net.core.somaxconn. */
const BACKLOG = 65535;

/** Calls on sockets. Each returns a result of zero or more, or a negative errno. */
export class Sockets {
  readonly libc: Libc;
  readonly #ffi: Ffi;
  readonly #errnoAddress: number;
  readonly #sockaddr: NativeMemory;
  readonly #int: NativeMemory;
  readonly #ints: Int32Array;
  /** The last address read with each last octet: many connections of one peer share one. */
  readonly #recent: IpAddress[] = [];

  constructor(ffi: Ffi, libc: Libc) {
    this.libc = libc;
    this.#ffi = ffi;
    this.#errnoAddress = Number(libc.__errno_location());
    this.#sockaddr = ffi.allocate(SOCKADDR_BYTES + 4);
    this.#int = ffi.allocate(8);
    this.#ints = new Int32Array(this.#int.bytes.buffer);
  }

  /** The calling thread's errno. To be read at once after a call that failed. */
  get errno(): number {
    return this.#ffi.readInt32(this.#errnoAddress);
  }

  /** Turns a call's result into a negative errno where it is negative. */
  check(result: number): number {
    return result < 0 ? -this.errno : result;
  }

  /**
   * Makes a listening socket that others of this program may share the port of; `undefined` stands for every address, IPv4
   * and IPv6. Unless it joins those, it takes the port only where nobody listens yet.
   */
  listen(address: IpAddress | undefined, port: number, joinsPort: boolean): number {
    const any = address === undefined ? IpAddress.fromBytes(new Uint8Array(16)) : address;
    const fd = this.#listen(any, port, joinsPort, address === undefined);
    if (fd !== -C.EAFNOSUPPORT || address !== undefined) return fd;
    return this.#listen(IpAddress.fromBytes(new Uint8Array(4)), port, joinsPort, false);
  }

  /** Makes a socket for `connect`. */
  open(address: IpAddress): number {
    const fd = this.check(this.libc.socket(familyOf(address), STREAM, C.IPPROTO_TCP));
    if (fd >= 0) this.setOption(fd, C.IPPROTO_TCP, C.TCP_NODELAY, 1);
    return fd;
  }

  /** Begins to connect a socket; 0 where that is under way. */
  connect(fd: number, address: IpAddress, port: number): number {
    const result = this.check(this.libc.connect(fd, this.#sockaddr.address, this.#writeSockaddr(address, port)));
    return result === -C.EINPROGRESS ? 0 : result;
  }

  /** Accepts a connection; its peer is `acceptedPeer` until the next call. */
  accept(listener: number): number {
    this.#ints[0] = SOCKADDR_BYTES;
    const flags = C.SOCK_NONBLOCK | C.SOCK_CLOEXEC;
    return this.check(this.libc.accept4(listener, this.#sockaddr.address, this.#int.address, flags));
  }

  acceptedPeer(): SocketAddress {
    return this.#readSockaddr();
  }

  /** The local side of a socket. */
  localAddress(fd: number): SocketAddress | undefined {
    this.#ints[0] = SOCKADDR_BYTES;
    if (this.libc.getsockname(fd, this.#sockaddr.address, this.#int.address) < 0) return undefined;
    return this.#readSockaddr();
  }

  /** The pending error of a socket as an errno, zero where there is none; reading clears it. */
  takeError(fd: number): number {
    this.#ints[0] = 0;
    this.#ints[1] = 4;
    const result = this.libc.getsockopt(fd, C.SOL_SOCKET, C.SO_ERROR, this.#int.address, this.#int.address + 4);
    return result < 0 ? this.errno : this.#ints[0] ?? 0;
  }

  /** Octets that wait to be read. */
  readableBytes(fd: number): number {
    return this.libc.ioctl(fd, C.FIONREAD, this.#int.address) < 0 ? 0 : this.#ints[0] ?? 0;
  }

  /** Sets an integer option. */
  setOption(fd: number, level: number, option: number, value: number): void {
    this.#ints[0] = value;
    this.libc.setsockopt(fd, level, option, this.#int.address, 4);
  }

  /** Makes the close that follows send a reset and drop what is unsent. */
  lingerZero(fd: number): void {
    this.#ints[0] = 1;
    this.#ints[1] = 0;
    this.libc.setsockopt(fd, C.SOL_SOCKET, C.SO_LINGER, this.#int.address, 8);
  }

  /** Makes a pipe; returns 0 and leaves both ends in `pipeEnds` until the next call. */
  pipe(): number {
    return this.check(this.libc.pipe2(this.#int.address, C.O_NONBLOCK | C.O_CLOEXEC));
  }

  get pipeEnds(): readonly [readEnd: number, writeEnd: number] {
    return [this.#ints[0] ?? -1, this.#ints[1] ?? -1];
  }

  #listen(address: IpAddress, port: number, joinsPort: boolean, dualStack: boolean): number {
    if (!joinsPort) {
      // With SO_REUSEPORT alone a second proxy would take its place beside the first one without a word, and judge half of the
      // requests by its own rules. Nobody is kept out by what is bound and does not listen.
      const alone = this.#bind(address, port, false, dualStack);
      if (alone < 0) return alone;
      this.libc.close(alone);
    }
    const fd = this.#bind(address, port, true, dualStack);
    if (fd < 0) return fd;
    const result = this.check(this.libc.listen(fd, BACKLOG));
    if (result >= 0) return fd;
    this.libc.close(fd);
    return result;
  }

  #bind(address: IpAddress, port: number, reusePort: boolean, dualStack: boolean): number {
    const fd = this.check(this.libc.socket(familyOf(address), STREAM, C.IPPROTO_TCP));
    if (fd < 0) return fd;
    this.setOption(fd, C.SOL_SOCKET, C.SO_REUSEADDR, 1);
    // Every accepted socket has it from its listener: one call less for each.
    this.setOption(fd, C.IPPROTO_TCP, C.TCP_NODELAY, 1);
    if (reusePort) this.setOption(fd, C.SOL_SOCKET, C.SO_REUSEPORT, 1);
    if (address.family === 6) this.setOption(fd, C.IPPROTO_IPV6, C.IPV6_V6ONLY, dualStack ? 0 : 1);
    const result = this.check(this.libc.bind(fd, this.#sockaddr.address, this.#writeSockaddr(address, port)));
    if (result >= 0) return fd;
    this.libc.close(fd);
    return result;
  }

  #writeSockaddr(address: IpAddress, port: number): number {
    const { bytes } = this.#sockaddr;
    bytes.fill(0);
    // The family is in the machine's order, little-endian on both architectures; the port is in the network's.
    bytes[0] = familyOf(address);
    bytes[2] = port >> 8;
    bytes[3] = port & 255;
    bytes.set(address.bytes, address.family === 4 ? 4 : 8);
    return address.family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES;
  }

  #readSockaddr(): SocketAddress {
    const { bytes } = this.#sockaddr;
    const port = (bytes[2] ?? 0) << 8 | (bytes[3] ?? 0);
    const start = bytes[0] === C.AF_INET ? 4 : 8;
    const end = bytes[0] === C.AF_INET ? 8 : 24;
    const slot = bytes[end - 1] ?? 0;
    const recent = this.#recent[slot];
    if (recent?.hasBytes(bytes, start, end)) return { address: recent, port };
    const address = IpAddress.fromBytes(bytes.subarray(start, end));
    this.#recent[slot] = address;
    return { address, port };
  }
}

/** The name of an errno ("ECONNREFUSED"). */
export function errnoName(errno: number): string {
  return builtin("node:util").getSystemErrorName(-errno);
}

function familyOf(address: IpAddress): number {
  return address.family === 4 ? C.AF_INET : C.AF_INET6;
}
