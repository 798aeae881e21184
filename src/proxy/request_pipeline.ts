// Owns the requests of one client connection while they are under way: judged, reached, forwarded or tunnelled, recorded.
// Knows nothing of how the client's octets are read or how its connection ends: that is the session's.
import type { Target } from "../address/target.ts";
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import type { ResponseHead } from "../http1/response_reader.ts";
import { type Exchange, startExchange } from "../observe/exchange.ts";
import type { ConnectionId, SocketAddress } from "../runtime/runtime.ts";
import { admitConnected, type Approval, explainRevoked } from "./admit.ts";
import type { ClientInput } from "./client_input.ts";
import type { ProxyContext } from "./context.ts";
import { Forward, type ForwardOwner } from "./forward.ts";
import type { PipelineOwner, Request } from "./pipeline_owner.ts";
import { Reach, type ReachOwner } from "./reach.ts";
import { type AnswerOptions, formatRefusal } from "./refusal.ts";
import {
  answerAsFinalRecipient,
  checkRequest,
  decrementMaxForwards,
  exchangeTimeout,
  isForFinalRecipient,
  readTarget,
  wantsUpgrade,
} from "./request_checks.ts";
import type { Revoked } from "./revocation.ts";
import { Timer } from "./timers.ts";
import { Tunnel } from "./tunnel.ts";

const ESTABLISHED = new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n");
const NOTHING = new Uint8Array(0);

/** Answers one request at a time; reused for all of a client connection. Its timer runs while a request is forwarded. */
export class RequestPipeline extends Timer implements ReachOwner, ForwardOwner {
  readonly clientId: ConnectionId;
  readonly #context: ProxyContext;
  readonly #owner: PipelineOwner;
  // Both are made when first needed.
  #reach: Reach | undefined;
  #forward: Forward | undefined;
  #head: RequestHead | undefined;
  #exchange: Exchange | undefined;
  #request: Request | undefined;
  /** What the upstream connection was judged for. */
  #target: Target | undefined;
  #trailers: Fields | undefined;
  #upstream: SocketAddress | undefined;
  /** Octets read of a request whose record has not begun. */
  #uncounted = 0;
  /** Of the rules that the request in hand was judged by. */
  #generation = 0;

  constructor(context: ProxyContext, owner: PipelineOwner) {
    super();
    this.#context = context;
    this.#owner = owner;
    this.clientId = owner.clientId;
  }

  get input(): ClientInput {
    return this.#owner.input;
  }

  /** Whether a request is in hand. */
  get busy(): boolean {
    return this.#exchange !== undefined;
  }

  /** Whether body octets can be taken now. */
  get takesBody(): boolean {
    return this.#forward?.busy === true;
  }

  /** Whether the request in hand would survive the client's FIN: after CONNECT it is a half-close. */
  get outlivesClientEnd(): boolean {
    return this.#head?.method === "CONNECT";
  }

  /** Begins a request. */
  begin(head: RequestHead): void {
    this.#head = head;
    this.#trailers = undefined;
    const exchange = this.#startExchange();
    exchange.method = head.method;
    try {
      this.#begin(head, exchange);
    } catch (fault) {
      if (!(fault instanceof ProxyError)) throw fault;
      this.refuse(fault);
    }
  }

  /** Takes a part of the request's body. */
  sendBody(bytes: Uint8Array, expectedBytes: number): void {
    this.#forward?.sendBody(bytes, expectedBytes);
    this.onForwardProgress();
  }

  /** The engine has moved so many octets of the request's body. */
  onUploadMoveEnd(movedBytes: number): void {
    this.#forward?.endUploadMove(movedBytes);
    this.onForwardProgress();
  }

  /** Ends the request's body. */
  endBody(trailers: Fields | undefined): void {
    this.#trailers = trailers;
    this.#forward?.endBody(trailers);
    this.onForwardProgress();
  }

  /** To be called when input has been read: stops the upload while the upstream is slow. */
  checkUpload(): void {
    this.#forward?.checkUpload();
  }

  /** Of the request in hand, or of the one that begins with them. */
  countFromClient(count: number): void {
    if (this.#exchange === undefined) this.#uncounted += count;
    else this.#exchange.bytesFromClient += count;
  }

  onClientDrain(): void {
    this.#forward?.onClientDrain();
  }

  /** Answers a fault in what the client sends; the upstream must never take what it has of a faulty body for the whole. */
  fail(error: ProxyError): void {
    const cut = this.#forward?.headSent === true && this.#forward.busy;
    this.#forward?.close();
    if (cut) this.onForwardCut(error);
    else this.refuse(error);
  }

  /** Answers with an error: also that of a reach or a forward that came to nothing. */
  refuse(error: ProxyError): void {
    this.#startExchange();
    this.#noteError(error);
    const close = this.#mustClose() || !this.input.complete || error.code === "http_request_error";
    this.#answer(error.status, close, formatRefusal(error, this.#answerOptions(close)));
  }

  /** Gives up whatever is under way, without an answer; `why` is recorded, if anything was begun or `always`. */
  abort(why: string, always = false): void {
    if (always) this.#startExchange();
    if (this.#exchange !== undefined && why !== "") this.#exchange.details = why;
    // First, since it tells how much of a body was moved.
    this.#forward?.close();
    this.#endExchange();
    this.#reach?.abandon();
    this.#context.timers.remove(this);
    this.#request = undefined;
  }

  /** Closes a kept-alive upstream connection, if it has one. */
  closeUpstream(): void {
    this.#forward?.close();
  }

  /** Ends what the rules in force deny: a kept-alive upstream connection; where `requestsToo` a request that is forwarded. */
  enforcePolicy(requestsToo: boolean): Revoked | undefined {
    const target = this.#target;
    const address = this.#upstream?.address;
    const forward = target === undefined || this.#forward?.keptFor(target) === undefined ? undefined : this.#forward;
    if (target === undefined || address === undefined || forward === undefined) return undefined;
    const isBusy = forward.busy;
    if (isBusy && !requestsToo) return undefined;
    const why = explainRevoked(this.#context, target, address);
    if (why === undefined) return undefined;
    const error = new ProxyError("http_request_denied", `closed by new rules: ${why}`);
    if (isBusy) this.fail(error);
    else forward.close();
    return isBusy ? "requests" : "keptAlive";
  }

  #begin(head: RequestHead, exchange: Exchange): void {
    const { target, originForm } = readTarget(head);
    exchange.host = target.host.kind === "name" ? target.host.name : target.host.address.text;
    exchange.port = target.port;
    this.#target = target;
    this.#generation = this.#context.policy.generation;
    this.#request = { head, exchange, target, originForm };
    checkRequest(head, this.#context.instance);
    const kept = head.method === "CONNECT" ? undefined : this.#forward?.keptFor(target);
    if (kept !== undefined && admitConnected(this.#context, exchange, target, kept)) {
      if (this.#answerHere(head)) return;
      this.#context.counters.countDecision(exchange.ruleLine);
      exchange.upstream = this.#upstream;
      return this.#startForward(this.#request);
    }
    this.#forward?.close();
    this.#reach ??= new Reach(this.#context, this);
    const admission = this.#reach.admit(exchange, target);
    if (admission.kind !== "refused" && this.#answerHere(head)) return;
    this.#reach.pursue(admission);
  }

  // ── reaching the upstream ──

  onReached(id: ConnectionId, approval: Approval): void {
    const request = this.#request;
    if (request === undefined) return this.#context.close(id);
    // The rules may have changed during the look-up or the dial.
    const isJudged = this.#generation === this.#context.policy.generation;
    const { target, exchange } = request;
    const why = isJudged ? undefined : explainRevoked(this.#context, target, approval.address, exchange);
    if (why !== undefined) {
      this.#context.close(id);
      return this.refuse(new ProxyError("http_request_denied", why));
    }
    this.#upstream = { address: approval.address, port: approval.port };
    exchange.upstream = this.#upstream;
    if (request.head.method === "CONNECT") return this.#startTunnel(id, 200, ESTABLISHED, NOTHING);
    this.#forward ??= new Forward(this.#context, this);
    this.#forward.open(id, target, approval.address);
    this.#startForward(request);
    this.#owner.onBodyWanted();
  }

  #startForward(request: Request): void {
    const { head, target, originForm } = request;
    this.#forward?.begin({
      head,
      change: {
        originForm,
        authority: target.authority,
        viaLine: this.#context.viaLine,
        keepAlive: head.keepAlive && !this.#context.draining,
        upgrade: wantsUpgrade(head),
        maxForwards: decrementMaxForwards(head),
      },
    });
    if (this.input.complete) this.#forward?.endBody(this.#trailers);
    this.onForwardProgress();
  }

  // ── the forward's news ──

  onForwardProgress(): void {
    const { settings } = this.#context;
    const waiting = this.input.complete && this.#forward?.responseSeen !== true;
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

  onForwardDone(keepAlive: boolean): void {
    this.#endAnswer(keepAlive);
  }

  onForwardCut(error: ProxyError): void {
    this.#noteError(error);
    this.#endExchange();
    this.#context.timers.remove(this);
    // To an HTTP/1.0 client, whose body may end with the connection, only a reset tells it from a whole answer.
    this.#owner.onAnswerCut(this.#head?.minorVersion === 1 ? "close" : "reset");
  }

  onForwardRetry(): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#setDeadline(0);
    this.input.setBlocked(false);
    this.#reach?.pursue(this.#reach.admit(request.exchange, request.target));
  }

  onSwitched(upstream: ConnectionId, early: Uint8Array): void {
    this.#startTunnel(upstream, 101, NOTHING, early);
  }

  override onTimer(nowMs: number): void {
    const dueMs = (this.#forward?.movedMs ?? -Infinity) + this.#context.settings.idleTimeoutMs;
    if (dueMs > nowMs) return this.#context.timers.set(this, dueMs);
    const { complete, blocked } = this.input;
    this.fail(exchangeTimeout(complete || blocked || this.#forward?.uploadStalled === true, this.#request?.target));
  }

  // ── the tunnel ──

  /** Makes a tunnel of the two connections. Nothing of the session and its pipeline is held by it. */
  #startTunnel(upstream: ConnectionId, status: number, opening: Uint8Array, early: Uint8Array): void {
    const { engine } = this.#context;
    const request = this.#request;
    if (request === undefined) return this.#context.close(upstream);
    const { target, exchange } = request;
    exchange.status = status;
    this.#context.counters.add("tunnelsOpened");
    this.#context.timers.remove(this);
    if (opening.length > 0) engine.write(this.clientId, opening);
    const held = this.input.takeHeld();
    this.#request = this.#exchange = undefined;
    this.#owner.onTunnelStart();
    const tunnel = new Tunnel(this.#context, this.clientId, upstream, target, exchange);
    engine.resume(upstream);
    tunnel.start(held, early, this.#owner.clientEnded);
  }

  // ── answers ──

  #mustClose(): boolean {
    const head = this.#head;
    return head?.keepAlive !== true || head.method === "CONNECT" || this.#context.draining || this.#owner.clientEnded;
  }

  /** Answers a TRACE or OPTIONS whose hops are used up; true where it did (RFC 9110 §7.6.2). */
  #answerHere(head: RequestHead): boolean {
    if (!isForFinalRecipient(head)) return false;
    const close = this.#mustClose() || !this.input.complete;
    this.#answer(200, close, answerAsFinalRecipient(head, this.#answerOptions(close)));
    return true;
  }

  #answerOptions(close: boolean): AnswerOptions {
    const { minorVersion = 1, method } = this.#head ?? {};
    return { close, minorVersion, head: method === "HEAD", epochMs: this.#context.clock.epochMs() };
  }

  #answer(status: number, close: boolean, answer: Uint8Array): void {
    if (this.#exchange !== undefined) this.#exchange.status = status;
    this.onClientBytes(answer.length);
    this.#context.outbox.add(this.clientId, answer);
    this.#context.outbox.flush();
    this.#endAnswer(!close);
  }

  #endAnswer(keepAlive: boolean): void {
    this.#setDeadline(0);
    this.#endExchange();
    this.#head = undefined;
    this.#owner.onAnswered(keepAlive);
  }

  #setDeadline(afterMs: number): void {
    const { timers, clock } = this.#context;
    timers.set(this, afterMs === 0 ? Infinity : clock.nowMs() + afterMs);
  }

  #startExchange(): Exchange {
    const { clock } = this.#context;
    if (this.#exchange !== undefined) return this.#exchange;
    const exchange = startExchange(this.#owner.client, clock.epochMs(), clock.nowMs());
    exchange.bytesFromClient = this.#uncounted;
    this.#uncounted = 0;
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
