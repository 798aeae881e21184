// Owns the reading of responses, one after another, from an upstream's bytes. Knows nothing of policy or sockets.
import { ProxyError } from "../errors.ts";
import { MAX_HEAD_BYTES, MAX_INTERIM_RESPONSES } from "../limits.ts";
import { BodyReader } from "./body_reader.ts";
import { checkConnection, wantsKeepAlive } from "./connection.ts";
import { fault } from "./fault.ts";
import { FIELD, Fields, latin1 } from "./fields.ts";
import { type Framing, readContentLength, responseFraming } from "./framing.ts";
import { HeadReader } from "./head_reader.ts";
import type { ReaderState } from "./request_reader.ts";
import { StatusLine } from "./status_line.ts";

/** A response's head. `fields` of a final one is valid until `begin()`, of an interim one during the callback. */
export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** As received, latin1; may be empty. */
  readonly reason: string;
  /** 1 stands for HTTP/1.1 and later. */
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
  readonly framing: Framing;
  /** Whether the connection can be used again once this response is whole, unless bytes are left over behind it. */
  readonly keepAlive: boolean;
}

/** What a `ResponseReader` tells. */
export interface ResponseSink {
  /** A 1xx that is not 101. More will follow. */
  onInterimHead(head: ResponseHead): void;
  /** The final head, or 101: then the reader is "done", no end is told, and what follows is no HTTP/1. */
  onResponseHead(head: ResponseHead): void;
  /** The view is valid during the call. Never empty. */
  onResponseBody(bytes: Uint8Array): void;
  /** The response is whole. Trailers are valid until `begin()`. */
  onResponseEnd(trailers: Fields | undefined): void;
}

/**
 * Reads responses strictly: a fault is a ProxyError `http_protocol_error`, and the reader is dead after it.
 *
 * Events do not depend on how the bytes are cut into calls. Bytes behind a whole response are not taken: an upstream
 * that sends them is out of step, and its connection is to be closed.
 */
export class ResponseReader {
  readonly #sink: ResponseSink;
  readonly #fields = new Fields();
  readonly #line = new StatusLine();
  readonly #head = new HeadReader("upstream", this.#fields, this.#line, MAX_HEAD_BYTES, "response head");
  readonly #body: BodyReader;
  #state: ReaderState = "done";
  #requestMethod = "";
  #interimCount = 0;
  #stopped = false;
  #fault: unknown;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
    this.#body = new BodyReader("upstream", (bytes) => sink.onResponseBody(bytes));
  }

  /** "done" before the first `begin()` too. "head" also between an interim response and what follows it. */
  get state(): ReaderState {
    return this.#state;
  }

  /** Makes ready for the response to a request of this method. Only before the first one or behind a whole one: another connection wants another reader. */
  begin(requestMethod: string): void {
    if (this.#state !== "done") throw new Error(`Cannot begin the next response: the reader is ${this.#state}`);
    this.#state = "idle";
    this.#requestMethod = requestMethod;
    this.#interimCount = 0;
    this.#head.reset();
  }

  /**
   * Reads on, at most to the end of one final response, and returns how many bytes it took.
   *
   * After a `stop()` what is left to be told is told by the next call, which may be given no bytes. In state "done" it
   * takes nothing. Throws ProxyError `http_protocol_error` at the first fault, and the same again whenever it is called
   * after that. An error that the sink throws passes through and kills the reader too.
   */
  read(bytes: Uint8Array): number {
    if (this.#state === "dead") throw this.#fault;
    try {
      return this.#advance(bytes);
    } catch (error) {
      throw this.#die(error);
    }
  }

  /**
   * Takes note of the upstream's FIN: it completes a body that ends with the connection and what a `stop()` left untold.
   *
   * Throws ProxyError: `connection_terminated` where nothing had come, `http_protocol_error` where the response is cut short.
   */
  end(): void {
    if (this.#state === "dead") throw this.#fault;
    if (this.#state === "done") return;
    try {
      if (this.#state === "idle" || this.#state === "head") {
        const where = this.#state === "idle" ? "before it" : "within its head";
        throw new ProxyError(
          "connection_terminated",
          `Cannot read the response: the upstream closed the connection ${where}`,
        );
      }
      this.#body.end();
      this.#tellEnd();
    } catch (error) {
      throw this.#die(error);
    }
  }

  /** Octets of body data that come next for certain, Infinity for all up to the connection's end; in `onResponseBody` those behind the piece at hand. */
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
    while (this.#state === "idle" || this.#state === "head") {
      if (at === bytes.length) return at;
      this.#state = "head";
      at = this.#head.read(bytes, at);
      if (!this.#head.complete) return at;
      this.#tellHead();
      if (this.#stopped) return at;
    }
    if (this.#state === "body") {
      at = this.#body.read(bytes, at);
      if (!this.#stopped && this.#body.complete) this.#tellEnd();
    }
    return at;
  }

  #tellHead(): void {
    const fields = this.#fields;
    const { status, minorVersion, reasonStart, reasonEnd } = this.#line;
    const framing = responseFraming(fields, minorVersion, status, this.#requestMethod);
    checkConnection(fields, "upstream");
    const reason = reasonOf(status, fields.octets, reasonStart, reasonEnd);
    const keepAlive = framing.kind !== "until-close" && !mayHaveStrayBody(fields, status) &&
      wantsKeepAlive(fields, minorVersion, "upstream");
    const head: ResponseHead = { status, reason, minorVersion, fields, framing, keepAlive };
    if (status < 200 && status !== 101) {
      this.#interimCount++;
      if (this.#interimCount > MAX_INTERIM_RESPONSES) {
        throw fault(
          "upstream",
          `Cannot wait for the response: more than ${MAX_INTERIM_RESPONSES} interim ones came before it`,
        );
      }
      this.#sink.onInterimHead(head);
      this.#head.reset();
      return;
    }
    this.#body.begin(framing);
    this.#state = status === 101 ? "done" : "body";
    this.#sink.onResponseHead(head);
  }

  #tellEnd(): void {
    this.#state = "done";
    this.#sink.onResponseEnd(this.#body.trailers(this.#fields));
  }

  #die(error: unknown): unknown {
    this.#state = "dead";
    this.#fault = error;
    return error;
  }
}

/** Whether a response that can have no body announces one: its sender may send it all the same, and the next response would begin with it. */
function mayHaveStrayBody(fields: Fields, status: number): boolean {
  if (status >= 200 && status !== 204) return false;
  return fields.has(FIELD.TRANSFER_ENCODING) || (readContentLength("upstream", fields) ?? 0) > 0;
}

function reasonOf(status: number, octets: Uint8Array, start: number, end: number): string {
  return status === 200 && end - start === 2 && octets[start] === 0x4f && octets[start + 1] === 0x4b
    ? "OK"
    : latin1(octets, start, end);
}
