// Owns the beginning of dials, those that fail at once included. Knows no handler.
import type { IpAddress } from "../../address/ip_address.ts";
import type { ConnectionId } from "../runtime.ts";
import { type ConnectionTable, KIND } from "./connection_table.ts";
import type { Deferred } from "./deferred.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Sockets } from "./sockets.ts";

/** Begins dials. */
export class Dials {
  readonly #sockets: Sockets;
  readonly #events: EventQueue;
  readonly #table: ConnectionTable;
  readonly #deferred: Deferred;
  readonly #onFail: (id: ConnectionId, errno: number) => void;
  /** Ids of dials for which no descriptor could be had are below -1, which is nobody. */
  #nextIdWithoutDescriptor = -2;

  /** `onFail` is called later, never within `begin`. */
  constructor(
    sockets: Sockets,
    events: EventQueue,
    table: ConnectionTable,
    deferred: Deferred,
    onFail: (id: ConnectionId, errno: number) => void,
  ) {
    this.#sockets = sockets;
    this.#events = events;
    this.#table = table;
    this.#deferred = deferred;
    this.#onFail = onFail;
  }

  /** Begins a dial; epoll tells how it goes. */
  begin(address: IpAddress, port: number): ConnectionId {
    const fd = this.#sockets.open(address);
    if (fd < 0) {
      const id = this.#nextIdWithoutDescriptor--;
      this.#deferred.add(() => this.#onFail(id, -fd));
      return id;
    }
    this.#table.open(fd, KIND.CONNECTING);
    const result = this.#sockets.connect(fd, address, port);
    if (result === 0) this.#events.add(fd, this.#table.generation[fd]!);
    else this.#deferred.addFor(fd, () => this.#onFail(fd, -result));
    return fd;
  }
}
