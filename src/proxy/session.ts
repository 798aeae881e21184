// Owns one client connection, from its accept to its end: when its octets are read, how long it may be silent, how it is
// closed. What its requests come to is the pipeline's. Holds no socket: it hears events and tells the engine what to do.
import type { IpAddress } from "../address/ip_address.ts";
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import { KEEP_ALIVE_IDLE_MS, LINGER_MS } from "../limits.ts";
import type { ConnectionId, SocketAddress } from "../runtime/runtime.ts";
import { ClientInput, type InputOwner } from "./client_input.ts";
import type { ConnectionHolder, Endpoint, ProxyContext } from "./context.ts";
import type { PipelineOwner } from "./pipeline_owner.ts";
import { RequestPipeline } from "./request_pipeline.ts";
import type { Revoked } from "./revocation.ts";
import { Timer } from "./timers.ts";

/**
 * Where a client connection stands.
 * reading: between requests or in a head; busy: a request is under way; settling: answered, and the client is slow to
 * take it; lingering: answered for the last time, what still comes is dropped; over: ended, or a tunnel's.
 */
type Phase = "reading" | "busy" | "settling" | "lingering" | "over";

/** The state machine of one client connection. */
export class Session extends Timer implements Endpoint, ConnectionHolder, InputOwner, PipelineOwner {
  readonly clientId: ConnectionId;
  readonly client: SocketAddress;
  /** It is one connection too many and only here to be told so. */
  readonly overLimit: boolean;
  readonly input: ClientInput;
  clientEnded = false;
  readonly #context: ProxyContext;
  readonly #pipeline: RequestPipeline;
  #phase: Phase = "reading";
  /** A head is awaited against the clock; false between kept-alive requests. */
  #headTimed = true;
  /** The client asked for no other behind the request in hand. */
  #isLastRequest = false;

  constructor(context: ProxyContext, clientId: ConnectionId, client: SocketAddress, overLimit: boolean) {
    super();
    this.#context = context;
    this.clientId = clientId;
    this.client = client;
    this.overLimit = overLimit;
    this.input = new ClientInput(context, this);
    this.#pipeline = new RequestPipeline(context, this);
    context.attach(clientId, this);
    this.#setDeadline(context.settings.headerTimeoutMs);
  }

  get clientAddress(): IpAddress {
    return this.client.address;
  }

  /** Answers an accepted connection that is one too many, and ends it. */
  refuseAtOnce(error: ProxyError): void {
    this.#pipeline.refuse(error);
  }

  /** Ends the connection at once, whatever it does. Returns what was cut off. */
  cut(why: string): "requests" | undefined {
    const { busy } = this.#pipeline;
    this.#pipeline.abort(why);
    this.#end("reset");
    return busy ? "requests" : undefined;
  }

  /** Closes the connection if nothing of a request is in hand. */
  countSoFar(): void {}

  closeIfIdle(): void {
    if (this.#phase === "reading" && this.input.idle) this.#end("close");
  }

  /** Ends what the rules in force no longer allow, a request that is under way only where `requestsToo`; says what it was. */
  enforcePolicy(requestsToo: boolean): Revoked | undefined {
    return this.#pipeline.enforcePolicy(requestsToo);
  }

  // ── the connection's events ──

  onData(_id: ConnectionId, bytes: Uint8Array): void {
    if (this.#phase === "lingering" || this.#phase === "over") return;
    this.input.take(bytes);
    this.#settleInput();
  }

  onEnd(): void {
    this.clientEnded = true;
    switch (this.#phase) {
      case "reading":
        return this.#onEndWhileReading();
      case "busy":
        if (this.#pipeline.outlivesClientEnd) return;
        this.#pipeline.abort("the client went away");
        return this.#end("reset");
      case "settling":
        return this.#linger();
      case "lingering":
        return this.#endWhenFlushed();
      case "over":
        return;
    }
  }

  onDrain(): void {
    if (this.#phase === "lingering") return this.#endWhenFlushed();
    this.#pipeline.onClientDrain();
    if (this.#phase !== "settling") return;
    this.#awaitRequest();
    this.#readOn();
  }

  onMoveEnd(_id: ConnectionId, movedBytes: number): void {
    this.#pipeline.onUploadMoveEnd(movedBytes);
    this.#settleInput();
  }

  onClose(): void {
    this.#pipeline.abort("the client went away");
    this.#end("gone");
  }

  onConnect(): void {}
  onConnectFail(): void {}

  override onTimer(): void {
    switch (this.#phase) {
      case "reading":
        if (!this.#headTimed) return this.#end("close");
        this.#pipeline.refuse(
          new ProxyError("http_request_error", "the request head did not arrive in time", 408),
        );
        return;
      case "settling":
      case "lingering":
        return this.#end("reset");
      case "busy":
      case "over":
        return;
    }
  }

  // ── what the client sends ──

  get mayRead(): boolean {
    return this.#phase === "reading" ||
      (this.#phase === "busy" && this.#pipeline.takesBody && !this.input.complete);
  }

  onHeadStarted(): void {
    if (this.#headTimed || this.#phase !== "reading") return;
    this.#headTimed = true;
    this.#setDeadline(this.#context.settings.headerTimeoutMs);
  }

  onHead(head: RequestHead): void {
    this.#phase = "busy";
    this.#isLastRequest = !head.keepAlive && head.method !== "CONNECT";
    this.#setDeadline(0);
    this.#pipeline.begin(head);
  }

  onBody(bytes: Uint8Array, expectedBytes: number): void {
    this.#pipeline.sendBody(bytes, expectedBytes);
  }

  onBodyEnd(trailers: Fields | undefined): void {
    this.#pipeline.endBody(trailers);
  }

  onConsumed(count: number): void {
    this.#pipeline.countFromClient(count);
  }

  onFault(error: ProxyError): void {
    this.#pipeline.fail(error);
  }

  /** Reads what was held, now that it can be dealt with. Does nothing within a read, which goes on by itself. */
  #readOn(): void {
    this.input.readOn();
    this.#settleInput();
    if (this.clientEnded && this.#phase === "reading") this.#onEndWhileReading();
  }

  #settleInput(): void {
    if (this.#phase === "lingering" || this.#phase === "over") return;
    this.#context.outbox.flush();
    this.#pipeline.checkUpload();
    this.input.updatePause();
  }

  #onEndWhileReading(): void {
    this.#pipeline.abort("the client went away in the middle of a request head", !this.input.idle);
    this.#linger();
  }

  // ── the pipeline's news ──

  onBodyWanted(): void {
    this.#readOn();
  }

  onAnswered(keepAlive: boolean): void {
    if (this.#phase === "over") return;
    if (!keepAlive) return this.#mayCloseAtOnce() ? this.#end("close") : this.#linger();
    this.input.next();
    if (this.#context.engine.queuedBytes(this.clientId) > 0) {
      this.#phase = "settling";
      this.#setDeadline(this.#context.settings.idleTimeoutMs);
      return;
    }
    this.#awaitRequest();
    this.#readOn();
  }

  onAnswerCut(how: "close" | "reset"): void {
    this.#end(how);
  }

  onTunnelStart(): void {
    this.#phase = "over";
    this.#context.timers.remove(this);
    this.input.end();
  }

  // ── endings ──

  #awaitRequest(): void {
    this.#phase = "reading";
    this.#headTimed = false;
    this.#setDeadline(KEEP_ALIVE_IDLE_MS);
  }

  /**
   * Whether nothing can still come: the client said that this is its last request, which was read whole, and nothing lies
   * behind it. Closing at once saves a wait for its FIN: a tenth of such a request's CPU.
   */
  #mayCloseAtOnce(): boolean {
    const { engine } = this.#context;
    return this.#isLastRequest && this.input.complete && !this.input.holds && engine.queuedBytes(this.clientId) === 0 &&
      engine.readableBytes?.(this.clientId) === 0;
  }

  /** Closes in stages: FIN behind the answer, then what still comes is dropped for a while, so that no reset eats the answer (RFC 9112 §9.6). */
  #linger(): void {
    if (this.#phase === "over") return;
    this.#phase = "lingering";
    this.input.takeHeld();
    this.input.setBlocked(false);
    this.#pipeline.closeUpstream();
    this.#context.engine.closeWrite(this.clientId);
    this.#endWhenFlushed();
  }

  #endWhenFlushed(): void {
    if (this.#context.engine.queuedBytes(this.clientId) > 0) this.#setDeadline(this.#context.settings.idleTimeoutMs);
    else if (this.clientEnded) this.#end("close");
    else this.#setDeadline(LINGER_MS);
  }

  #end(how: "close" | "reset" | "gone"): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#context.outbox.flush();
    if (how === "close") this.#context.close(this.clientId);
    else if (how === "reset") this.#context.reset(this.clientId);
    this.#pipeline.abort("");
    this.input.takeHeld();
    this.#context.timers.remove(this);
    this.#context.forget(this.clientId);
  }

  /** Sets the session's own deadline; 0 is none. */
  #setDeadline(afterMs: number): void {
    const { timers, clock } = this.#context;
    timers.set(this, afterMs === 0 ? Infinity : clock.nowMs() + afterMs);
  }
}
