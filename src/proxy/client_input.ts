// Owns what a client sends: parsed when its session can deal with it, held within a bound when not, and paused beyond it.
import { ProxyError } from "../errors.ts";
import type { Fields } from "../http1/fields.ts";
import { type RequestHead, RequestReader, type RequestSink } from "../http1/request_reader.ts";
import { MAX_EARLY_BYTES } from "../limits.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import type { ProxyContext } from "./context.ts";

const NOTHING = new Uint8Array(0);

/** The session whose input it is. */
export interface InputOwner {
  readonly clientId: ConnectionId;
  /** Whether what comes is to be parsed now, or held. */
  readonly mayRead: boolean;
  /** The first octets of a new head came, but not all of it. */
  onHeadStarted(): void;
  /** A head is whole; `complete`: so is the request. Nothing behind it has been read. */
  onHead(head: RequestHead, complete: boolean): void;
  /** A part of the body; so many octets of it, or of its chunk, are certain to follow. */
  onBody(bytes: Uint8Array, expectedBytes: number): void;
  onBodyEnd(trailers: Fields | undefined): void;
  /** So many octets of the request in hand were read; told before its head is. */
  onConsumed(count: number): void;
  /** What came is malformed; nothing more is read. */
  onFault(error: ProxyError): void;
}

/** Reads one client connection's requests, one at a time, in order. */
export class ClientInput implements RequestSink {
  readonly #context: ProxyContext;
  readonly #owner: InputOwner;
  #reader: RequestReader | undefined = new RequestReader(this);
  #held: Uint8Array = NOTHING;
  #head: RequestHead | undefined;
  #blocked = false;
  #paused = false;

  constructor(context: ProxyContext, owner: InputOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether nothing has come since the last request. */
  get idle(): boolean {
    return this.#reader?.state === "idle" && this.#held.length === 0;
  }

  /** Whether octets are held that nobody has read. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Takes octets as they come. The view need not outlive the call. */
  take(bytes: Uint8Array): void {
    const rest = this.#held.length === 0 ? this.#read(bytes) : bytes;
    if (rest.length > 0) this.#hold(rest.slice());
  }

  /** Whether the upstream has stopped the upload. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether a request is whole, so that the next one may follow. */
  get complete(): boolean {
    return this.#reader?.state === "done";
  }

  /** Reads what was held, as far as the session can deal with it now. */
  readOn(): void {
    while (this.#held.length > 0 && this.#owner.mayRead) {
      const held = this.#held;
      this.#held = NOTHING;
      const rest = this.#read(held);
      if (rest.length > 0) this.#hold(rest);
      if (rest.length === held.length) return;
    }
  }

  /** Takes note that so many octets of the body went another way, and tells its end where that was all of it. */
  skip(count: number): void {
    this.#owner.onConsumed(count);
    this.#reader?.skip(count);
    this.#reader?.read(NOTHING);
  }

  /** Makes ready for the next request, behind a complete one. */
  next(): void {
    this.#reader?.next();
  }

  /** Ends the reading of requests for good, and lets go of what it took: the connection is a tunnel's. */
  end(): void {
    this.setBlocked(false);
    this.#reader = undefined;
  }

  /** Gives up what was held: early octets of a tunnel, or octets that nobody will read. */
  takeHeld(): Uint8Array {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  /** Stops and goes on reading from the socket, on the upstream's behalf. */
  setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.updatePause();
  }

  /** Pauses the socket while more is held than is good, or while the upstream is slow. */
  updatePause(): void {
    const pause = this.#blocked || this.#held.length >= MAX_EARLY_BYTES;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#context.engine.pause(this.#owner.clientId);
    else this.#context.engine.resume(this.#owner.clientId);
  }

  onRequestHead(head: RequestHead): void {
    this.#head = head;
    this.#reader?.stop();
  }

  onRequestBody(bytes: Uint8Array): void {
    this.#owner.onBody(bytes, this.#reader?.expectedBytes ?? 0);
  }

  onRequestEnd(trailers: Fields | undefined): void {
    if (this.#head === undefined) this.#owner.onBodyEnd(trailers);
  }

  /** Reads as much as can be dealt with; returns the rest, a view on `bytes`. */
  #read(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (rest.length > 0 && this.#owner.mayRead) {
      const reader = this.#reader;
      if (reader === undefined) return rest;
      let consumed: number;
      try {
        consumed = reader.read(rest);
      } catch (fault) {
        this.#owner.onFault(toProxyError(fault));
        return NOTHING;
      }
      rest = rest.subarray(consumed);
      this.#owner.onConsumed(consumed);
      if (this.#head !== undefined) this.#tellHead(reader, this.#head);
      else if (reader.state === "head") this.#owner.onHeadStarted();
      if (consumed === 0) break;
    }
    return rest;
  }

  #tellHead(reader: RequestReader, head: RequestHead): void {
    const { framing } = head;
    if (framing.kind === "none" || (framing.kind === "length" && framing.lengthBytes === 0)) reader.read(NOTHING);
    this.#head = undefined;
    this.#owner.onHead(head, reader.state === "done");
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held.length === 0) {
      this.#held = bytes;
      return;
    }
    const joined = new Uint8Array(this.#held.length + bytes.length);
    joined.set(this.#held);
    joined.set(bytes, this.#held.length);
    this.#held = joined;
  }
}

/** Anything that is not a known fault is an internal error: refused, never let through. */
export function toProxyError(fault: unknown): ProxyError {
  return fault instanceof ProxyError ? fault : new ProxyError("proxy_internal_error", "could not read the message");
}
