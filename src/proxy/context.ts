// Owns what the stages of the pipeline share: one record instead of many parameters. Decides nothing.
import type { IpAddress } from "../address/ip_address.ts";
import type { Answer } from "../dns/answer.ts";
import type { ChunkedWriter } from "../http1/chunked_writer.ts";
import type { HeadWriter } from "../http1/head_writer.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { TrafficCounters } from "../observe/traffic_counters.ts";
import type { PolicyStore } from "../policy/store.ts";
import type { Clock, ConnectFailure, ConnectionId, Engine } from "../runtime/runtime.ts";
import type { Outbox } from "./outbox.ts";
import type { Revoked } from "./revocation.ts";
import type { ProxySettings } from "./settings.ts";
import type { SharedTargets } from "./shared_targets.ts";
import type { TimerHeap } from "./timers.ts";

/** Who takes the events of one connection. */
export interface Endpoint {
  onConnect(id: ConnectionId): void;
  onConnectFail(id: ConnectionId, failure: ConnectFailure): void;
  onData(id: ConnectionId, bytes: Uint8Array): void;
  onEnd(id: ConnectionId): void;
  onDrain(id: ConnectionId): void;
  onClose(id: ConnectionId, reset: boolean): void;
  /** The engine has moved so many octets of a body from the connection, all that were asked for or all that came. */
  onMoveEnd?(id: ConnectionId, movedBytes: number): void;
  /** Of a tunnel alone: the engine's relay is over. */
  onJoinEnd?(broken: ConnectionId | undefined): void;
}

/** Who holds a client connection: a session, or the tunnel that it became. */
export interface ConnectionHolder {
  readonly clientAddress: IpAddress;
  /** Counts what it has done so far, where that would else be counted at its end alone. */
  countSoFar(): void;
  /** Closes the connection if nothing is under way on it. */
  closeIfIdle(): void;
  /** Ends it at once, whatever it does. Returns what was cut off. */
  cut(why: string): "requests" | "tunnels" | undefined;
  /** Ends what the rules in force no longer allow, a request that is under way only where `requestsToo`; says what it was. */
  enforcePolicy(requestsToo: boolean): Revoked | undefined;
}

/** Who waits for a name. */
export interface LookupWaiter {
  /** The answer to its one pending look-up. */
  onAnswer(answer: Answer): void;
}

/** The server as its sessions see it. */
export interface ProxyContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly policy: PolicyStore;
  readonly settings: ProxySettings;
  readonly instance: string;
  /** The line of this proxy's Via. */
  readonly viaLine: Uint8Array;
  readonly counters: TrafficCounters;
  readonly timers: TimerHeap;
  readonly outbox: Outbox;
  readonly sharedTargets: SharedTargets;
  /** For the heads that the proxy sends; its bytes are valid until its next `begin`. */
  readonly headWriter: HeadWriter;
  /** For body parts in chunks; its bytes are valid until its next call. */
  readonly chunkedWriter: ChunkedWriter;
  /** Set once when the end is near: every answer says `Connection: close` from then on. */
  readonly draining: boolean;
  /** Routes a connection's events to an endpoint, in place of any other. */
  attach(id: ConnectionId, endpoint: Endpoint): void;
  /** Makes a tunnel the holder of a client connection, in place of its session. */
  handOver(clientId: ConnectionId, tunnel: ConnectionHolder): void;
  /** Closes, resets: the id is dead for the pipeline too. */
  close(id: ConnectionId): void;
  reset(id: ConnectionId): void;
  /** Resolves a name: at once, or later by `waiter.onAnswer`. A waiter has one look-up at a time. */
  lookup(name: string, waiter: LookupWaiter): Answer | undefined;
  forgetLookup(waiter: LookupWaiter): void;
  /** Whether address and port are a listener of this proxy, on any of this machine's addresses. */
  isOwnListener(address: IpAddress, port: number): boolean;
  /** Takes an ended exchange for the access log and the metrics, with how many of its octets are in the counts already. */
  record(exchange: Exchange, countedFromClient?: number, countedToClient?: number): void;
  /** A session or its tunnel has ended; it is forgotten. */
  forget(clientId: ConnectionId): void;
}
