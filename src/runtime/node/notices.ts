// Owns what the core is told and when: in order, never while a call into the engine is on the stack, no bytes while it
// paused, nothing after the end. Knows no socket; the engines on the runtimes' own sockets share it.
import { setImmediate } from "node:timers";
import type { ConnectFailure, ConnectionId, EngineHandler } from "../runtime.ts";

/** What there is to tell of one connection. Its fields are plain, for the data path. */
export class NoticeState {
  readonly id: ConnectionId;
  /** The core knows the id: it has neither closed it nor been told of its end. */
  isKnown = true;
  /** The core wants no `onData` and no `onEnd`. */
  isPaused = false;
  // What is yet to be told, in this order.
  untoldFailure: ConnectFailure | undefined;
  isConnectUntold = false;
  untoldBytes: Uint8Array[] | undefined;
  isEndUntold = false;
  isDrainUntold = false;
  untoldClose: "over" | "reset" | undefined;
  /** It waits in the list of those that have something to tell. */
  isDeferred = false;

  constructor(id: ConnectionId) {
    this.id = id;
  }
}

/** What the notices ask of their engine. */
export interface NoticeHost<State extends NoticeState> {
  /** The core has been told that it is connected: what was written before may go. */
  onConnectTold(connection: State): void;
  /** The core knows the id no more. */
  forget(connection: State): void;
  /** The core has been told of the end and has returned: the id may be used again. */
  release(id: ConnectionId): void;
}

/** The way of events to the core. */
export class Notices<State extends NoticeState> {
  /** How many of the engine's calls into its runtime are on the stack; the engine counts. What comes meanwhile is told later. */
  depth = 0;
  readonly #handler: EngineHandler;
  readonly #host: NoticeHost<State>;
  #deferred: State[] = [];
  #isLimitUntold = false;
  #isScheduled = false;

  constructor(handler: EngineHandler, host: NoticeHost<State>) {
    this.#handler = handler;
    this.#host = host;
  }

  connected(connection: State): void {
    connection.isConnectUntold = true;
    this.#tellSoon(connection);
  }

  failed(connection: State, failure: ConnectFailure): void {
    connection.untoldFailure = failure;
    this.#tellSoon(connection);
  }

  /** Keeps the bytes if they can't be told at once. */
  data(connection: State, bytes: Uint8Array): void {
    if (this.depth === 0 && !connection.isPaused && !connection.isDeferred && connection.untoldBytes === undefined) {
      return this.#handler.onData(connection.id, bytes);
    }
    if (connection.untoldBytes === undefined) connection.untoldBytes = [bytes];
    else connection.untoldBytes.push(bytes);
    if (!connection.isPaused) this.#tellLater(connection);
  }

  ended(connection: State): void {
    connection.isEndUntold = true;
    this.#tellSoon(connection);
  }

  drained(connection: State): void {
    connection.isDrainUntold = true;
    this.#tellSoon(connection);
  }

  closed(connection: State, isReset: boolean): void {
    connection.untoldClose = isReset ? "reset" : "over";
    if (isReset) connection.isDrainUntold = false;
    this.#tellSoon(connection);
  }

  /** The core wants bytes again: tells later what was kept. */
  resumed(connection: State): void {
    if (connection.untoldBytes !== undefined || connection.isEndUntold) this.#tellLater(connection);
  }

  limit(): void {
    this.#isLimitUntold = true;
    if (this.depth > 0) this.#schedule();
    else this.#tellLimit();
  }

  #tellSoon(connection: State): void {
    if (this.depth > 0 || connection.isDeferred) this.#tellLater(connection);
    else this.#tell(connection);
  }

  #tellLater(connection: State): void {
    if (connection.isDeferred) return;
    connection.isDeferred = true;
    this.#deferred.push(connection);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Not a microtask: Bun may run those while a call into it is on the stack.
    setImmediate(this.#tellDeferred);
  }

  readonly #tellDeferred = (): void => {
    this.#isScheduled = false;
    if (this.#isLimitUntold) this.#tellLimit();
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const connection of deferred) {
      connection.isDeferred = false;
      try {
        this.#tell(connection);
      } catch (error) {
        reportError(error); // A defect of the program, which must not take the others' events with it.
      }
    }
  };

  #tellLimit(): void {
    this.#isLimitUntold = false;
    this.#handler.onAcceptLimit();
  }

  /** Tells what may be told now, in order. Each call may change everything: it may close, pause, write. */
  #tell(connection: State): void {
    const { id } = connection;
    if (connection.isKnown && connection.untoldFailure !== undefined) {
      this.#host.forget(connection);
      this.#handler.onConnectFail(id, connection.untoldFailure);
      return this.#host.release(id);
    }
    if (connection.isKnown && connection.isConnectUntold) {
      connection.isConnectUntold = false;
      this.#handler.onConnect(id);
      if (connection.isKnown) this.#host.onConnectTold(connection);
    }
    if (connection.isKnown && connection.untoldClose === "reset") return this.#tellClose(connection);
    while (connection.isKnown && !connection.isPaused && connection.untoldBytes !== undefined) {
      const bytes = connection.untoldBytes.shift();
      if (bytes === undefined) connection.untoldBytes = undefined;
      else this.#handler.onData(id, bytes);
    }
    if (connection.isKnown && !connection.isPaused && connection.isEndUntold) {
      connection.isEndUntold = false;
      this.#handler.onEnd(id);
    }
    if (connection.isKnown && connection.isDrainUntold) {
      connection.isDrainUntold = false;
      this.#handler.onDrain(id);
    }
    const isAllTold = connection.untoldBytes === undefined && !connection.isEndUntold;
    if (connection.isKnown && connection.untoldClose !== undefined && isAllTold) this.#tellClose(connection);
  }

  #tellClose(connection: State): void {
    this.#host.forget(connection);
    this.#handler.onClose(connection.id, connection.untoldClose === "reset");
    this.#host.release(connection.id);
  }
}
