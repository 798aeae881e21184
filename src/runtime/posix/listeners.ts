// Owns the listening sockets of one engine: accepting, and resting when descriptors have run out. Knows no connection.
import type { IpAddress } from "../../address/ip_address.ts";
import { listenError } from "../node/system_error.ts";
import type { Clock, SocketAddress } from "../runtime.ts";
import { type ConnectionTable, KIND } from "./connection_table.ts";
import type { EventQueue } from "./event_queue.ts";
import * as C from "./libc.ts";
import { errnoName, type Sockets } from "./sockets.ts";

const ACCEPTS_PER_TURN = 64;
/** How long accepting rests when descriptors have run out. */
const ACCEPT_REST_MS = 100;

/** Who takes what is accepted. */
export interface ListenerHost {
  onAccepted(fd: number, client: SocketAddress): void;
  /** No descriptor was left; accepting rests for a while. */
  onAcceptLimit(): void;
}

/** The listeners of one engine. */
export class Listeners {
  readonly #sockets: Sockets;
  readonly #events: EventQueue;
  readonly #table: ConnectionTable;
  readonly #clock: Clock;
  readonly #joinsPort: boolean;
  readonly #host: ListenerHost;
  readonly #listeners = new Set<number>();
  /** When accepting goes on; Infinity while it does not rest. */
  restingUntilMs = Infinity;

  constructor(
    sockets: Sockets,
    events: EventQueue,
    table: ConnectionTable,
    options: { readonly clock: Clock; readonly joinsPort: boolean },
    host: ListenerHost,
  ) {
    this.#sockets = sockets;
    this.#events = events;
    this.#table = table;
    this.#clock = options.clock;
    this.#joinsPort = options.joinsPort;
    this.#host = host;
  }

  /** Listens; `undefined` stands for every address. Throws CommandFailure where it can't. */
  listen(address: IpAddress | undefined, port: number): SocketAddress {
    const fd = this.#sockets.listen(address, port, this.#joinsPort);
    if (fd < 0) throw listenError(address, port, { code: errnoName(-fd) });
    const local = this.#sockets.localAddress(fd);
    if (local === undefined) throw listenError(address, port, { code: "EIO" });
    this.#table.open(fd, KIND.LISTENER);
    this.#listeners.add(fd);
    this.#watch(fd);
    return local;
  }

  /** Accepts what waits at a listener. */
  accept(listener: number): void {
    for (let accepts = 0; accepts < ACCEPTS_PER_TURN; accepts++) {
      const fd = this.#sockets.accept(listener);
      if (fd < 0) {
        if (fd === -C.EMFILE || fd === -C.ENFILE || fd === -C.ENOBUFS || fd === -C.ENOMEM) this.#rest();
        return;
      }
      this.#host.onAccepted(fd, this.#sockets.acceptedPeer());
      if (this.#table.kind[listener] !== KIND.LISTENER) return;
    }
  }

  /** Goes on accepting once the rest is over. */
  wake(nowMs: number): void {
    if (this.restingUntilMs > nowMs) return;
    this.restingUntilMs = Infinity;
    for (const fd of this.#listeners) this.#watch(fd);
  }

  /** Forgets all listeners; returns them, for their descriptors to be closed. */
  takeAll(): readonly number[] {
    const all = [...this.#listeners];
    this.#listeners.clear();
    this.restingUntilMs = Infinity;
    return all;
  }

  #rest(): void {
    for (const fd of this.#listeners) this.#events.remove(fd);
    this.restingUntilMs = this.#clock.nowMs() + ACCEPT_REST_MS;
    this.#host.onAcceptLimit();
  }

  #watch(fd: number): void {
    this.#events.addLevel(fd, this.#table.generation[fd]!);
  }
}
