// Owns the pipes through which octets are spliced: few, lent while something is in flight, never held by what is silent.
import * as C from "./libc.ts";
import type { Sockets } from "./sockets.ts";

/** An unprivileged user has 64 MiB of pipe buffer in all; half of it is for others. */
const MAX_PIPES = 64;

/** The buffer that is asked for; the kernel's default is 64 KiB. */
const PIPE_BYTES = 512 * 1024;

const DEFAULT_PIPE_BYTES = 64 * 1024;

/** A pipe's two ends. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** Lends pipes. One that cannot be had is no error: octets are then copied instead. */
export class PipePool {
  readonly #sockets: Sockets;
  readonly #idle: Pipe[] = [];
  #made = 0;
  /** The smallest buffer that any of its pipes has: no more than this is put into one. */
  capacityBytes = PIPE_BYTES;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** How many pipes are lent now. */
  get lentCount(): number {
    return this.#made - this.#idle.length;
  }

  /** Lends a pipe, or undefined where the bound, the descriptors or the memory do not allow one. */
  take(): Pipe | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#made >= MAX_PIPES || this.#sockets.pipe() < 0) return undefined;
    const [readEnd, writeEnd] = this.#sockets.pipeEnds;
    if (this.#sockets.libc.fcntl(writeEnd, C.F_SETPIPE_SZ, PIPE_BYTES) < 0) this.capacityBytes = DEFAULT_PIPE_BYTES;
    this.#made++;
    return { readEnd, writeEnd };
  }

  /** Takes an empty pipe back. */
  give(pipe: Pipe): void {
    this.#idle.push(pipe);
  }

  /** Closes a pipe that may hold octets of a connection that is gone. */
  destroy(pipe: Pipe): void {
    this.#made--;
    this.#sockets.libc.close(pipe.readEnd);
    this.#sockets.libc.close(pipe.writeEnd);
  }

  /** Closes the pipes that are not lent. */
  close(): void {
    for (const pipe of this.#idle.splice(0)) this.destroy(pipe);
  }
}
