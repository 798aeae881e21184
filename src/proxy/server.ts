// Owns the proxy as a whole: its engine, its sessions, its limits and its end. Routes every engine event to who waits for it.
import type { IpAddress } from "../address/ip_address.ts";
import { specialRangeOf } from "../address/special_range.ts";
import type { Answer, NameResolver } from "../dns/answer.ts";
import { ProxyError } from "../errors.ts";
import { ChunkedWriter } from "../http1/chunked_writer.ts";
import { formatFieldLine, HeadWriter } from "../http1/head_writer.ts";
import type { Exchange } from "../observe/exchange.ts";
import { TrafficCounters } from "../observe/traffic_counters.ts";
import type { PolicyStore } from "../policy/store.ts";
import type {
  Clock,
  ConnectFailure,
  ConnectionId,
  CreateEngine,
  Engine,
  EngineHandler,
  SocketAddress,
} from "../runtime/runtime.ts";
import type { ConnectionHolder, Endpoint, LookupWaiter, ProxyContext } from "./context.ts";
import { ConnectionBudget, makeBudgetMemory, type NoPlace } from "./connection_budget.ts";
import { formatVia, makeInstance } from "./instance.ts";
import { EventClock } from "./event_clock.ts";
import { Outbox } from "./outbox.ts";
import { formatRefusal } from "./refusal.ts";
import { Revocation, type RevokedCounts } from "./revocation.ts";
import { Session } from "./session.ts";
import type { ProxySettings } from "./settings.ts";
import { SharedTargets } from "./shared_targets.ts";
import { type Timer, TimerHeap } from "./timers.ts";

/** How many connections over the limit are answered and recorded with all care at once; further ones are told and closed, to keep descriptors. */
const MAX_REFUSED_AT_ONCE = 64;

/** What a proxy is made of. */
export interface ProxyParts {
  readonly createEngine: CreateEngine;
  readonly clock: Clock;
  readonly policy: PolicyStore;
  readonly settings: ProxySettings;
  /** The word by which this running proxy knows its own Via; made here where none is given. */
  readonly instance?: string;
  /** Places for client connections, those of `settings` where none is given. */
  readonly budget?: ConnectionBudget;
  /** Takes each ended exchange. */
  readonly record: (exchange: Exchange) => void;
  /** Where it counts what it does; of no use to anyone where none is given. */
  readonly counters?: TrafficCounters;
  /** The admin endpoint's listener: nobody may get there through the proxy. */
  readonly adminListener?: SocketAddress | undefined;
  /** Reads this machine's addresses afresh, to know its own listeners. */
  readonly localAddresses: () => readonly IpAddress[];
  /** Told when connections cannot be accepted for want of file descriptors. */
  readonly onAcceptLimit?: () => void;
  /** Told how much was closed because other rules deny it. */
  readonly onRevoked?: (counts: RevokedCounts) => void;
}

/** What was cut off. */
export interface CutCounts {
  readonly requests: number;
  readonly tunnels: number;
}

/** The proxy: listens, holds the sessions, drains. */
export class ProxyServer implements EngineHandler, ProxyContext {
  readonly engine: Engine;
  readonly clock: EventClock;
  readonly policy: PolicyStore;
  readonly settings: ProxySettings;
  readonly instance: string;
  readonly viaLine: Uint8Array;
  readonly counters: TrafficCounters;
  readonly timers: TimerHeap = new TimerHeap();
  readonly outbox: Outbox;
  readonly sharedTargets: SharedTargets = new SharedTargets();
  readonly headWriter: HeadWriter = new HeadWriter();
  readonly chunkedWriter: ChunkedWriter = new ChunkedWriter();
  draining = false;

  readonly #parts: ProxyParts;
  readonly #endpoints: (Endpoint | undefined)[] = [];
  /** Who holds each client connection, by its id. */
  readonly #holders = new Map<ConnectionId, ConnectionHolder>();
  readonly #listeners: SocketAddress[] = [];
  readonly #waiters = new Map<number, LookupWaiter>();
  readonly #tokens = new Map<LookupWaiter, number>();
  readonly #budget: ConnectionBudget;
  readonly #revocation: Revocation;
  #resolver: NameResolver | undefined;
  #lastToken = 0;
  #refusedOpen = 0;
  #wakeMs = Infinity;
  #onEmpty: (() => void) | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    this.clock = new EventClock(parts.clock);
    this.policy = parts.policy;
    this.settings = parts.settings;
    this.instance = parts.instance ?? makeInstance();
    this.viaLine = formatFieldLine("Via", formatVia(this.instance));
    this.counters = parts.counters ?? new TrafficCounters();
    if (parts.adminListener !== undefined) this.#listeners.push(parts.adminListener);
    this.#budget = parts.budget ?? new ConnectionBudget(makeBudgetMemory(parts.settings), parts.settings);
    this.#revocation = new Revocation(
      () => this.#holders.values(),
      this.timers,
      parts.clock,
      (counts) => parts.onRevoked?.(counts),
    );
    this.engine = parts.createEngine(this);
    this.outbox = new Outbox(this.engine);
  }

  /** The resolver in use; to be set before `listen`. Its answers come to `onAnswer`. */
  set resolver(resolver: NameResolver) {
    this.#resolver = resolver;
  }

  /** Client connections that are open now, those being refused included. */
  get openConnections(): number {
    return this.#holders.size;
  }

  /** Starts listening on an address (undefined: every one); returns the actual address. Throws CommandFailure. */
  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    const listener = await this.engine.listen(address, port);
    this.#listeners.push(listener);
    return listener;
  }

  /** Brings the counts up to date with what is under way. */
  countSoFar(): void {
    for (const holder of this.#holders.values()) holder.countSoFar();
  }

  /** Stops accepting and ends what is idle; what is under way goes on. */
  stopAccepting(): void {
    this.draining = true;
    this.engine.stopListening();
    for (const holder of [...this.#holders.values()]) holder.closeIfIdle();
    this.#afterEvent();
  }

  /** Calls `onEmpty` once, when no connection is left: at once where none is. */
  onEmpty(onEmpty: () => void): void {
    if (this.#holders.size === 0) onEmpty();
    else this.#onEmpty = onEmpty;
  }

  /** Cuts every connection; returns what was in the middle of something. */
  cut(): CutCounts {
    const counts = { requests: 0, tunnels: 0 };
    for (const holder of [...this.#holders.values()]) {
      const what = holder.cut("cut at shutdown");
      if (what !== undefined) counts[what]++;
    }
    this.#afterEvent();
    return counts;
  }

  /** Ends tunnels and kept-alive connections that the rules in force no longer allow, later also requests under way. */
  enforcePolicy(): void {
    this.counters.resetDecisions();
    this.#revocation.begin();
    this.#afterEvent();
  }

  /** Sets a timer from outside of an event of the engine. */
  schedule(timer: Timer, atMs: number): void {
    this.timers.set(timer, atMs);
    this.#afterEvent();
  }

  /** Takes the resolver's late answers. */
  onAnswer(token: number, answer: Answer): void {
    const waiter = this.#waiters.get(token);
    if (waiter === undefined) return;
    this.#forgetToken(token, waiter);
    waiter.onAnswer(answer);
    this.#afterEvent();
  }

  // ── engine events ──

  onAccept(id: ConnectionId, client: SocketAddress): void {
    const noPlace = this.#budget.take(client.address);
    const over = noPlace !== undefined;
    this.counters.add(over ? "connectionsRefused" : "connectionsOpened");
    if (over && this.#refusedOpen >= MAX_REFUSED_AT_ONCE) return this.#turnAway(id, noPlace, client);
    const session = new Session(this, id, client, over);
    this.#holders.set(id, session);
    if (over) {
      this.#refusedOpen++;
      session.refuseAtOnce(new ProxyError("connection_limit_reached", this.#explainNoPlace(noPlace, client)));
    }
    this.#afterEvent();
  }

  onConnect(id: ConnectionId): void {
    this.counters.countDial("connected");
    this.#endpoints[id]?.onConnect(id);
    this.#afterEvent();
  }

  onConnectFail(id: ConnectionId, failure: ConnectFailure): void {
    this.counters.countDial(failure);
    const endpoint = this.#detach(id);
    endpoint?.onConnectFail(id, failure);
    this.#afterEvent();
  }

  onData(id: ConnectionId, bytes: Uint8Array): void {
    this.#endpoints[id]?.onData(id, bytes);
    this.#afterEvent();
  }

  onEnd(id: ConnectionId): void {
    this.#endpoints[id]?.onEnd(id);
    this.#afterEvent();
  }

  onDrain(id: ConnectionId): void {
    this.#endpoints[id]?.onDrain(id);
    this.#afterEvent();
  }

  onClose(id: ConnectionId, reset: boolean): void {
    const endpoint = this.#detach(id);
    endpoint?.onClose(id, reset);
    this.#afterEvent();
  }

  onJoinEnd(one: ConnectionId, other: ConnectionId, broken: ConnectionId | undefined): void {
    const endpoint = this.#detach(one);
    this.#detach(other);
    endpoint?.onJoinEnd?.(broken);
    this.#afterEvent();
  }

  onMoveEnd(from: ConnectionId, movedBytes: number): void {
    this.#endpoints[from]?.onMoveEnd?.(from, movedBytes);
    this.#afterEvent();
  }

  onWake(nowMs: number): void {
    this.#wakeMs = Infinity;
    this.timers.expire(nowMs);
    this.#afterEvent();
  }

  onAcceptLimit(): void {
    this.counters.add("acceptLimits");
    this.#parts.onAcceptLimit?.();
  }

  // ── what the sessions ask for ──

  attach(id: ConnectionId, endpoint: Endpoint): void {
    this.#endpoints[id] = endpoint;
  }

  handOver(clientId: ConnectionId, tunnel: ConnectionHolder): void {
    this.#holders.set(clientId, tunnel);
  }

  close(id: ConnectionId): void {
    this.#endpoints[id] = undefined;
    this.engine.close(id);
  }

  reset(id: ConnectionId): void {
    this.#endpoints[id] = undefined;
    this.engine.reset(id);
  }

  lookup(name: string, waiter: LookupWaiter): Answer | undefined {
    if (this.#resolver === undefined) return { kind: "none", reason: "no resolver" };
    const token = ++this.#lastToken;
    const answer = this.#resolver.lookup(name, token);
    if (answer === undefined) {
      this.#waiters.set(token, waiter);
      this.#tokens.set(waiter, token);
    }
    return answer;
  }

  forgetLookup(waiter: LookupWaiter): void {
    const token = this.#tokens.get(waiter);
    if (token === undefined) return;
    this.#forgetToken(token, waiter);
    this.#resolver?.forget(token);
  }

  isOwnListener(address: IpAddress, port: number): boolean {
    if (!this.#listeners.some((listener) => listener.port === port)) return false;
    const range = specialRangeOf(address);
    if (range === "loopback" || range === "unspecified") return true;
    return this.#parts.localAddresses().some((own) => own.equals(address));
  }

  record(exchange: Exchange, countedFromClient = 0, countedToClient = 0): void {
    this.counters.countExchange(exchange, countedFromClient, countedToClient);
    this.#parts.record(exchange);
  }

  forget(id: ConnectionId): void {
    const holder = this.#holders.get(id);
    if (holder === undefined) return;
    this.#holders.delete(id);
    if (holder instanceof Session && holder.overLimit) this.#refusedOpen--;
    else {
      this.#budget.give(holder.clientAddress);
      this.counters.add("connectionsClosed");
    }
    if (this.#holders.size > 0) return;
    const onEmpty = this.#onEmpty;
    this.#onEmpty = undefined;
    onEmpty?.();
  }

  /** Hands over the answer and closes at once: a client that reads before it writes has it, and no descriptor is held. */
  #turnAway(id: ConnectionId, noPlace: NoPlace, client: SocketAddress): void {
    const error = new ProxyError("connection_limit_reached", this.#explainNoPlace(noPlace, client));
    const options = { close: true, minorVersion: 1, head: false, epochMs: this.clock.epochMs() } as const;
    this.engine.write(id, formatRefusal(error, options));
    this.engine.close(id);
  }

  #explainNoPlace(noPlace: NoPlace, client: SocketAddress): string {
    if (noPlace === "all") return `${this.settings.maxConnections} client connections are open already`;
    const whose = client.address.family === 4 ? client.address.text : `the /64 network of ${client.address.text}`;
    return `${this.settings.maxConnectionsPerClient} connections of ${whose} are open already`;
  }

  #detach(id: ConnectionId): Endpoint | undefined {
    const endpoint = this.#endpoints[id];
    this.#endpoints[id] = undefined;
    return endpoint;
  }

  #forgetToken(token: number, waiter: LookupWaiter): void {
    this.#waiters.delete(token);
    this.#tokens.delete(waiter);
  }

  /** Ends every engine event: what was gathered goes out, and the next deadline is asked for. */
  #afterEvent(): void {
    this.outbox.flush();
    this.clock.next();
    const nextMs = this.timers.nextMs;
    if (nextMs >= this.#wakeMs) return;
    this.#wakeMs = nextMs;
    this.engine.wakeAt(nextMs);
  }
}
