// Owns one client connection: its requests one after the other, each admitted, reached and answered, until it becomes a
// tunnel or ends. Holds no socket: it hears events and tells the engine what to do.
import { parseAbsoluteForm, parseAuthorityForm, type Target } from "../address/target.ts";
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import type { ResponseHead } from "../http1/response_reader.ts";
import { KEEP_ALIVE_IDLE_MS, LINGER_MS } from "../limits.ts";
import { type Exchange, startExchange } from "../observe/exchange.ts";
import type { ConnectionId, SocketAddress } from "../runtime/runtime.ts";
import { admitConnected, type Approval, isStillAllowed } from "./admit.ts";
import { ClientInput, type InputOwner } from "./client_input.ts";
import type { Endpoint, ProxyContext } from "./context.ts";
import { Forward, type ForwardOwner } from "./forward.ts";
import { Reach, type ReachOwner } from "./reach.ts";
import { formatRefusal } from "./refusal.ts";
import { answerAsFinalRecipient, checkRequest, decrementMaxForwards, wantsUpgrade } from "./request_checks.ts";
import { Timer } from "./timers.ts";
import { Tunnel, type TunnelOwner } from "./tunnel.ts";

const ESTABLISHED = new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n");
const NOTHING = new Uint8Array(0);

/**
 * Where a client connection stands.
 * reading: between requests or in a head; reaching: on the way to the upstream; forwarding: request and response under
 * way; settling: answered, and the client is slow to take it; tunnel; lingering: answered for the last time, what still
 * comes is dropped; over.
 */
type Phase = "reading" | "reaching" | "forwarding" | "settling" | "tunnel" | "lingering" | "over";

/** The request in hand, from its head to the end of its answer. */
interface Request {
  readonly head: RequestHead;
  readonly exchange: Exchange;
  readonly target: Target;
  readonly originForm: string;
}

/** The state machine of one client connection. */
export class Session extends Timer implements Endpoint, InputOwner, ReachOwner, ForwardOwner, TunnelOwner {
  readonly clientId: ConnectionId;
  /** It is one connection too many and only here to be told so. */
  readonly overLimit: boolean;
  readonly #context: ProxyContext;
  readonly #client: SocketAddress;
  readonly #input: ClientInput;
  readonly #reach: Reach;
  readonly #forward: Forward;
  #tunnel: Tunnel | undefined;
  #phase: Phase = "reading";
  #clientEnded = false;
  /** A head is awaited against the clock; false between kept-alive requests. */
  #headTimed = true;
  #exchange: Exchange | undefined;
  #head: RequestHead | undefined;
  #request: Request | undefined;
  #trailers: Fields | undefined;
  /** Where the upstream connection leads, kept-alive or tunnel, and for which target it was judged. */
  #upstreamAddress: SocketAddress | undefined;

  constructor(context: ProxyContext, clientId: ConnectionId, client: SocketAddress, overLimit: boolean) {
    super();
    this.#context = context;
    this.clientId = clientId;
    this.overLimit = overLimit;
    this.#client = client;
    this.#input = new ClientInput(context, this);
    this.#reach = new Reach(context, this);
    this.#forward = new Forward(context, this);
    context.attach(clientId, this);
    this.#setDeadline(context.settings.headerTimeoutMs);
  }

  /** Answers an accepted connection that is one too many, and ends it. */
  refuseAtOnce(error: ProxyError): void {
    this.#refuse(error);
  }

  /** Ends the connection at once, whatever it does. Returns whether something was cut off. */
  cut(why: string): boolean {
    const busy = this.#exchange !== undefined;
    if (this.#tunnel !== undefined) this.#tunnel.cut(why);
    else this.#abort(why, "reset");
    return busy;
  }

  /** Closes the connection if nothing of a request is in hand. */
  closeIfIdle(): void {
    if (this.#phase === "reading" && this.#input.idle) this.#end("close");
  }

  /** Ends what the rules in force no longer allow: a tunnel is cut, a kept-alive upstream connection closed. */
  enforcePolicy(): void {
    const target = this.#request?.target;
    const address = this.#upstreamAddress?.address;
    if (target === undefined || address === undefined || isStillAllowed(this.#context, target, address)) return;
    if (this.#tunnel !== undefined) this.#tunnel.cut("cut: the rules in force no longer allow it");
    else if (!this.#forward.busy) this.#forward.close();
  }

  // ── the client connection ──

  onData(_id: ConnectionId, bytes: Uint8Array): void {
    if (this.#phase === "lingering" || this.#phase === "over") return;
    this.#input.take(bytes);
    this.#settleInput();
  }

  onEnd(): void {
    this.#clientEnded = true;
    switch (this.#phase) {
      case "reading":
        return this.#onEndWhileReading();
      case "reaching":
        // After CONNECT a FIN is a half-close: the tunnel passes it on once it is up.
        if (this.#head?.method !== "CONNECT") this.#abort("the client went away", "reset");
        return;
      case "forwarding":
        return this.#abort("the client went away", "reset");
      case "settling":
        return this.#linger();
      case "lingering":
        return this.#endWhenFlushed();
      case "tunnel":
      case "over":
        return;
    }
  }

  onDrain(): void {
    if (this.#phase === "lingering") return this.#endWhenFlushed();
    this.#forward.onClientDrain();
    if (this.#phase !== "settling") return;
    this.#awaitRequest();
    this.#readOn();
  }

  onClose(): void {
    this.#abort("the client went away", "gone");
  }

  onConnect(): void {}
  onConnectFail(): void {}

  // ── what the client sends ──

  get mayRead(): boolean {
    return this.#phase === "reading" || (this.#phase === "forwarding" && !this.#input.complete);
  }

  onHeadStarted(): void {
    if (this.#headTimed || this.#phase !== "reading") return;
    this.#headTimed = true;
    this.#setDeadline(this.#context.settings.headerTimeoutMs);
  }

  onHead(head: RequestHead): void {
    this.#head = head;
    this.#trailers = undefined;
    this.#phase = "reaching";
    this.#setDeadline(0);
    const exchange = this.#startExchange();
    exchange.method = head.method;
    try {
      this.#begin(head, exchange);
    } catch (fault) {
      if (!(fault instanceof ProxyError)) throw fault;
      this.#refuse(fault);
    }
  }

  onBody(bytes: Uint8Array): void {
    this.#forward.sendBody(bytes);
    this.onForwardProgress();
  }

  onBodyEnd(trailers: Fields | undefined): void {
    this.#trailers = trailers;
    this.#forward.endBody(trailers);
    this.onForwardProgress();
  }

  onConsumed(count: number): void {
    if (this.#exchange !== undefined) this.#exchange.bytesFromClient += count;
  }

  onFault(error: ProxyError): void {
    const cut = this.#phase === "forwarding" && this.#forward.headSent;
    // The upstream must never take what it has of a faulty body for the whole request.
    this.#forward.close();
    if (cut) this.onForwardCut(error);
    else this.#refuse(error);
  }

  /** Reads what was held, now that it can be dealt with. */
  #readOn(): void {
    this.#input.readOn();
    this.#settleInput();
    if (this.#clientEnded && this.#phase === "reading") this.#onEndWhileReading();
  }

  #settleInput(): void {
    if (this.#phase === "tunnel" || this.#phase === "lingering" || this.#phase === "over") return;
    this.#context.outbox.flush();
    this.#forward.checkUpload();
    this.#input.updatePause();
  }

  #onEndWhileReading(): void {
    if (!this.#input.idle) this.#startExchange().details = "the client went away in the middle of a request head";
    this.#endExchange();
    this.#linger();
  }

  // ── one request ──

  #begin(head: RequestHead, exchange: Exchange): void {
    const { target, originForm } = readTarget(head);
    exchange.host = target.host.kind === "name" ? target.host.name : target.host.address.text;
    exchange.port = target.port;
    this.#request = { head, exchange, target, originForm };
    checkRequest(head, this.#context.instance);
    const kept = head.method === "CONNECT" ? undefined : this.#forward.keptFor(target);
    if (kept !== undefined && admitConnected(this.#context, exchange, target, kept)) {
      if (this.#answerHere(head)) return;
      exchange.upstream = this.#upstreamAddress;
      return this.#startForward(this.#request);
    }
    this.#forward.close();
    const admission = this.#reach.admit(exchange, target);
    if (admission.kind !== "refused" && this.#answerHere(head)) return;
    this.#reach.pursue(admission);
  }

  onReached(id: ConnectionId, approval: Approval): void {
    const request = this.#request;
    if (request === undefined) return this.#context.close(id);
    this.#upstreamAddress = { address: approval.address, port: approval.port };
    request.exchange.upstream = this.#upstreamAddress;
    if (request.head.method === "CONNECT") return this.#startTunnel(id, 200, ESTABLISHED, NOTHING);
    this.#forward.open(id, request.target, approval.address);
    this.#startForward(request);
    this.#readOn();
  }

  onUnreachable(error: ProxyError): void {
    this.#refuse(error);
    // Within a read of the input its own loop goes on; from anywhere else what was held has to be taken up again.
    if (this.#phase === "reading") this.#readOn();
  }

  #startForward(request: Request): void {
    const { head, target, originForm } = request;
    this.#phase = "forwarding";
    const replay = this.#forward.takeReplay();
    this.#forward.begin({
      head,
      change: {
        originForm,
        authority: target.authority,
        via: this.#context.via,
        keepAlive: head.keepAlive && !this.#context.draining,
        upgrade: wantsUpgrade(head),
        maxForwards: decrementMaxForwards(head),
      },
    });
    for (const part of replay) this.#forward.sendBody(part);
    if (this.#input.complete) this.#forward.endBody(this.#trailers);
    this.onForwardProgress();
  }

  // ── the forward's news ──

  onForwardProgress(): void {
    const { settings } = this.#context;
    const waiting = this.#input.complete && !this.#forward.responseSeen;
    this.#setDeadline(waiting ? settings.responseTimeoutMs : settings.idleTimeoutMs);
  }

  onResponseHead(head: ResponseHead): boolean {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      exchange.status = head.status;
      exchange.firstByteMs = this.#context.clock.nowMs() - exchange.startMs;
    }
    return !this.#mustClose();
  }

  onClientBytes(count: number): void {
    if (this.#exchange !== undefined) this.#exchange.bytesToClient += count;
  }

  onUploadBlocked(blocked: boolean): void {
    this.#input.setBlocked(blocked);
  }

  onForwardDone(keepAlive: boolean): void {
    this.#endExchange();
    this.#finishAnswer(keepAlive);
    if (this.#phase === "reading") this.#readOn();
  }

  onForwardFailed(error: ProxyError): void {
    this.#refuse(error);
    if (this.#phase === "reading") this.#readOn();
  }

  onForwardCut(error: ProxyError): void {
    this.#noteError(error);
    this.#endExchange();
    // To an HTTP/1.0 client, whose body may end with the connection, only a reset tells it from a whole answer.
    this.#end(this.#head?.minorVersion === 1 ? "close" : "reset");
  }

  onForwardRetry(): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#phase = "reaching";
    this.#setDeadline(0);
    this.#input.setBlocked(false);
    this.#reach.pursue(this.#reach.admit(request.exchange, request.target));
  }

  onSwitched(upstream: ConnectionId, early: Uint8Array): void {
    this.#startTunnel(upstream, 101, NOTHING, early);
  }

  // ── the tunnel ──

  #startTunnel(upstream: ConnectionId, status: number, opening: Uint8Array, early: Uint8Array): void {
    const { engine, timers } = this.#context;
    if (this.#exchange !== undefined) {
      this.#exchange.status = status;
      this.#exchange.tunnel = true;
    }
    this.#phase = "tunnel";
    timers.remove(this);
    if (opening.length > 0) engine.write(this.clientId, opening);
    const held = this.#input.takeHeld();
    this.#input.setBlocked(false);
    const tunnel = new Tunnel(this.#context, this, this.clientId, upstream);
    this.#tunnel = tunnel;
    engine.resume(upstream);
    if (held.length > 0) tunnel.onData(this.clientId, held);
    if (early.length > 0) tunnel.onData(upstream, early);
    if (this.#clientEnded) tunnel.onEnd(this.clientId);
  }

  onTunnelEnd(tunnel: Tunnel, why: string): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      exchange.bytesFromClient = tunnel.bytesFromClient;
      exchange.bytesToClient = tunnel.bytesToClient;
      if (why !== "ended") exchange.details = why;
    }
    this.#tunnel = undefined;
    this.#endExchange();
    this.#forgetAll();
  }

  // ── answers and endings ──

  override onTimer(): void {
    switch (this.#phase) {
      case "reading":
        if (!this.#headTimed) return this.#end("close");
        return this.#refuse(new ProxyError("http_request_error", "the request head did not arrive in time", 408));
      case "forwarding":
        return this.#onForwardTimeout();
      case "settling":
      case "lingering":
        return this.#end("reset");
      case "reaching":
      case "tunnel":
      case "over":
        return;
    }
  }

  #onForwardTimeout(): void {
    const { complete } = this.#input;
    const error = complete || this.#input.blocked
      ? new ProxyError("connection_read_timeout", `${this.#request?.target.authority}: no answer in time`)
      : new ProxyError("http_request_error", "the request body did not arrive in time", 408);
    const cut = this.#forward.headSent;
    this.#forward.close();
    if (cut) return this.onForwardCut(error);
    this.onForwardFailed(error);
  }

  #mustClose(): boolean {
    return this.#head?.keepAlive !== true || this.#context.draining || this.#head.method === "CONNECT" ||
      this.#clientEnded;
  }

  #refuse(error: ProxyError): void {
    if (this.#exchange === undefined) this.#startExchange();
    this.#noteError(error);
    const close = this.#mustClose() || !this.#input.complete || error.code === "http_request_error";
    this.#answer(error.status, close, formatRefusal(error, this.#answerOptions(close)));
  }

  /** Answers a TRACE or OPTIONS whose hops are used up; true where it did (RFC 9110 §7.6.2). */
  #answerHere(head: RequestHead): boolean {
    const close = this.#mustClose() || !this.#input.complete;
    const answer = answerAsFinalRecipient(head, this.#answerOptions(close));
    if (answer !== undefined) this.#answer(200, close, answer);
    return answer !== undefined;
  }

  #answerOptions(close: boolean) {
    const head = this.#head;
    const epochMs = this.#context.clock.epochMs();
    return { close, minorVersion: head?.minorVersion ?? 1, head: head?.method === "HEAD", epochMs };
  }

  #answer(status: number, close: boolean, answer: Uint8Array): void {
    if (this.#exchange !== undefined) this.#exchange.status = status;
    this.onClientBytes(answer.length);
    this.#context.outbox.add(this.clientId, answer);
    this.#context.outbox.flush();
    this.#endExchange();
    this.#finishAnswer(!close);
  }

  /** Makes ready for the next request, or for the end. */
  #finishAnswer(keepAlive: boolean): void {
    if (this.#phase === "over") return;
    if (!keepAlive) return this.#linger();
    this.#head = undefined;
    this.#input.next();
    if (this.#context.engine.queuedBytes(this.clientId) === 0) return this.#awaitRequest();
    this.#phase = "settling";
    this.#setDeadline(this.#context.settings.idleTimeoutMs);
  }

  #awaitRequest(): void {
    this.#phase = "reading";
    this.#headTimed = false;
    this.#setDeadline(KEEP_ALIVE_IDLE_MS);
  }

  /** Closes in stages: FIN behind the answer, then what still comes is dropped for a while, so that no reset eats the answer (RFC 9112 §9.6). */
  #linger(): void {
    if (this.#phase === "over") return;
    this.#phase = "lingering";
    this.#input.takeHeld();
    this.#input.setBlocked(false);
    this.#forward.close();
    this.#context.engine.closeWrite(this.clientId);
    this.#endWhenFlushed();
  }

  #endWhenFlushed(): void {
    if (this.#context.engine.queuedBytes(this.clientId) > 0) this.#setDeadline(this.#context.settings.idleTimeoutMs);
    else if (this.#clientEnded) this.#end("close");
    else this.#setDeadline(LINGER_MS);
  }

  #abort(why: string, how: "reset" | "gone"): void {
    if (this.#phase === "over") return;
    if (this.#exchange !== undefined) this.#exchange.details = why;
    this.#endExchange();
    this.#end(how);
  }

  #end(how: "close" | "reset" | "gone"): void {
    if (this.#phase === "over") return;
    this.#context.outbox.flush();
    if (how === "close") this.#context.close(this.clientId);
    else if (how === "reset") this.#context.reset(this.clientId);
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#phase = "over";
    this.#forward.close();
    this.#reach.abandon();
    this.#input.takeHeld();
    this.#request = undefined;
    this.#context.timers.remove(this);
    this.#context.forget(this.clientId);
  }

  /** Sets the session's own deadline; 0 is none. */
  #setDeadline(afterMs: number): void {
    const { timers, clock } = this.#context;
    timers.set(this, afterMs === 0 ? Infinity : clock.nowMs() + afterMs);
  }

  #startExchange(): Exchange {
    const { clock } = this.#context;
    const exchange = startExchange(this.#client, clock.epochMs(), clock.nowMs());
    this.#exchange = exchange;
    return exchange;
  }

  #noteError(error: ProxyError): void {
    if (this.#exchange === undefined) return;
    this.#exchange.error = error.code;
    this.#exchange.details = error.message;
  }

  #endExchange(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    exchange.endMs = this.#context.clock.nowMs();
    this.#context.record(exchange);
  }
}

/** Reads a request-target in the form that its method asks for (RFC 9112 §3.2). Throws ProxyError. */
function readTarget(head: RequestHead): { readonly target: Target; readonly originForm: string } {
  if (head.method === "CONNECT") return { target: parseAuthorityForm(head.target), originForm: "" };
  const { target, originForm, isBare } = parseAbsoluteForm(head.target);
  return { target, originForm: isBare && head.method === "OPTIONS" ? "*" : originForm };
}
