// Owns the reading of requests, one after another, from a client's bytes. Knows nothing of targets, policy or sockets.
import { MAX_HEAD_BYTES } from "../limits.ts";
import { BodyReader } from "./body_reader.ts";
import { checkConnection, wantsKeepAlive } from "./connection.ts";
import { describeOctet, fault } from "./fault.ts";
import { Fields, latin1 } from "./fields.ts";
import { checkHost, type Framing, requestFraming } from "./framing.ts";
import { HeadReader } from "./head_reader.ts";
import { CR, LF } from "./octets.ts";
import { RequestLine } from "./request_line.ts";

/** A request's head. `fields` is valid until `next()`; the rest is plain values. */
export interface RequestHead {
  /** Any token, case kept. */
  readonly method: string;
  /** As received, latin1: visible ASCII but `#` and `\`, and octets from 0x80 on. */
  readonly target: string;
  /** 1 stands for HTTP/1.1 and later. */
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
  readonly framing: Framing;
  /** Whether the client asked to keep the connection. */
  readonly keepAlive: boolean;
}

/** What a `RequestReader` tells. */
export interface RequestSink {
  onRequestHead(head: RequestHead): void;
  /** The view is valid during the call. Never empty. */
  onRequestBody(bytes: Uint8Array): void;
  /** The request is whole; not called for CONNECT, whose head is all there is. Trailers are valid until `next()`. */
  onRequestEnd(trailers: Fields | undefined): void;
}

/** Where a reader is: before a message, in its head, in its body, behind it, or behind a fault. */
export type ReaderState = "idle" | "head" | "body" | "done" | "dead";

const MAX_EMPTY_LINES = 2;

/**
 * Reads requests strictly: what could be read in two ways is a ProxyError, and the reader is dead after it.
 *
 * Events do not depend on how the bytes are cut into calls.
 */
export class RequestReader {
  readonly #sink: RequestSink;
  readonly #fields = new Fields();
  readonly #line = new RequestLine();
  readonly #head = new HeadReader("client", this.#fields, this.#line, MAX_HEAD_BYTES, "request head");
  readonly #body: BodyReader;
  #state: ReaderState = "idle";
  #emptyLineOctets = 0;
  #stopped = false;
  #fault: unknown;

  constructor(sink: RequestSink) {
    this.#sink = sink;
    this.#body = new BodyReader("client", (bytes) => sink.onRequestBody(bytes));
  }

  get state(): ReaderState {
    return this.#state;
  }

  /**
   * Reads on, at most to the end of one message, and returns how many bytes it took; the rest is the caller's to keep.
   *
   * After a `stop()` what is left to be told is told by the next call, which may be given no bytes. In state "done" it
   * takes nothing. Throws ProxyError `http_request_error` at the first fault (400, 414, 431, 501 or 505), and the same
   * again whenever it is called after that. An error that the sink throws passes through and kills the reader too.
   */
  read(bytes: Uint8Array): number {
    if (this.#state === "dead") throw this.#fault;
    try {
      return this.#advance(bytes);
    } catch (error) {
      this.#state = "dead";
      this.#fault = error;
      throw error;
    }
  }

  /** Makes ready for the next request. Only behind a whole one. */
  next(): void {
    if (this.#state !== "done") throw new Error(`Cannot begin the next request: the reader is ${this.#state}`);
    this.#state = "idle";
    this.#emptyLineOctets = 0;
    this.#head.reset();
  }

  /** Octets of body data that come next for certain, Infinity for all up to the connection's end; in `onRequestBody` those behind the piece at hand. */
  get expectedBytes(): number {
    return this.#state === "body" ? this.#body.expectedBytes : 0;
  }

  /** Takes note that so many of the expected octets went another way; the next `read`, which may be given none, goes on behind them. */
  skip(countBytes: number): void {
    this.#body.skip(countBytes);
  }

  /** Makes `read()` return as soon as the callback that calls this is over, with nothing more told or taken. */
  stop(): void {
    this.#stopped = true;
    this.#body.stop();
  }

  #advance(bytes: Uint8Array): number {
    this.#stopped = false;
    let at = 0;
    if (this.#state === "idle") {
      at = this.#skipEmptyLines(bytes);
      if (at === bytes.length) return at;
      this.#state = "head";
    }
    if (this.#state === "head") {
      at = this.#head.read(bytes, at);
      if (!this.#head.complete) return at;
      if (!this.#tellHead()) return at;
    }
    if (this.#state === "body") {
      at = this.#body.read(bytes, at);
      if (this.#stopped || !this.#body.complete) return at;
      this.#state = "done";
      this.#sink.onRequestEnd(this.#body.trailers(this.#fields));
    }
    return at;
  }

  /** Tells the head; false where reading is not to go on. */
  #tellHead(): boolean {
    const fields = this.#fields;
    const line = this.#line;
    const minorVersion = line.minorVersion;
    const method = methodOf(fields.octets, line.methodEnd);
    const framing = requestFraming(fields, minorVersion, method);
    checkHost(fields, minorVersion, method);
    checkConnection(fields, "client");
    const target = latin1(fields.octets, line.targetStart, line.targetEnd);
    const keepAlive = wantsKeepAlive(fields, minorVersion, "client");
    this.#body.begin(framing);
    const more = method !== "CONNECT";
    this.#state = more ? "body" : "done";
    this.#sink.onRequestHead({ method, target, minorVersion, fields, framing, keepAlive });
    return more && !this.#stopped;
  }

  /** Skips at most two empty lines before a request line (RFC 9112 §2.2 asks for one at least). */
  #skipEmptyLines(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length) {
      const octet = bytes[at]!;
      if (this.#emptyLineOctets % 2 === 1) {
        if (octet !== LF) throw fault("client", `Cannot read the request line: ${describeOctet(CR)} before it`);
      } else if (octet !== CR || this.#emptyLineOctets === MAX_EMPTY_LINES * 2) break;
      this.#emptyLineOctets++;
      at++;
    }
    return at;
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "PATCH", "TRACE"];

function methodOf(octets: Uint8Array, end: number): string {
  for (const method of METHODS) {
    if (method.length !== end) continue;
    let i = 0;
    while (i < end && octets[i] === method.charCodeAt(i)) i++;
    if (i === end) return method;
  }
  return latin1(octets, 0, end);
}
