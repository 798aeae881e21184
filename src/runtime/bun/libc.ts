// Owns the few calls of libc that Bun's own sockets lack (1.4.5): a dial that can be given up and that says why it failed,
// and a listener that can rest. Knows nothing of the engine; everything has a fall-back where this is missing.
import { dlopen, ptr, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import type { IpAddress } from "../../address/ip_address.ts";

const LIBRARY_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

// Linux, x86-64 and arm64 alike.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const F_DUPFD_CLOEXEC = 1030;
const EINPROGRESS = 115;
/** What is asked of listen(2); the kernel cuts it to net.core.somaxconn. Bun asks for 512. */
const BACKLOG = 65535;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** What came of the start of a dial. */
export type DialStart = { readonly fd: number } | { readonly errorCode: string };

/** The calls. All return at once. */
export interface Libc {
  /** Makes a socket and begins to connect it. The caller owns the descriptor. */
  startDial(address: IpAddress, port: number): DialStart;
  /** A second descriptor of the same file, or undefined where none is free. */
  duplicate(fd: number): number | undefined;
  /** Makes a listener's backlog as long as the kernel allows. */
  enlargeBacklog(fd: number): void;
  close(fd: number): void;
}

/** Opens libc, or undefined where there is none to open: not Linux, or no just-in-time compiler. */
export function openLibc(): Libc | undefined {
  if (process.platform !== "linux") return undefined;
  for (const name of LIBRARY_NAMES) {
    try {
      return bindLibc(name);
    } catch {
      // The next name.
    }
  }
  return undefined;
}

function bindLibc(name: string): Libc {
  const { symbols: c } = dlopen(name, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const errnoPointer = c.__errno_location();
  if (errnoPointer === null) throw new Error("No errno");

  // JavaScriptCore moves the storage of small typed arrays; that of an explicit ArrayBuffer stays where it is.
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_IN6_BYTES));
  const sockaddrPointer = ptr(sockaddr);
  const on = new Int32Array(new ArrayBuffer(4));
  on[0] = 1;
  const onPointer = ptr(on);

  function writeSockaddr(address: IpAddress, port: number): number {
    sockaddr.fill(0);
    // The family is in the machine's byte order, little-endian on both architectures; the port is in the network's.
    sockaddr[0] = address.family === 4 ? AF_INET : AF_INET6;
    sockaddr[2] = port >> 8;
    sockaddr[3] = port & 255;
    sockaddr.set(address.bytes, address.family === 4 ? 4 : 8);
    return address.family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
  }

  function lastErrorCode(): string {
    return errnoPointer === null ? "EIO" : getSystemErrorName(-read.i32(errnoPointer, 0));
  }

  return {
    startDial(address, port) {
      const family = address.family === 4 ? AF_INET : AF_INET6;
      const fd = c.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
      if (fd < 0) return { errorCode: lastErrorCode() };
      c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, onPointer, 4);
      if (c.connect(fd, sockaddrPointer, writeSockaddr(address, port)) === 0) return { fd };
      if (read.i32(errnoPointer, 0) === EINPROGRESS) return { fd };
      const errorCode = lastErrorCode();
      c.close(fd);
      return { errorCode };
    },
    duplicate(fd) {
      const copy = c.fcntl(fd, F_DUPFD_CLOEXEC, 0);
      return copy < 0 ? undefined : copy;
    },
    enlargeBacklog(fd) {
      c.listen(fd, BACKLOG);
    },
    close(fd) {
      c.close(fd);
    },
  };
}
