// Owns the few calls to Linux's libc that origins and load generators make. Knows nothing of HTTP, proxies or metrics.
// Why FFI: a generator on the runtime's own sockets reaches about what a fast proxy does, and would measure itself.
import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

const { i32, u64 } = FFIType;
const pointer = FFIType.ptr;

const libc = dlopen("libc.so.6", {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, i32], returns: i32 },
  listen: { args: [i32, i32], returns: i32 },
  accept4: { args: [i32, pointer, pointer, i32], returns: i32 },
  connect: { args: [i32, pointer, i32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, i32], returns: i32 },
  getsockname: { args: [i32, pointer, pointer], returns: i32 },
  fcntl: { args: [i32, i32, i32], returns: i32 },
  recv: { args: [i32, pointer, u64, i32], returns: i32 },
  send: { args: [i32, pointer, u64, i32], returns: i32 },
  read: { args: [i32, pointer, u64], returns: i32 },
  close: { args: [i32], returns: i32 },
  epoll_create1: { args: [i32], returns: i32 },
  epoll_ctl: { args: [i32, i32, i32, pointer], returns: i32 },
  epoll_wait: { args: [i32, pointer, i32, i32], returns: i32 },
  __errno_location: { args: [], returns: pointer },
}).symbols;

export const EAGAIN = 11;
export const EINPROGRESS = 115;
export const EPOLL_IN = 1;
export const EPOLL_OUT = 4;
export const EPOLL_ERROR = 8;
export const EPOLL_EDGE = 1 << 31;

const SOCK_STREAM = 1;
const NON_BLOCKING = 0o4000;
const CLOSE_ON_EXEC = 0o2000000;
const AF_INET = 2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Memory whose address stays valid: a view over an explicit ArrayBuffer (the engine moves the storage of small typed arrays). */
export class FixedBuffer {
  readonly bytes: Uint8Array;
  readonly address: Pointer;

  constructor(lengthBytes: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(lengthBytes));
    this.address = ptr(this.bytes);
  }

  /** Makes one that holds this ASCII text. */
  static ofText(text: string): FixedBuffer {
    const buffer = new FixedBuffer(text.length);
    new TextEncoder().encodeInto(text, buffer.bytes);
    return buffer;
  }
}

const errnoAddress = libc.__errno_location() as Pointer;
const socketAddress = new FixedBuffer(16);
const lengthCell = new FixedBuffer(4);
const oneCell = new FixedBuffer(4);
oneCell.bytes[0] = 1;
const timeCell = new FixedBuffer(16);

/** The calling thread's errno. */
export function errno(): number {
  return read.i32(errnoAddress, 0);
}

function setLoopback(port: number): void {
  socketAddress.bytes.set([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1]);
}

function newSocket(flags: number): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM | CLOSE_ON_EXEC | flags, 0);
  if (fd < 0) throw new Error(`Cannot open a socket: errno ${errno()}`);
  libc.setsockopt(fd, 6, 1, oneCell.address, 4); // TCP_NODELAY
  return fd;
}

/** Listens on a free port of 127.0.0.1 and returns the non-blocking descriptor and the port. */
export function listenLoopback(): { readonly fd: number; readonly port: number } {
  const fd = newSocket(NON_BLOCKING);
  libc.setsockopt(fd, 1, 2, oneCell.address, 4); // SO_REUSEADDR
  setLoopback(0);
  if (libc.bind(fd, socketAddress.address, 16) < 0) throw new Error(`Cannot bind: errno ${errno()}`);
  if (libc.listen(fd, 8192) < 0) throw new Error(`Cannot listen: errno ${errno()}`);
  lengthCell.bytes[0] = 16;
  libc.getsockname(fd, socketAddress.address, lengthCell.address);
  return { fd, port: ((socketAddress.bytes[2] ?? 0) << 8) | (socketAddress.bytes[3] ?? 0) };
}

/** Accepts one connection, non-blocking; negative where none waits. */
export function accept(listener: number): number {
  const fd = libc.accept4(listener, null, null, NON_BLOCKING | CLOSE_ON_EXEC);
  if (fd >= 0) libc.setsockopt(fd, 6, 1, oneCell.address, 4);
  return fd;
}

/** Begins a non-blocking connect to a port of 127.0.0.1. */
export function connectLoopback(port: number): number {
  const fd = newSocket(NON_BLOCKING);
  setLoopback(port);
  if (libc.connect(fd, socketAddress.address, 16) < 0 && errno() !== EINPROGRESS) {
    const code = errno();
    libc.close(fd);
    throw new Error(`Cannot connect to port ${port}: errno ${code}`);
  }
  return fd;
}

/** Connects and blocks until done; negative where it was refused. Reads and writes on it end after `timeoutMs`. */
export function connectLoopbackBlocking(port: number, timeoutMs: number): number {
  const fd = newSocket(0);
  new DataView(timeCell.bytes.buffer).setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true);
  new DataView(timeCell.bytes.buffer).setBigInt64(8, BigInt((timeoutMs % 1000) * 1000), true);
  libc.setsockopt(fd, 1, 20, timeCell.address, 16); // SO_RCVTIMEO
  libc.setsockopt(fd, 1, 21, timeCell.address, 16); // SO_SNDTIMEO
  setLoopback(port);
  if (libc.connect(fd, socketAddress.address, 16) < 0) {
    libc.close(fd);
    return -1;
  }
  return fd;
}

/** Makes a descriptor non-blocking. */
export function setNonBlocking(fd: number): void {
  libc.fcntl(fd, 4, NON_BLOCKING);
}

/** Receives at most `lengthBytes`; 0 at the end, negative on an error (see `errno`). */
export function receive(fd: number, buffer: FixedBuffer, lengthBytes = buffer.bytes.length): number {
  return libc.recv(fd, buffer.address, lengthBytes, 0);
}

/** Takes at most as many bytes as the buffer is long off the socket without copying them out: a reader that costs next to nothing. */
export function discard(fd: number, buffer: FixedBuffer): number {
  return libc.recv(fd, buffer.address, buffer.bytes.length, MSG_TRUNC | MSG_DONTWAIT);
}

/** Sends the first `lengthBytes`; returns the count taken, negative on an error. */
export function send(fd: number, buffer: FixedBuffer, lengthBytes = buffer.bytes.length): number {
  return libc.send(fd, buffer.address, lengthBytes, MSG_NOSIGNAL);
}

export function closeDescriptor(fd: number): void {
  libc.close(fd);
}

/** Blocks until a line or the end of standard input has come. */
export function waitForStdin(): void {
  libc.read(0, timeCell.address, 1);
}

/** Which descriptors are ready. */
export class Poller {
  readonly #fd = libc.epoll_create1(CLOSE_ON_EXEC);
  readonly #events = new FixedBuffer(12 * 1024);
  readonly #words = new Int32Array(this.#events.bytes.buffer);
  readonly #change = new FixedBuffer(12);
  readonly #changeWords = new Int32Array(this.#change.bytes.buffer);

  add(fd: number, events: number): void {
    this.#control(1, fd, events);
  }

  modify(fd: number, events: number): void {
    this.#control(3, fd, events);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#changeWords[0] = events;
    this.#changeWords[1] = fd;
    if (libc.epoll_ctl(this.#fd, operation, fd, this.#change.address) < 0) {
      throw new Error(`Cannot watch descriptor ${fd}: errno ${errno()}`);
    }
  }

  /** Waits at most `timeoutMs` and returns how many are ready: 0 at the time's end. */
  wait(timeoutMs: number): number {
    return libc.epoll_wait(this.#fd, this.#events.address, 1024, Math.max(0, Math.ceil(timeoutMs)));
  }

  descriptor(index: number): number {
    return this.#words[index * 3 + 1] ?? -1;
  }

  events(index: number): number {
    return this.#words[index * 3] ?? 0;
  }
}
