// Owns an established tunnel: octets both ways, each direction ending by itself, resets passed on, memory bounded.
// Knows nothing of HTTP; the session that made it hears only of its end.
import type { Endpoint, ProxyContext } from "./context.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { Timer } from "./timers.ts";

/** One end of a tunnel: `ended` once its peer has sent FIN, `gone` once its id is dead. */
interface Side {
  ended: boolean;
  gone: boolean;
}

/** Who made the tunnel. `onTunnelEnd` comes once; both connections are closed by then. */
export interface TunnelOwner {
  onTunnelEnd(tunnel: Tunnel, why: string): void;
}

/**
 * A relay between two connections. The source of a direction is paused while the other side's queue holds something, so
 * at most one read is buffered a direction. FIN is passed on per direction (RFC 9110 §9.3.6), a reset as a reset.
 */
export class Tunnel extends Timer implements Endpoint {
  readonly client: ConnectionId;
  readonly upstream: ConnectionId;
  bytesFromClient = 0;
  bytesToClient = 0;
  readonly #context: ProxyContext;
  readonly #owner: TunnelOwner;
  readonly #clientSide: Side = { ended: false, gone: false };
  readonly #upstreamSide: Side = { ended: false, gone: false };
  /** The engine moves the octets, and counts them. */
  #isJoined = false;
  #over = false;

  constructor(context: ProxyContext, owner: TunnelOwner, client: ConnectionId, upstream: ConnectionId) {
    super();
    this.#context = context;
    this.#owner = owner;
    this.client = client;
    this.upstream = upstream;
    context.attach(client, this);
    context.attach(upstream, this);
    this.#touch();
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
    this.#clientSide.gone = this.#upstreamSide.gone = true;
    if (broken === undefined) this.#finish("ended", "close");
    else this.#finish(describeReset(broken === this.client), "reset");
  }

  onData(id: ConnectionId, bytes: Uint8Array): void {
    const fromClient = id === this.client;
    if (fromClient) this.bytesFromClient += bytes.length;
    else this.bytesToClient += bytes.length;
    this.#touch();
    const { engine } = this.#context;
    if (!engine.write(fromClient ? this.upstream : this.client, bytes)) engine.pause(id);
  }

  onDrain(id: ConnectionId): void {
    this.#touch();
    const peer = this.#peerOf(id);
    if (!this.#sideOf(peer).gone) this.#context.engine.resume(peer);
    this.#finishWhenFlushed();
  }

  onEnd(id: ConnectionId): void {
    this.#touch();
    this.#endSide(id);
    this.#finishWhenFlushed();
  }

  onClose(id: ConnectionId, reset: boolean): void {
    this.#sideOf(id).gone = true;
    if (reset) return this.#finish(describeReset(id === this.client), "reset");
    // Nothing more comes from it and nothing can go to it; what is queued for the other side still has to get there.
    this.#endSide(id);
    this.#sideOf(this.#peerOf(id)).ended = true;
    this.#finishWhenFlushed();
  }

  onConnect(): void {}
  onConnectFail(): void {}

  override onTimer(nowMs: number): void {
    const dueMs = this.#joinActiveMs() + this.#context.settings.idleTimeoutMs;
    if (dueMs > nowMs) this.#context.timers.set(this, dueMs);
    else this.#finish("idle for too long", "close");
  }

  /** Cuts both sides at once. */
  cut(why: string): void {
    this.#finish(why, "reset");
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

  #sideOf(id: ConnectionId): Side {
    return id === this.client ? this.#clientSide : this.#upstreamSide;
  }

  #endSide(id: ConnectionId): void {
    const side = this.#sideOf(id);
    const peer = this.#peerOf(id);
    if (!side.ended && !this.#sideOf(peer).gone) this.#context.engine.closeWrite(peer);
    side.ended = true;
  }

  #finishWhenFlushed(): void {
    if (!this.#clientSide.ended || !this.#upstreamSide.ended) return;
    const { engine } = this.#context;
    for (const id of [this.client, this.upstream]) {
      if (!this.#sideOf(id).gone && engine.queuedBytes(id) > 0) return;
    }
    this.#finish("ended", "close");
  }

  #addJoinedBytes(): void {
    const { engine } = this.#context;
    if (!this.#isJoined || engine.joinedBytes === undefined) return;
    this.bytesFromClient += engine.joinedBytes(this.client);
    this.bytesToClient += engine.joinedBytes(this.upstream);
  }

  #finish(why: string, how: "close" | "reset"): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.timers.remove(this);
    this.#addJoinedBytes();
    for (const id of [this.client, this.upstream]) {
      if (this.#sideOf(id).gone) continue;
      if (how === "reset") this.#context.reset(id);
      else this.#context.close(id);
    }
    this.#owner.onTunnelEnd(this, why);
  }
}

function describeReset(byClient: boolean): string {
  return `reset by the ${byClient ? "client" : "upstream"}`;
}
