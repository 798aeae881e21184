// Owns the listening sockets: where they listen, and that they go on when descriptors ran out. Knows no connection.
//
// Deno's listeners are to be armed again then (see keep_accepting.ts): often while descriptors are scarce, and now and then
// in any case.
import { createServer, type Server, type Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { IpAddress } from "../../address/ip_address.ts";
import { countOpenFiles } from "../node/file_limit.ts";
import { listenAnywhere } from "../node/listen_anywhere.ts";
import { systemErrorCode } from "../node/system_error.ts";
import type { SocketAddress } from "../runtime.ts";
import { armAgain, BACKLOG } from "./keep_accepting.ts";

const REST_MS = 100;
const WATCH_MS = 1_000;
/** Descriptors are scarce when no more than so many are left. */
const SPARE_DESCRIPTORS = 16;
/** How many descriptors the runtime itself is taken to have where they can't be counted. */
const ASSUMED_OTHER_DESCRIPTORS = 32;

/** What the acceptor needs of its engine. */
export interface AcceptHost {
  onSocket(socket: Socket): void;
  /** Accepting may have paused. */
  onLimit(): void;
  /** How many sockets the engine has open. */
  countSockets(): number;
}

/** The listeners of one engine. */
export class Acceptor {
  readonly #host: AcceptHost;
  readonly #fileLimit: number | undefined;
  #otherDescriptors = ASSUMED_OTHER_DESCRIPTORS;
  #servers: Server[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isScarce = false;

  /** `fileLimit` is the soft limit of open files, if there is one. */
  constructor(fileLimit: number | undefined, host: AcceptHost) {
    this.#fileLimit = fileLimit;
    this.#host = host;
  }

  /** Listens; throws CommandFailure where it can't. */
  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    const server = await listenAnywhere(address, port, (hostname) => this.#open(hostname, port));
    this.#servers.push(server);
    this.#otherDescriptors = (countOpenFiles() ?? ASSUMED_OTHER_DESCRIPTORS) - this.#host.countSockets();
    this.#watch(WATCH_MS);
    return addressOf(server);
  }

  /** Closes every listener. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const server of this.#servers) server.close();
    this.#servers = [];
    this.#isScarce = false;
  }

  /** Is to be called after each new socket: where descriptors are scarce, accepting is watched closely. */
  noteSocket(): void {
    if (this.#isScarce || this.#servers.length === 0 || !this.#findScarce()) return;
    this.#isScarce = true;
    this.#watch(REST_MS);
    this.#host.onLimit();
  }

  #findScarce(): boolean {
    if (this.#fileLimit === undefined) return false;
    return this.#host.countSockets() + this.#otherDescriptors + SPARE_DESCRIPTORS >= this.#fileLimit;
  }

  #watch(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onWatch, delayMs).unref();
  }

  readonly #onWatch = (): void => {
    for (const server of this.#servers) armAgain(server);
    this.#isScarce = this.#findScarce();
    this.#watch(this.#isScarce ? REST_MS : WATCH_MS);
    if (this.#isScarce) this.#host.onLimit();
  };

  #open(host: string, port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true });
      server.on("connection", (socket: Socket) => this.#host.onSocket(socket));
      server.on("error", (error) => reject(named(error)));
      server.listen({ host, port, backlog: BACKLOG, ipv6Only: false }, () => resolve(server));
    });
  }
}

function addressOf(server: Server): SocketAddress {
  const bound = server.address();
  const address = bound === null || typeof bound === "string" ? undefined : IpAddress.parse(bound.address);
  if (bound === null || typeof bound === "string" || address === undefined) {
    throw new Error("Cannot read the listener's address");
  }
  return { address, port: bound.port };
}

/** Deno 2.9 calls EADDRNOTAVAIL by the wrong name. */
function named(error: unknown): unknown {
  return systemErrorCode(error) === "EINVAL" ? { code: "EADDRNOTAVAIL" } : error;
}
