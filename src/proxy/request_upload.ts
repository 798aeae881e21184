// Owns one request body's way to the upstream: its framing, what is kept of it for a second try, and the stops that a slow
// upstream asks for. Knows nothing of heads and answers.
import { CHUNK_END } from "../http1/chunked_writer.ts";
import type { Fields } from "../http1/fields.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { BodyMove } from "./body_move.ts";
import type { ClientInput } from "./client_input.ts";
import type { ProxyContext } from "./context.ts";

const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** The most octets of a request body that are kept for sending it again on a fresh connection. */
const MAX_REPLAY_BYTES = 64 * 1024;

/** Whose upload it is, and where the body comes from. */
export interface UploadOwner {
  readonly clientId: ConnectionId;
  readonly input: Pick<ClientInput, "setBlocked" | "skip">;
}

/** The request bodies of one client connection, one after the other. */
export class RequestUpload {
  readonly #context: ProxyContext;
  readonly #owner: UploadOwner;
  readonly #move: BodyMove;
  #upstream: ConnectionId = -1;
  #head: RequestHead | undefined;
  #sentBytes = 0;
  #replay: Uint8Array[] | undefined;
  #isBlocked = false;
  #isComplete = false;

  constructor(context: ProxyContext, owner: UploadOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#move = new BodyMove(context.engine);
  }

  /** Whether the whole body was sent. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether the engine moves the body, and the upstream does not take it. */
  get isStalled(): boolean {
    return this.#move.isUnderWay && this.#context.engine.queuedBytes(this.#upstream) > 0;
  }

  /** When the engine last moved an octet by itself, by Clock.nowMs; -Infinity while it moves none. */
  get movedMs(): number {
    return this.#move.activeMs;
  }

  /** Whether the request may be sent again, none of whose answer came: RFC 9112 §9.3.1. */
  get mayBeSentAgain(): boolean {
    if (this.#sentBytes > 0) return this.#replay !== undefined;
    // A non-idempotent request that is whole without a body may have been acted on already.
    return this.#head === undefined || IDEMPOTENT_METHODS.has(this.#head.method) || hasBody(this.#head);
  }

  /**
   * Begins with the body of a request; returns the parts of it that were kept when the connection before was lost, to be
   * sent again behind the head. `keeps`: it may have to be sent again.
   */
  begin(upstream: ConnectionId, head: RequestHead, keeps: boolean): readonly Uint8Array[] {
    const kept = this.#replay ?? [];
    this.#upstream = upstream;
    this.#head = head;
    this.#sentBytes = 0;
    this.#replay = keeps && IDEMPOTENT_METHODS.has(head.method) ? [] : undefined;
    this.#isBlocked = false;
    this.#isComplete = false;
    return kept;
  }

  /** Sends a part of the body; so many octets of it, or of its chunk, are certain to follow. */
  send(bytes: Uint8Array, expectedBytes: number): void {
    if (this.#upstream < 0) return;
    this.#sentBytes += bytes.length;
    this.#keepForReplay(bytes);
    // What is moved is not kept: not while the request may still be sent again.
    const mayMove = this.#replay === undefined;
    const movedBytes = mayMove ? this.#move.plan(this.#owner.clientId, expectedBytes, this.#isChunked) : 0;
    const { outbox, chunkedWriter } = this.#context;
    outbox.add(this.#upstream, this.#isChunked ? chunkedWriter.chunk(bytes, movedBytes) : bytes);
  }

  /** The engine has moved so many octets of the body, all that it was asked for or all that the client sent. */
  endMove(movedBytes: number): void {
    const isWhole = this.#move.end(movedBytes);
    if (isWhole && this.#isChunked) this.#context.outbox.add(this.#upstream, CHUNK_END);
    this.#owner.input.skip(movedBytes);
  }

  /** Ends the body. */
  end(trailers: Fields | undefined): void {
    this.#isComplete = true;
    if (this.#upstream < 0 || !this.#isChunked) return;
    this.#context.outbox.add(this.#upstream, this.#context.chunkedWriter.end(trailers));
  }

  /** To be called after the outbox was flushed: hands a long body to the engine, stops a short one while the upstream is slow. */
  check(): void {
    if (this.#move.isPlanned) return this.#move.start(this.#owner.clientId, this.#upstream);
    if (this.#upstream < 0 || this.#move.isUnderWay || this.#isBlocked) return;
    if (this.#context.engine.queuedBytes(this.#upstream) > 0) this.#setBlocked(true);
  }

  /** The upstream takes octets again. */
  onDrain(): void {
    if (this.#isBlocked) this.#setBlocked(false);
  }

  /** The upstream connection is gone, or about to be closed. */
  stop(): void {
    this.#upstream = -1;
    const movedBytes = this.#move.stop();
    if (movedBytes > 0) this.#owner.input.skip(movedBytes);
  }

  /** Forgets what was kept for sending it again. */
  forget(): void {
    this.#replay = undefined;
  }

  get #isChunked(): boolean {
    return this.#head?.framing.kind === "chunked";
  }

  #setBlocked(blocked: boolean): void {
    this.#isBlocked = blocked;
    this.#owner.input.setBlocked(blocked);
  }

  #keepForReplay(bytes: Uint8Array): void {
    if (this.#replay === undefined) return;
    if (this.#sentBytes > MAX_REPLAY_BYTES) this.#replay = undefined;
    else this.#replay.push(bytes.slice());
  }
}

function hasBody({ framing }: RequestHead): boolean {
  return framing.kind !== "none" && !(framing.kind === "length" && framing.lengthBytes === 0);
}
