// Owns the few calls on descriptors that Bun's own sockets lack (1.4.5): a dial that can be given up and that says why it
// failed, and a listener that can rest. Knows nothing of the engine, which can do without.
import process from "node:process";
import type { IpAddress } from "../../address/ip_address.ts";
import { openLibc } from "../posix/libc.ts";
import { errnoName, Sockets } from "../posix/sockets.ts";
import { bunFfi } from "./ffi.ts";

const F_DUPFD_CLOEXEC = 1030;
/** What is asked of listen(2); the kernel cuts it to net.core.somaxconn. Bun asks for 512. */
const BACKLOG = 65535;

/** What came of the start of a dial. */
export type DialStart = { readonly fd: number } | { readonly errorCode: string };

/** The calls. All return at once. */
export interface Descriptors {
  /** Makes a socket and begins to connect it. The caller owns the descriptor. */
  startDial(address: IpAddress, port: number): DialStart;
  /** A second descriptor of the same file, or undefined where none is free. */
  duplicate(fd: number): number | undefined;
  /** Makes a listener's backlog as long as the kernel allows. */
  enlargeBacklog(fd: number): void;
  close(fd: number): void;
}

/** Finds the calls; undefined where there are none: not Linux, or no just-in-time compiler. */
export function openDescriptors(): Descriptors | undefined {
  const libc = process.platform === "linux" ? openLibc(bunFfi) : undefined;
  if (libc === undefined) return undefined;
  const sockets = new Sockets(bunFfi, libc);
  return {
    startDial(address, port) {
      const fd = sockets.open(address);
      if (fd < 0) return { errorCode: errnoName(-fd) };
      const result = sockets.connect(fd, address, port);
      if (result === 0) return { fd };
      libc.close(fd);
      return { errorCode: errnoName(-result) };
    },
    duplicate(fd) {
      const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
      return copy < 0 ? undefined : copy;
    },
    enlargeBacklog(fd) {
      libc.listen(fd, BACKLOG);
    },
    close(fd) {
      libc.close(fd);
    },
  };
}
