// Owns one request's way to its upstream and the response's way back, over a connection that belongs to one client alone.
// Knows nothing of rules, names or dialling: its session hands it a connection that was approved.
import type { IpAddress } from "../address/ip_address.ts";
import type { Target } from "../address/target.ts";
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import type { Framing } from "../http1/framing.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import { type ResponseHead, ResponseReader, type ResponseSink } from "../http1/response_reader.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { toProxyError } from "./client_input.ts";
import type { Endpoint, ProxyContext } from "./context.ts";
import { type RequestHeadChange, writeRequestHead, writeResponseHead } from "./forwarded_head.ts";

const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** The most octets of a request body that are kept for sending it again on a fresh connection. */
const MAX_REPLAY_BYTES = 64 * 1024;

/** The session that a forward works for. No call comes after one of the four endings. */
export interface ForwardOwner {
  readonly clientId: ConnectionId;
  /** Octets were sent to the client. */
  onClientBytes(count: number): void;
  /** Octets moved: deadlines are to be set anew. */
  onForwardProgress(): void;
  /** The head of the final response goes out; returns whether the client connection is to be kept alive. */
  onResponseHead(head: ResponseHead): boolean;
  /** The upstream takes no more of the request body for now, or again. */
  onUploadBlocked(blocked: boolean): void;
  /** Ending: the response is complete and on its way; `keepAlive` as it was announced to the client. */
  onForwardDone(keepAlive: boolean): void;
  /** Ending: no part of a final response was sent; the client can be answered. */
  refuse(error: ProxyError): void;
  /** Ending: the response broke off after its head was sent; the client must see that it is not whole. */
  onForwardCut(error: ProxyError): void;
  /** Ending: a kept-alive upstream connection was closed as the request reached it; it is to be sent again on a new one. */
  onForwardRetry(): void;
  /** Ending: the upstream switched protocols; its connection is the owner's now, with what it sent behind its head. */
  onSwitched(upstream: ConnectionId, early: Uint8Array): void;
}

/** The request in hand. */
export interface ForwardRequest {
  readonly head: RequestHead;
  readonly change: RequestHeadChange;
}

/** Carries requests of one client connection to its upstream, one after the other. Reused for all of them. */
export class Forward implements Endpoint, ResponseSink {
  readonly #context: ProxyContext;
  readonly #owner: ForwardOwner;
  /** One for each upstream connection: it stays where a fault left it. */
  #reader: ResponseReader = new ResponseReader(this);
  #upstream: ConnectionId = -1;
  #host = "";
  #port = 0;
  #address: IpAddress | undefined;

  #request: ForwardRequest | undefined;
  #reused = false;
  #requestComplete = false;
  #requestBodyBytes = 0;
  #replay: Uint8Array[] | undefined;
  #uploadBlocked = false;

  #responseSeen = false;
  #headSent = false;
  #framing: Framing["kind"] = "none";
  #clientKeepAlive = false;
  #upstreamKeepAlive = false;
  #responseComplete = false;
  #switched = false;

  constructor(context: ProxyContext, owner: ForwardOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether a request is under way. */
  get busy(): boolean {
    return this.#request !== undefined;
  }

  /** Whether the head of a final response is on its way to the client. */
  get headSent(): boolean {
    return this.#headSent;
  }

  get responseSeen(): boolean {
    return this.#responseSeen;
  }

  /** The address of the kept-alive connection for a target, or undefined where there is none. */
  keptFor(target: Target): IpAddress | undefined {
    return this.#upstream >= 0 && this.#host === target.hostText && this.#port === target.port
      ? this.#address
      : undefined;
  }

  /** Takes over a connection that was just dialled. */
  open(upstream: ConnectionId, target: Target, address: IpAddress): void {
    this.#closeUpstream();
    this.#upstream = upstream;
    this.#host = target.hostText;
    this.#port = target.port;
    this.#address = address;
    this.#reused = false;
    this.#reader = new ResponseReader(this);
    this.#context.attach(upstream, this);
  }

  /** Sends a request's head. Its body follows by `sendBody` and `endBody`. The head must stay valid until an ending. */
  begin(request: ForwardRequest): void {
    this.#request = request;
    this.#requestComplete = false;
    this.#requestBodyBytes = 0;
    this.#replay = this.#reused && IDEMPOTENT_METHODS.has(request.head.method) ? [] : undefined;
    this.#uploadBlocked = false;
    this.#responseSeen = false;
    this.#headSent = false;
    this.#responseComplete = false;
    this.#switched = false;
    this.#reader.begin(request.head.method);
    this.#context.outbox.add(this.#upstream, writeRequestHead(this.#context.headWriter, request.head, request.change));
  }

  /** What of the body had been sent when the kept-alive connection was lost; to be asked for before the next `begin`, and sent again. */
  takeReplay(): readonly Uint8Array[] {
    const parts = this.#replay ?? [];
    this.#replay = undefined;
    return parts;
  }

  /** Sends a part of the request body. */
  sendBody(bytes: Uint8Array): void {
    if (this.#upstream < 0) return;
    this.#requestBodyBytes += bytes.length;
    const chunked = this.#request?.head.framing.kind === "chunked";
    this.#context.outbox.add(this.#upstream, chunked ? this.#context.chunkedWriter.chunk(bytes) : bytes);
    this.#keepForReplay(bytes);
  }

  /** Ends the request body. */
  endBody(trailers: Fields | undefined): void {
    this.#requestComplete = true;
    if (this.#upstream < 0) return;
    if (this.#request?.head.framing.kind === "chunked") {
      this.#context.outbox.add(this.#upstream, this.#context.chunkedWriter.end(trailers));
    }
  }

  /** To be called after the outbox was flushed: stops the upload while the upstream is slow. */
  checkUpload(): void {
    if (this.#upstream < 0 || this.#uploadBlocked || this.#context.engine.queuedBytes(this.#upstream) === 0) return;
    this.#uploadBlocked = true;
    this.#owner.onUploadBlocked(true);
  }

  /** The client takes octets again. */
  onClientDrain(): void {
    if (this.#upstream >= 0) this.#context.engine.resume(this.#upstream);
  }

  /** Closes the upstream connection, kept alive or busy. No ending is called. */
  close(): void {
    this.#request = undefined;
    this.#replay = undefined;
    this.#closeUpstream();
  }

  onData(_id: ConnectionId, bytes: Uint8Array): void {
    // An octet without a request is nobody's answer: such a connection is not to be trusted with the next one.
    if (this.#request === undefined) return this.close();
    // A head that drips does not move its deadline: its first octet does, and its end.
    const isWithinHead = this.#responseSeen && !this.#headSent;
    this.#responseSeen = true;
    if (!isWithinHead) this.#owner.onForwardProgress();
    let consumed: number;
    try {
      consumed = this.#reader.read(bytes);
    } catch (fault) {
      return this.#fail(toProxyError(fault));
    }
    if (isWithinHead && this.#headSent) this.#owner.onForwardProgress();
    this.#context.outbox.flush();
    if (this.#switched) return this.#handOver(bytes.subarray(consumed));
    if (this.#responseComplete) return this.#finish(consumed < bytes.length);
    if (this.#context.engine.queuedBytes(this.#owner.clientId) > 0) this.#context.engine.pause(this.#upstream);
  }

  onEnd(): void {
    if (this.#request === undefined) return this.close();
    if (this.#mayRetry()) return this.#retry();
    try {
      this.#reader.end();
    } catch (fault) {
      return this.#fail(toProxyError(fault));
    }
    this.#context.outbox.flush();
    this.#upstreamKeepAlive = false;
    if (this.#responseComplete) this.#finish(false);
  }

  onClose(_id: ConnectionId, reset: boolean): void {
    this.#upstream = -1;
    if (this.#request === undefined) return;
    if (this.#mayRetry()) return this.#retry();
    if (!reset) return this.onEnd();
    const when = this.#responseSeen ? "in the middle of its answer" : "before an answer";
    this.#fail(new ProxyError("connection_terminated", `${this.#host}: the upstream reset the connection ${when}`));
  }

  onDrain(): void {
    if (!this.#uploadBlocked) return;
    this.#uploadBlocked = false;
    this.#owner.onUploadBlocked(false);
  }

  onConnect(): void {}
  onConnectFail(): void {}

  onInterimHead(head: ResponseHead): void {
    // HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
    if (this.#request?.head.minorVersion !== 1) return;
    this.#sendHead(head, "none", true, false);
  }

  onResponseHead(head: ResponseHead): void {
    const request = this.#request;
    if (request === undefined) return;
    if (head.status === 101) {
      if (!request.change.upgrade) {
        throw new ProxyError("http_protocol_error", `${this.#host}: switched protocols without being asked to`);
      }
      this.#switched = true;
      this.#owner.onResponseHead(head);
      this.#sendHead(head, "none", true, true);
      return;
    }
    this.#framing = clientFraming(head.framing.kind, request.head.minorVersion);
    this.#upstreamKeepAlive = head.keepAlive;
    // An early final answer to an unfinished request: neither connection can be used again (RFC 9112 §9.3).
    this.#clientKeepAlive = this.#owner.onResponseHead(head) && this.#requestComplete &&
      this.#framing !== "until-close";
    this.#headSent = true;
    this.#sendHead(head, this.#framing, this.#clientKeepAlive, false);
  }

  onResponseBody(bytes: Uint8Array): void {
    this.#toClient(this.#framing === "chunked" ? this.#context.chunkedWriter.chunk(bytes) : bytes);
  }

  onResponseEnd(trailers: Fields | undefined): void {
    this.#responseComplete = true;
    if (this.#framing === "chunked") this.#toClient(this.#context.chunkedWriter.end(trailers));
  }

  #closeUpstream(): void {
    if (this.#upstream < 0) return;
    const upstream = this.#upstream;
    this.#upstream = -1;
    this.#context.close(upstream);
  }

  #sendHead(head: ResponseHead, framing: Framing["kind"], keepAlive: boolean, upgrade: boolean): void {
    const clientMinorVersion = this.#request?.head.minorVersion ?? 1;
    const epochMs = this.#context.clock.epochMs();
    const change = { via: this.#context.via, framing, keepAlive, clientMinorVersion, upgrade, epochMs };
    this.#toClient(writeResponseHead(this.#context.headWriter, head, change));
  }

  #toClient(bytes: Uint8Array): void {
    this.#context.outbox.add(this.#owner.clientId, bytes);
    this.#owner.onClientBytes(bytes.length);
  }

  #finish(excess: boolean): void {
    const reusable = this.#upstreamKeepAlive && this.#requestComplete && !excess && this.#clientKeepAlive;
    this.#request = undefined;
    this.#replay = undefined;
    if (reusable) {
      this.#reused = true;
      this.#context.engine.resume(this.#upstream);
    } else {
      this.close();
    }
    this.#owner.onForwardDone(this.#clientKeepAlive);
  }

  #fail(error: ProxyError): void {
    this.#context.outbox.flush();
    this.close();
    if (this.#headSent) this.#owner.onForwardCut(error);
    else this.#owner.refuse(error);
  }

  #handOver(early: Uint8Array): void {
    const upstream = this.#upstream;
    this.#upstream = -1;
    this.#request = undefined;
    this.#owner.onSwitched(upstream, early);
  }

  /** A reused connection that the server had closed: RFC 9112 §9.3.1 allows the request to be sent again. */
  #mayRetry(): boolean {
    if (!this.#reused || this.#responseSeen) return false;
    if (this.#requestBodyBytes === 0) return !isUnsafeWithoutBody(this.#request);
    return this.#replay !== undefined;
  }

  #retry(): void {
    this.#reused = false;
    this.#request = undefined;
    this.#closeUpstream();
    this.#owner.onForwardRetry();
  }

  #keepForReplay(bytes: Uint8Array): void {
    if (this.#replay === undefined) return;
    if (this.#requestBodyBytes > MAX_REPLAY_BYTES) this.#replay = undefined;
    else this.#replay.push(bytes.slice());
  }
}

/** A non-idempotent request that is whole without a body may have been acted on already. */
function isUnsafeWithoutBody(request: ForwardRequest | undefined): boolean {
  if (request === undefined || IDEMPOTENT_METHODS.has(request.head.method)) return false;
  const { framing } = request.head;
  return framing.kind === "none" || (framing.kind === "length" && framing.lengthBytes === 0);
}

function clientFraming(upstream: Framing["kind"], clientMinorVersion: 0 | 1): Framing["kind"] {
  if (upstream !== "chunked" && upstream !== "until-close") return upstream;
  return clientMinorVersion === 1 ? "chunked" : "until-close";
}
