// Owns the sockets that reach the kernel's network configuration and the link below IP. Knows no message and no frame.
import type { Ffi, NativeMemory } from "../ffi.ts";
import type { FrameSocket, NetworkSockets, RouteSocket } from "../runtime.ts";
import * as C from "./libc.ts";
import { Sockets } from "./sockets.ts";

const AF_NETLINK = 16;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const SO_RCVTIMEO = 20;
const ETHERTYPE_ARP = [0x08, 0x06] as const;

/** The kernel answers a request within its own call; this is for one that never does. */
const ANSWER_TIMEOUT_SECONDS = 5;
/** Twice what the kernel puts into one datagram at most. */
const BUFFER_BYTES = 65_536;
const SOCKADDR_LL_BYTES = 20;
const SOCKADDR_NL_BYTES = 12;

/** Finds out whether such sockets can be had. libc is bound only when one is opened: the proxy itself needs none. */
export function systemNetwork(ffi: Ffi, platform: string): NetworkSockets | { readonly unavailable: string } {
  if (platform !== "linux") return { unavailable: `it needs Linux, and this is ${platform}` };
  let bound: Sockets | undefined;
  const bind = (): Sockets | undefined => {
    const libc = bound === undefined ? C.openLibc(ffi) : undefined;
    if (libc !== undefined) bound = new Sockets(ffi, libc);
    return bound;
  };
  return {
    openRoutes() {
      const sockets = bind();
      return sockets === undefined ? -C.ENOSYS : openRoutes(ffi, sockets);
    },
    openFrames() {
      const sockets = bind();
      return sockets === undefined ? -C.ENOSYS : openFrames(ffi, sockets);
    },
  };
}

function openRoutes(ffi: Ffi, sockets: Sockets): RouteSocket | number {
  const { libc } = sockets;
  const fd = sockets.check(libc.socket(AF_NETLINK, SOCK_RAW | C.SOCK_CLOEXEC, NETLINK_ROUTE));
  if (fd < 0) return fd;
  const memory = ffi.allocate(BUFFER_BYTES);
  // The kernel's own address is 0. Connected to it, the socket hears of nobody else: whoever may send to others' sockets
  // could answer in its place.
  memory.bytes[0] = AF_NETLINK;
  const connected = sockets.check(libc.connect(fd, memory.address, SOCKADDR_NL_BYTES));
  memory.bytes[0] = 0;
  if (connected < 0) {
    libc.close(fd);
    return connected;
  }
  // Both may be unknown to an old kernel, which then says less.
  sockets.setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  sockets.setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  // A struct timeval of two 64-bit numbers.
  memory.bytes[0] = ANSWER_TIMEOUT_SECONDS;
  libc.setsockopt(fd, C.SOL_SOCKET, SO_RCVTIMEO, memory.address, 16);
  return {
    send: (message) => sendAll(sockets, fd, memory, message),
    receive() {
      for (;;) {
        const count = sockets.check(libc.recv(fd, memory.address, BUFFER_BYTES, 0));
        if (count >= 0) return memory.bytes.slice(0, count);
        if (count !== -C.EINTR) return count;
      }
    },
    close: () => void libc.close(fd),
  };
}

function openFrames(ffi: Ffi, sockets: Sockets): FrameSocket | number {
  const { libc } = sockets;
  // Protocol 0: nothing is received, and so nothing fills its queue.
  const fd = sockets.check(libc.socket(AF_PACKET, SOCK_RAW | C.SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  const address = ffi.allocate(SOCKADDR_LL_BYTES);
  const memory = ffi.allocate(BUFFER_BYTES);
  return {
    send(interfaceIndex, frame) {
      address.bytes.fill(0);
      address.bytes.set([AF_PACKET, 0, ...ETHERTYPE_ARP]);
      new DataView(address.bytes.buffer).setUint32(4, interfaceIndex, true);
      const result = sockets.check(libc.bind(fd, address.address, SOCKADDR_LL_BYTES));
      return result < 0 ? result : sendAll(sockets, fd, memory, frame);
    },
    close: () => void libc.close(fd),
  };
}

function sendAll(sockets: Sockets, fd: number, memory: NativeMemory, bytes: Uint8Array): number {
  if (bytes.length > memory.bytes.length) return -C.ENOBUFS;
  memory.bytes.set(bytes);
  for (;;) {
    const count = sockets.check(sockets.libc.send(fd, memory.address, bytes.length, C.MSG_NOSIGNAL));
    if (count !== -C.EINTR) return count;
  }
}
