// Owns the listening sockets: where they listen, and when they rest because descriptors run out. Knows no connection.
//
// Bun 1.4.5 tells nobody that accept() failed with EMFILE and asks the kernel again at once, with a whole core, until it
// succeeds. So the acceptor watches the numbers: the kernel always gives the lowest free descriptor, and one near the
// limit means that the table is nearly full. Then the listener is closed but for a duplicate that keeps its queue of
// waiting clients, and opened again from it when there is room (contract case "descriptors run out").
import { IpAddress } from "../../address/ip_address.ts";
import type { SocketAddress } from "../runtime.ts";
import { listenAnywhere } from "../node/listen_anywhere.ts";
import type { Connection } from "./connection.ts";
import type { Descriptors } from "./descriptors.ts";

const REST_MS = 100;
/** Descriptors kept free for dials, name servers and files. */
const SPARE_DESCRIPTORS = 16;

interface Listener {
  bun: Bun.TCPSocketListener<Connection> | undefined;
  /** Keeps the socket and its queue alive while Bun's listener is closed; undefined where there is no way to have one. */
  readonly keptFd: number | undefined;
}

/** The listeners of one engine. */
export class Acceptor {
  readonly #descriptors: Descriptors | undefined;
  readonly #handler: Bun.SocketHandler<Connection, "uint8array">;
  readonly #onLimit: () => void;
  readonly #highestFd: number;
  #listeners: Listener[] = [];
  #restTimer: ReturnType<typeof setTimeout> | undefined;

  /** `fileLimit` is the soft limit of open files, if there is one; `onLimit` is called each time accepting pauses. */
  constructor(
    descriptors: Descriptors | undefined,
    fileLimit: number | undefined,
    handler: Bun.SocketHandler<Connection, "uint8array">,
    onLimit: () => void,
  ) {
    this.#descriptors = descriptors;
    this.#handler = handler;
    this.#onLimit = onLimit;
    this.#highestFd = fileLimit === undefined
      ? Infinity
      : fileLimit - 1 - Math.min(SPARE_DESCRIPTORS, Math.floor(fileLimit / 4));
  }

  /** Listens; rejects with CommandFailure where it can't. */
  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    const bun = await listenAnywhere(address, port, (hostname) => this.#open(hostname, port));
    const fd = fdOf(bun);
    this.#descriptors?.enlargeBacklog(fd);
    this.#listeners.push({ bun, keptFd: this.#descriptors?.duplicate(fd) });
    const bound = IpAddress.parse(bun.hostname);
    if (bound === undefined) throw new Error(`Cannot read the listener's address: ${bun.hostname}`);
    return { address: bound, port: bun.port };
  }

  /** Closes every listener. */
  stop(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = undefined;
    for (const { bun, keptFd } of this.#listeners) {
      bun?.stop();
      if (keptFd !== undefined) this.#descriptors?.close(keptFd);
    }
    this.#listeners = [];
  }

  /**
   * Notes the descriptor of a new socket; where it is near the limit, accepting pauses. False: there is no way to pause, and
   * an accepted connection with this descriptor is to be refused, or the table fills up.
   */
  noteDescriptor(fd: number): boolean {
    if (fd <= this.#highestFd || this.#listeners.length === 0) return true;
    const canRest = this.#listeners.every((listener) => listener.keptFd !== undefined);
    if (this.#restTimer === undefined) {
      if (canRest) {
        for (const listener of this.#listeners) {
          listener.bun?.stop();
          listener.bun = undefined;
        }
      }
      this.#rest();
    }
    return canRest;
  }

  #open(hostname: string, port: number): Bun.TCPSocketListener<Connection> {
    return Bun.listen<Connection>({
      hostname,
      port,
      allowHalfOpen: true,
      socket: this.#handler as unknown as Bun.SocketHandler<Connection>,
    });
  }

  #rest(): void {
    this.#restTimer = setTimeout(this.#endRest, REST_MS);
    this.#onLimit();
  }

  readonly #endRest = (): void => {
    this.#restTimer = undefined;
    for (const listener of this.#listeners) {
      if (listener.bun === undefined && listener.keptFd !== undefined && !this.#reopen(listener, listener.keptFd)) {
        return this.#rest();
      }
    }
  };

  /** Listens again on the kept socket, if there is room. */
  #reopen(listener: Listener, keptFd: number): boolean {
    const fd = this.#descriptors?.duplicate(keptFd);
    if (fd === undefined) return false;
    // The first free descriptor may be the one that the listener itself left; the second shows what is free for clients.
    const probe = this.#descriptors?.duplicate(keptFd);
    if (probe !== undefined) this.#descriptors?.close(probe);
    if (probe === undefined || probe > this.#highestFd) {
      this.#descriptors?.close(fd);
      return false;
    }
    // Bun can listen on a descriptor that it is given, and then owns it, which its types do not say.
    const options = { fd, allowHalfOpen: true, socket: this.#handler };
    listener.bun = Bun.listen<Connection>(options as unknown as Bun.TCPSocketListenOptions<Connection>);
    this.#descriptors?.enlargeBacklog(fd);
    return true;
  }
}

/** Bun's listeners have their descriptor, which its types do not say. */
function fdOf(listener: Bun.TCPSocketListener<Connection>): number {
  return (listener as unknown as { readonly fd: number }).fd;
}
