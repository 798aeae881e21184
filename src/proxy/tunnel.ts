// Owns an established tunnel: octets both ways, each direction ending by itself, resets passed on, memory bounded, its
// record at its end. Knows nothing of HTTP: the session that it comes from is gone by then.
import type { Target } from "../address/target.ts";
import type { IpAddress } from "../address/ip_address.ts";
import { ProxyError } from "../errors.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { explainRevoked } from "./admit.ts";
import type { ConnectionHolder, Endpoint, ProxyContext } from "./context.ts";
import type { Revoked } from "./revocation.ts";
import { Timer } from "./timers.ts";

/** The two sides, as bits. */
const CLIENT = 1;
const UPSTREAM = 2;
const BOTH = CLIENT | UPSTREAM;

/**
 * A relay between two connections. The source of a direction is paused while the other side's queue holds something, so
 * at most one read is buffered a direction. FIN is passed on per direction (RFC 9110 §9.3.6), a reset as a reset.
 *
 * Thousands of silent tunnels are to cost little: nothing of the session stays, and what is equal in many is shared.
 */
export class Tunnel extends Timer implements Endpoint, ConnectionHolder {
  readonly client: ConnectionId;
  readonly upstream: ConnectionId;
  readonly #context: ProxyContext;
  readonly #target: Target;
  readonly #exchange: Exchange;
  /** The sides whose peer has sent FIN. */
  #ended = 0;
  /** The sides whose id is dead. */
  #gone = 0;
  /** The engine moves the octets, and counts them. */
  #isJoined = false;
  #over = false;
  /** What of its octets is in the counts already. */
  #countedFromClient = 0;
  #countedToClient = 0;

  /** Takes over both connections, with the record of the request that asked for it. */
  constructor(context: ProxyContext, client: ConnectionId, upstream: ConnectionId, target: Target, exchange: Exchange) {
    super();
    this.#context = context;
    this.client = client;
    this.upstream = upstream;
    this.#target = context.sharedTargets.share(target);
    this.#exchange = exchange;
    exchange.tunnel = true;
    // From here on the payload alone is counted.
    exchange.bytesFromClient = exchange.bytesToClient = 0;
    exchange.host = this.#target.host.kind === "name" ? this.#target.host.name : this.#target.host.address.text;
    if (exchange.upstream !== undefined) exchange.upstream = context.sharedTargets.shareAddress(exchange.upstream);
    context.attach(client, this);
    context.attach(upstream, this);
    context.handOver(client, this);
    this.#touch();
  }

  get clientAddress(): IpAddress {
    return this.#exchange.client.address;
  }

  /**
   * Begins: first what each side sent before the tunnel was up, then what comes. `clientEnded`: the client's FIN was
   * among it. Relayed by the engine itself where it can.
   */
  start(fromClient: Uint8Array, fromUpstream: Uint8Array, clientEnded: boolean): void {
    const { engine } = this.#context;
    if (fromClient.length > 0) this.onData(this.client, fromClient);
    if (fromUpstream.length > 0) this.onData(this.upstream, fromUpstream);
    if (engine.join !== undefined) {
      this.#isJoined = true;
      engine.join(this.client, this.upstream);
    } else if (clientEnded) {
      this.onEnd(this.client);
    }
  }

  /** The engine's relay is over, and both connections with it. */
  onJoinEnd(broken: ConnectionId | undefined): void {
    this.#gone = BOTH;
    if (broken === undefined) this.#finish("ended", "close");
    else this.#finish(describeReset(broken === this.client), "reset");
  }

  onData(id: ConnectionId, bytes: Uint8Array): void {
    const fromClient = id === this.client;
    if (fromClient) this.#exchange.bytesFromClient += bytes.length;
    else this.#exchange.bytesToClient += bytes.length;
    this.#touch();
    const { engine } = this.#context;
    if (!engine.write(fromClient ? this.upstream : this.client, bytes)) engine.pause(id);
  }

  onDrain(id: ConnectionId): void {
    this.#touch();
    const peer = this.#peerOf(id);
    if (!this.#isGone(peer)) this.#context.engine.resume(peer);
    this.#finishWhenFlushed();
  }

  onEnd(id: ConnectionId): void {
    this.#touch();
    this.#endSide(id);
    this.#finishWhenFlushed();
  }

  onClose(id: ConnectionId, reset: boolean): void {
    this.#gone |= this.#sideOf(id);
    if (reset) return this.#finish(describeReset(id === this.client), "reset");
    // Nothing more comes from it and nothing can go to it; what is queued for the other side still has to get there.
    this.#endSide(id);
    this.#ended = BOTH;
    this.#finishWhenFlushed();
  }

  onConnect(): void {}
  onConnectFail(): void {}

  override onTimer(nowMs: number): void {
    const dueMs = this.#joinActiveMs() + this.#context.settings.idleTimeoutMs;
    if (dueMs > nowMs) this.#context.timers.set(this, dueMs);
    else this.#finish("idle for too long", this.#isUndelivered() ? "reset" : "close");
  }

  /** Counts what it has relayed since it was last counted: a tunnel may last for days. */
  countSoFar(): void {
    const { counters } = this.#context;
    const fromClient = this.#relayedBytes(this.client);
    const toClient = this.#relayedBytes(this.upstream);
    counters.add("bytesFromClient", fromClient - this.#countedFromClient);
    counters.add("bytesToClient", toClient - this.#countedToClient);
    this.#countedFromClient = fromClient;
    this.#countedToClient = toClient;
  }

  /** A tunnel is never idle between requests. */
  closeIfIdle(): void {}

  /** Cuts both sides at once. Returns what was cut off. */
  cut(why: string): "tunnels" {
    this.#finish(why, "reset");
    return "tunnels";
  }

  /** Cuts it where the rules in force no longer allow it. */
  enforcePolicy(): Revoked | undefined {
    const address = this.#exchange.upstream?.address;
    const why = address === undefined ? undefined : explainRevoked(this.#context, this.#target, address);
    if (why === undefined) return undefined;
    const error = new ProxyError("http_request_denied", `closed by new rules: ${why}`);
    this.#exchange.error = error.code;
    this.cut(error.message);
    return "tunnels";
  }

  /** Octets that came from a side, by the core and by the engine. */
  #relayedBytes(id: ConnectionId): number {
    const exchange = this.#exchange;
    const own = id === this.client ? exchange.bytesFromClient : exchange.bytesToClient;
    return own + (this.#isJoined ? this.#context.engine.joinedBytes?.(id) ?? 0 : 0);
  }

  #joinActiveMs(): number {
    const { engine } = this.#context;
    if (!this.#isJoined || engine.joinActiveMs === undefined) return -Infinity;
    return Math.max(engine.joinActiveMs(this.client), engine.joinActiveMs(this.upstream));
  }

  #peerOf(id: ConnectionId): ConnectionId {
    return id === this.client ? this.upstream : this.client;
  }

  #touch(): void {
    const { idleTimeoutMs } = this.#context.settings;
    if (idleTimeoutMs > 0) this.#context.timers.set(this, this.#context.clock.nowMs() + idleTimeoutMs);
  }

  #sideOf(id: ConnectionId): number {
    return id === this.client ? CLIENT : UPSTREAM;
  }

  #isGone(id: ConnectionId): boolean {
    return (this.#gone & this.#sideOf(id)) !== 0;
  }

  #endSide(id: ConnectionId): void {
    const side = this.#sideOf(id);
    const peer = this.#peerOf(id);
    if ((this.#ended & side) === 0 && !this.#isGone(peer)) this.#context.engine.closeWrite(peer);
    this.#ended |= side;
  }

  #finishWhenFlushed(): void {
    if (this.#ended === BOTH && !this.#isUndelivered()) this.#finish("ended", "close");
  }

  /** Whether a side has not taken all that came for it: a FIN behind a part of it would make that look whole. */
  #isUndelivered(): boolean {
    const { engine } = this.#context;
    return [this.client, this.upstream].some((id) => !this.#isGone(id) && engine.queuedBytes(id) > 0);
  }

  #finish(why: string, how: "close" | "reset"): void {
    if (this.#over) return;
    this.#over = true;
    const context = this.#context;
    context.timers.remove(this);
    const exchange = this.#exchange;
    exchange.bytesFromClient = this.#relayedBytes(this.client);
    exchange.bytesToClient = this.#relayedBytes(this.upstream);
    for (const id of [this.client, this.upstream]) {
      if (this.#isGone(id)) continue;
      if (how === "reset") context.reset(id);
      else context.close(id);
    }
    if (why !== "ended") exchange.details = why;
    exchange.endMs = context.clock.nowMs();
    context.record(exchange, this.#countedFromClient, this.#countedToClient);
    context.forget(this.client);
  }
}

function describeReset(byClient: boolean): string {
  return `reset by the ${byClient ? "client" : "upstream"}`;
}
