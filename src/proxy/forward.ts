// Owns one request's way to its upstream and the response's way back, over a connection that belongs to one client alone.
// Knows nothing of rules, names or dialling: its session hands it a connection that was approved.
import type { IpAddress } from "../address/ip_address.ts";
import type { Target } from "../address/target.ts";
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import type { Framing } from "../http1/framing.ts";
import { CHUNK_END } from "../http1/chunked_writer.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import { type ResponseHead, ResponseReader, type ResponseSink } from "../http1/response_reader.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { BodyMove } from "./body_move.ts";
import { toProxyError } from "./client_input.ts";
import type { Endpoint, ProxyContext } from "./context.ts";
import { RequestUpload, type UploadOwner } from "./request_upload.ts";
import { type RequestHeadChange, writeRequestHead, writeResponseHead } from "./forwarded_head.ts";

/** Behind a read of so many octets it is worth asking whether as many are there again. */
const LONG_READ_BYTES = 32 * 1024;

const NOTHING = new Uint8Array(0);

/** The session that a forward works for. No call comes after one of the four endings. */
export interface ForwardOwner extends UploadOwner {
  /** Octets were sent to the client. */
  onClientBytes(count: number): void;
  /** Octets moved: deadlines are to be set anew. */
  onForwardProgress(): void;
  /** The head of the final response goes out; returns whether the client connection is to be kept alive. */
  onResponseHead(head: ResponseHead): boolean;
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
  #reader!: ResponseReader;
  #upstream: ConnectionId = -1;
  #host = "";
  #port = 0;
  #address: IpAddress | undefined;

  #request: ForwardRequest | undefined;
  #reused = false;
  readonly #upload: RequestUpload;
  readonly #download: BodyMove;

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
    this.#upload = new RequestUpload(context, owner);
    this.#download = new BodyMove(context.engine);
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

  /** When the engine last moved an octet of a body by itself, by Clock.nowMs; -Infinity while it moves none. */
  get movedMs(): number {
    return Math.max(this.#upload.movedMs, this.#download.activeMs);
  }

  /** Whether the engine moves the request body, and the upstream does not take it. */
  get uploadStalled(): boolean {
    return this.#upload.isStalled;
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

  /** Sends a request's head, and what of its body had been sent when a kept-alive connection was lost. The body follows by `sendBody` and `endBody`. The head must stay valid until an ending. */
  begin(request: ForwardRequest): void {
    this.#request = request;
    const kept = this.#upload.begin(this.#upstream, request.head, this.#reused);
    this.#responseSeen = false;
    this.#headSent = false;
    this.#responseComplete = false;
    this.#switched = false;
    this.#reader.begin(request.head.method);
    this.#context.outbox.add(this.#upstream, writeRequestHead(this.#context.headWriter, request.head, request.change));
    for (const part of kept) this.#upload.send(part, 0);
  }

  /** Sends a part of the request body; so many octets of it, or of its chunk, are certain to follow. */
  sendBody(bytes: Uint8Array, expectedBytes: number): void {
    this.#upload.send(bytes, expectedBytes);
  }

  /** The engine has moved so many octets of the request body, all that it was asked for or all that the client sent. */
  endUploadMove(movedBytes: number): void {
    this.#upload.endMove(movedBytes);
  }

  /** Ends the request body. */
  endBody(trailers: Fields | undefined): void {
    this.#upload.end(trailers);
  }

  /** To be called after the outbox was flushed: hands a long upload to the engine, stops a short one while the upstream is slow. */
  checkUpload(): void {
    this.#upload.check();
  }

  /** The client takes octets again. */
  onClientDrain(): void {
    if (this.#upstream >= 0) this.#context.engine.resume(this.#upstream);
  }

  /** Closes the upstream connection, kept alive or busy. No ending is called. */
  close(): void {
    this.#request = undefined;
    this.#upload.forget();
    this.#closeUpstream();
  }

  onData(_id: ConnectionId, bytes: Uint8Array): void {
    // An octet without a request is nobody's answer: such a connection is not to be trusted with the next one.
    if (this.#request === undefined) return this.close();
    // A head that drips does not move its deadline: its first octet does, and its end.
    const isWithinHead = this.#responseSeen && !this.#headSent;
    this.#responseSeen = true;
    if (!isWithinHead) this.#owner.onForwardProgress();
    this.#read(bytes, isWithinHead);
  }

  onMoveEnd(_id: ConnectionId, movedBytes: number): void {
    const isWhole = this.#download.end(movedBytes);
    this.#owner.onClientBytes(movedBytes);
    this.#owner.onForwardProgress();
    const { expectedBytes } = this.#reader;
    this.#reader.skip(movedBytes);
    if (this.#framing === "chunked") {
      if (isWhole) this.#toClient(CHUNK_END);
      else if (expectedBytes === Infinity) return this.#fail(this.#terminated("in the middle of its answer"));
    }
    if (expectedBytes === Infinity && isWhole) this.#planDownload(NOTHING);
    this.#read(NOTHING);
  }

  /** Reads on, sends what comes of it, and sees what is next. */
  #read(bytes: Uint8Array, isWithinHead = false): void {
    let consumed: number;
    try {
      consumed = this.#reader.read(bytes);
    } catch (fault) {
      return this.#fail(toProxyError(fault));
    }
    if (isWithinHead && this.#headSent) this.#owner.onForwardProgress();
    this.#context.outbox.flush();
    if (this.#switched) return this.#handOver(bytes.subarray(consumed));
    if (this.#responseComplete) {
      // What follows a body that was moved has not been read yet.
      return this.#finish(consumed < bytes.length || (bytes.length === 0 && this.#isMoreReadable()));
    }
    if (this.#download.isPlanned) return this.#download.start(this.#upstream, this.#owner.clientId);
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
    this.#stopMoves();
    this.#upstream = -1;
    if (this.#request === undefined) return;
    if (this.#mayRetry()) return this.#retry();
    if (!reset) return this.onEnd();
    const when = this.#responseSeen ? "in the middle of its answer" : "before an answer";
    this.#fail(this.#terminated(when));
  }

  onDrain(): void {
    this.#upload.onDrain();
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
    this.#clientKeepAlive = this.#owner.onResponseHead(head) && this.#upload.isComplete &&
      this.#framing !== "until-close";
    this.#headSent = true;
    this.#sendHead(head, this.#framing, this.#clientKeepAlive, false);
  }

  onResponseBody(bytes: Uint8Array): void {
    this.#planDownload(bytes);
  }

  onResponseEnd(trailers: Fields | undefined): void {
    this.#responseComplete = true;
    if (this.#framing === "chunked") this.#toClient(this.#context.chunkedWriter.end(trailers));
  }

  #terminated(when: string): ProxyError {
    return new ProxyError("connection_terminated", `${this.#host}: the upstream reset the connection ${when}`);
  }

  #isMoreReadable(): boolean {
    return (this.#context.engine.readableBytes?.(this.#upstream) ?? 0) > 0;
  }

  /** Sends a piece of the response, and plans the moving of what is certain to follow it. */
  #planDownload(bytes: Uint8Array): void {
    const chunked = this.#framing === "chunked";
    const { expectedBytes } = this.#reader;
    // A body that ends with the connection becomes chunks, each of as much as is there already.
    const isLong = expectedBytes !== Infinity || !chunked || bytes.length === 0 || bytes.length >= LONG_READ_BYTES;
    const movedBytes = isLong ? this.#download.plan(this.#upstream, expectedBytes, chunked) : 0;
    if (!chunked) this.#toClient(bytes);
    else if (bytes.length + movedBytes > 0) this.#toClient(this.#context.chunkedWriter.chunk(bytes, movedBytes));
  }

  /** Forgets the moves, which end with the upstream connection. */
  #stopMoves(): void {
    this.#owner.onClientBytes(this.#download.stop());
    this.#upload.stop();
  }

  #closeUpstream(): void {
    if (this.#upstream < 0) return;
    this.#stopMoves();
    const upstream = this.#upstream;
    this.#upstream = -1;
    this.#context.close(upstream);
  }

  #sendHead(head: ResponseHead, framing: Framing["kind"], keepAlive: boolean, upgrade: boolean): void {
    const clientMinorVersion = this.#request?.head.minorVersion ?? 1;
    const epochMs = this.#context.clock.epochMs();
    const change = { viaLine: this.#context.viaLine, framing, keepAlive, clientMinorVersion, upgrade, epochMs };
    this.#toClient(writeResponseHead(this.#context.headWriter, head, change));
  }

  #toClient(bytes: Uint8Array): void {
    this.#context.outbox.add(this.#owner.clientId, bytes);
    this.#owner.onClientBytes(bytes.length);
  }

  #finish(excess: boolean): void {
    const reusable = this.#upstreamKeepAlive && this.#upload.isComplete && !excess && this.#clientKeepAlive;
    this.#request = undefined;
    this.#upload.forget();
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
    return this.#reused && !this.#responseSeen && this.#upload.mayBeSentAgain;
  }

  #retry(): void {
    this.#reused = false;
    this.#request = undefined;
    this.#closeUpstream();
    this.#owner.onForwardRetry();
  }
}

function clientFraming(upstream: Framing["kind"], clientMinorVersion: 0 | 1): Framing["kind"] {
  if (upstream !== "chunked" && upstream !== "until-close") return upstream;
  return clientMinorVersion === 1 ? "chunked" : "until-close";
}
