// Owns how a contract case sees an engine: every call and event passes through here, is recorded, and is held against the
// rules that are the same in all cases. Knows no case.
import type { IpAddress } from "../../src/address/ip_address.ts";
import type { ConnectFailure, ConnectionId, CreateEngine, Engine, EngineHandler } from "../../src/runtime/runtime.ts";
import type { SocketAddress } from "../../src/runtime/runtime.ts";

/** How long anything is waited for. */
export const DEADLINE_MS = 8_000;

/** One event, as the handler got it. */
export interface EngineEvent {
  readonly kind: "accept" | "connect" | "fail" | "data" | "end" | "drain" | "close" | "wake" | "limit" | "moved";
  readonly id: ConnectionId;
  readonly failure?: ConnectFailure;
  readonly isReset?: boolean;
  readonly client?: SocketAddress;
  readonly nowMs?: number;
  readonly movedBytes?: number;
}

/** What the rules need to know of a live id. */
interface Live {
  isPaused: boolean;
  hasEnded: boolean;
  owesDrain: boolean;
  isConnecting: boolean;
  /** Where its octets are moved by the engine itself. */
  movesTo: ConnectionId | undefined;
}

interface Waiter {
  readonly isWanted: (event: EngineEvent) => boolean;
  readonly resolve: (event: EngineEvent) => void;
}

/** An engine under watch. A broken rule is thrown by the next `take`, `until` or `finish`. */
export class EngineWatch implements Engine {
  readonly #engine: Engine;
  readonly events: EngineEvent[] = [];
  /** Set by a case that wants to act inside an event; called after the event is recorded. */
  onEvent: ((event: EngineEvent, bytes?: Uint8Array) => void) | undefined;
  #taken = new Set<EngineEvent>();
  #waiters = new Set<Waiter>();
  #received = new Map<ConnectionId, Uint8Array[]>();
  #live = new Map<ConnectionId, Live>();
  #broken: string[] = [];
  #callsOnStack = 0;
  #eventsOnStack = 0;

  constructor(createEngine: CreateEngine) {
    this.#engine = createEngine(this.#handler());
  }

  get name(): Engine["name"] {
    return this.#engine.name;
  }

  /** The first event of this kind (and id) that was not taken yet, now or within the deadline. */
  async take(kind: EngineEvent["kind"], id?: ConnectionId): Promise<EngineEvent> {
    const isWanted = (event: EngineEvent) =>
      event.kind === kind && (id === undefined || event.id === id) && !this.#taken.has(event);
    const found = this.events.find(isWanted) ?? await this.#wait(isWanted, `${kind} of ${id ?? "any id"}`);
    this.#taken.add(found);
    this.#throwIfBroken();
    return found;
  }

  /** Resolves once the condition, asked after every event, holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    if (!condition()) await this.#wait(condition, what);
    this.#throwIfBroken();
  }

  count(kind: EngineEvent["kind"], id: ConnectionId): number {
    return this.events.filter((event) => event.kind === kind && event.id === id).length;
  }

  /** The bytes that came on an id, in one piece. */
  received(id: ConnectionId): Uint8Array {
    const parts = this.#received.get(id) ?? [];
    const all = new Uint8Array(this.receivedCount(id));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  receivedCount(id: ConnectionId): number {
    return (this.#received.get(id) ?? []).reduce((sum, part) => sum + part.length, 0);
  }

  /** Ends everything that is left and throws if a rule was broken. */
  finish(): void {
    this.stopListening();
    for (const id of [...this.#live.keys()]) this.reset(id);
    this.#throwIfBroken();
  }

  // The engine, call by call.

  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return await this.#call(() => this.#engine.listen(address, port));
  }

  stopListening(): void {
    this.#call(() => this.#engine.stopListening());
  }

  connect(address: IpAddress, port: number): ConnectionId {
    const id = this.#call(() => this.#engine.connect(address, port));
    this.#begin(id, true);
    return id;
  }

  write(id: ConnectionId, bytes: Uint8Array): boolean {
    const isTaken = this.#call(() => this.#engine.write(id, bytes));
    const live = this.#live.get(id);
    if (live === undefined && !isTaken) this.#broken.push(`write() on dead id ${id} is false`);
    if (live !== undefined && !isTaken) live.owesDrain = true;
    return isTaken;
  }

  closeWrite(id: ConnectionId): void {
    this.#call(() => this.#engine.closeWrite(id));
  }

  close(id: ConnectionId): void {
    this.#live.delete(id);
    this.#stopMovesTo(id);
    this.#call(() => this.#engine.close(id));
  }

  reset(id: ConnectionId): void {
    this.#live.delete(id);
    this.#stopMovesTo(id);
    this.#call(() => this.#engine.reset(id));
  }

  pause(id: ConnectionId): void {
    const live = this.#live.get(id);
    if (live !== undefined) live.isPaused = true;
    this.#call(() => this.#engine.pause(id));
  }

  resume(id: ConnectionId): void {
    const live = this.#live.get(id);
    if (live !== undefined) live.isPaused = false;
    this.#call(() => this.#engine.resume(id));
  }

  queuedBytes(id: ConnectionId): number {
    return this.#call(() => this.#engine.queuedBytes(id));
  }

  move(from: ConnectionId, to: ConnectionId, countBytes: number): void {
    const live = this.#live.get(from);
    if (live !== undefined) live.movesTo = to;
    this.#call(() => this.#engine.move?.(from, to, countBytes));
  }

  readableBytes(id: ConnectionId): number {
    return this.#call(() => this.#engine.readableBytes?.(id) ?? -1);
  }

  joinedBytes(id: ConnectionId): number {
    return this.#call(() => this.#engine.joinedBytes?.(id) ?? -1);
  }

  localAddress(id: ConnectionId): SocketAddress | undefined {
    return this.#call(() => this.#engine.localAddress(id));
  }

  wakeAt(timeMs: number): void {
    this.#call(() => this.#engine.wakeAt(timeMs));
  }

  #call<Result>(call: () => Result): Result {
    this.#callsOnStack++;
    try {
      return call();
    } finally {
      this.#callsOnStack--;
    }
  }

  // The handler, event by event.

  #handler(): EngineHandler {
    return {
      onAccept: (id, client) => this.#record({ kind: "accept", id, client }),
      onConnect: (id) => this.#record({ kind: "connect", id }),
      onConnectFail: (id, failure) => this.#record({ kind: "fail", id, failure }),
      onData: (id, bytes) => this.#record({ kind: "data", id }, bytes),
      onEnd: (id) => this.#record({ kind: "end", id }),
      onMoveEnd: (id, movedBytes) => this.#record({ kind: "moved", id, movedBytes }),
      onDrain: (id) => this.#record({ kind: "drain", id }),
      onClose: (id, isReset) => this.#record({ kind: "close", id, isReset }),
      onWake: (nowMs) => this.#record({ kind: "wake", id: -1, nowMs }),
      onAcceptLimit: () => this.#record({ kind: "limit", id: -1 }),
    };
  }

  #record(event: EngineEvent, bytes?: Uint8Array): void {
    if (this.#callsOnStack > 0) this.#broken.push(`${event.kind} of ${event.id} came while a call was on the stack`);
    if (this.#eventsOnStack > 0) this.#broken.push(`${event.kind} of ${event.id} came during another event`);
    if (event.id >= 0) this.#check(event, bytes);
    this.events.push(event);
    if (bytes !== undefined) this.#keep(event.id, bytes.slice());
    this.#eventsOnStack++;
    try {
      this.onEvent?.(event, bytes);
    } finally {
      this.#eventsOnStack--;
    }
    bytes?.fill(0xee); // The view is the engine's: whoever keeps it sees that it is gone.
    for (const waiter of this.#waiters) {
      if (waiter.isWanted(event)) waiter.resolve(event);
    }
  }

  /** The rules of EngineHandler that hold in every case. */
  #check(event: EngineEvent, bytes: Uint8Array | undefined): void {
    const { kind, id } = event;
    if (kind === "accept") return this.#begin(id, false);
    const live = this.#live.get(id);
    if (live === undefined) {
      this.#broken.push(`${kind} of ${id}, which is not open`);
      return;
    }
    if (live.isConnecting !== (kind === "connect" || kind === "fail")) {
      this.#broken.push(`${kind} of ${id} ${live.isConnecting ? "before its connect" : "after its connect"}`);
    }
    if (live.isPaused && (kind === "data" || kind === "end")) this.#broken.push(`${kind} of ${id} while it is paused`);
    if (live.hasEnded && (kind === "data" || kind === "end")) this.#broken.push(`${kind} of ${id} after its end`);
    if (kind === "data" && (bytes === undefined || bytes.length === 0)) this.#broken.push(`empty data of ${id}`);
    if (kind === "drain" && !live.owesDrain) this.#broken.push(`drain of ${id} that nobody waits for`);
    if (kind === "close" && event.isReset === false && !live.hasEnded) {
      this.#broken.push(`close of ${id} in peace before its end`);
    }
    const isTarget = [...this.#live.values()].some(({ movesTo }) => movesTo === id);
    if (kind === "drain" && isTarget) this.#broken.push(`drain of ${id} while octets are moved to it`);
    if (kind === "moved" && live.movesTo === undefined) this.#broken.push(`moved of ${id}, which nobody moved`);
    if ((kind === "data" || kind === "end") && live.movesTo !== undefined) {
      this.#broken.push(`${kind} of ${id} while its octets are moved`);
    }
    if (kind === "moved") live.movesTo = undefined;
    if (kind === "close") this.#stopMovesTo(id);
    if (kind === "connect") live.isConnecting = false;
    if (kind === "end") live.hasEnded = true;
    if (kind === "drain") live.owesDrain = false;
    if (kind === "close" || kind === "fail") this.#live.delete(id);
  }

  /** A move ends with the connection that it leads to. */
  #stopMovesTo(id: ConnectionId): void {
    for (const live of this.#live.values()) if (live.movesTo === id) live.movesTo = undefined;
  }

  #begin(id: ConnectionId, isConnecting: boolean): void {
    if (this.#live.has(id)) this.#broken.push(`id ${id} given out while it is open`);
    if (!Number.isInteger(id) || id < 0) this.#broken.push(`id ${id} is no small integer`);
    this.#received.delete(id);
    this.#live.set(id, { isPaused: false, hasEnded: false, owesDrain: false, isConnecting, movesTo: undefined });
  }

  #keep(id: ConnectionId, bytes: Uint8Array): void {
    const parts = this.#received.get(id);
    if (parts === undefined) this.#received.set(id, [bytes]);
    else parts.push(bytes);
  }

  #wait(isWanted: (event: EngineEvent) => boolean, what: string): Promise<EngineEvent> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        isWanted,
        resolve: (event) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(event);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = this.events.slice(-20).map((event) => `${event.kind} ${event.id}`).join(", ");
        reject(new Error([`No ${what}; seen: ${seen}`, ...this.#broken].join("\n")));
      }, DEADLINE_MS);
      this.#waiters.add(waiter);
    });
  }

  #throwIfBroken(): void {
    if (this.#broken.length > 0) throw new Error(this.#broken.join("\n"));
  }
}
