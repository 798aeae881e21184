// Owns which functions and numbers of Linux's libc the engine uses, on x86-64 and arm64 alike. Calls nothing.
import type { Ffi, NativeFunctions } from "../ffi.ts";

const I32 = "i32";
const ADDRESS = "address";

/** The functions. Sizes and counts stay below 2^31, so 32-bit results hold them. */
const SIGNATURES = {
  socket: { args: [I32, I32, I32], returns: I32 },
  bind: { args: [I32, ADDRESS, I32], returns: I32 },
  listen: { args: [I32, I32], returns: I32 },
  accept4: { args: [I32, ADDRESS, ADDRESS, I32], returns: I32 },
  connect: { args: [I32, ADDRESS, I32], returns: I32 },
  getsockname: { args: [I32, ADDRESS, ADDRESS], returns: I32 },
  setsockopt: { args: [I32, I32, I32, ADDRESS, I32], returns: I32 },
  getsockopt: { args: [I32, I32, I32, ADDRESS, ADDRESS], returns: I32 },
  recv: { args: [I32, ADDRESS, I32, I32], returns: I32 },
  send: { args: [I32, ADDRESS, I32, I32], returns: I32 },
  splice: { args: [I32, ADDRESS, I32, ADDRESS, I32, I32], returns: I32 },
  pipe2: { args: [ADDRESS, I32], returns: I32 },
  fcntl: { args: [I32, I32, I32], returns: I32 },
  ioctl: { args: [I32, I32, ADDRESS], returns: I32 },
  shutdown: { args: [I32, I32], returns: I32 },
  close: { args: [I32], returns: I32 },
  read: { args: [I32, ADDRESS, I32], returns: I32 },
  write: { args: [I32, ADDRESS, I32], returns: I32 },
  madvise: { args: [ADDRESS, I32, I32], returns: I32 },
  eventfd: { args: [I32, I32], returns: I32 },
  epoll_create1: { args: [I32], returns: I32 },
  epoll_ctl: { args: [I32, I32, I32, ADDRESS], returns: I32 },
  epoll_wait: { args: [I32, ADDRESS, I32, I32], returns: I32 },
  __errno_location: { args: [], returns: ADDRESS },
} as const;

/** libc, bound. */
export type Libc = NativeFunctions<typeof SIGNATURES>;

const LIBRARY_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Binds libc, or undefined where there is none to call. */
export function openLibc(ffi: Ffi): Libc | undefined {
  return ffi.open(LIBRARY_NAMES, SIGNATURES);
}

/** Binds a few of libc's functions alone: each costs a start 0.05 ms. Undefined where there are none to call. */
export function openLibcPart<Name extends keyof Libc>(
  ffi: Ffi,
  ...names: readonly Name[]
): Pick<Libc, Name> | undefined {
  const part = Object.fromEntries(names.map((name) => [name, SIGNATURES[name]]));
  return ffi.open(LIBRARY_NAMES, part) as Pick<Libc, Name> | undefined;
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const SHUT_WR = 1;
export const MSG_NOSIGNAL = 0x4000;
export const FIONREAD = 0x541b;
export const F_SETPIPE_SZ = 1031;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const EFD_FLAGS: number = O_NONBLOCK | O_CLOEXEC;
export const SPLICE_F_MOVE_NONBLOCK = 1 | 2;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 0x1;
export const EPOLLPRI = 0x2;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 1 << 31;

export const EPERM = 1;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const ENOSYS = 38;
export const EACCES = 13;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ENOBUFS = 105;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;
