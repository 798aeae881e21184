// Owns the reading of a start line and a section of fields, byte by byte if need be. Knows no framing; repairs nothing.
import { MAX_FIELDS } from "../limits.ts";
import { describeOctet, fault, type Sender } from "./fault.ts";
import type { Fields } from "./fields.ts";
import { COLON, CR, HTAB, LF, OCTET_CLASS, SP, TOKEN, VALUE } from "./octets.ts";

/** The part of a head that differs between requests and responses. */
export interface StartLine {
  /** Whether the line and its CRLF have been read. */
  readonly complete: boolean;
  reset(): void;
  /** Reads from `bytes[at]` to the line's end or to `end`, and returns where it stopped; an offset in the head is an index less `origin`. */
  scan(bytes: Uint8Array, at: number, end: number, origin: number): number;
}

// The states, in the order of a field line.
const FIELD_START = 0;
const NAME = 1;
const BLANK = 2;
const VALUE_OCTETS = 3;
const VALUE_LF = 4;
const END_LF = 5;
const COMPLETE = 6;

/**
 * Reads one head, or one trailer section, into a `Fields`.
 *
 * Each octet is looked at once, however the input is cut, so that the outcome cannot depend on the cut; a bound is
 * acted on at the first octet past it.
 */
export class HeadReader {
  readonly #sender: Sender;
  readonly #fields: Fields;
  readonly #startLine: StartLine | undefined;
  readonly #maxBytes: number;
  readonly #what: string;
  #state = FIELD_START;
  #length = 0;

  /** Without a start line it reads a trailer section. `what` names the thing in messages. */
  constructor(sender: Sender, fields: Fields, startLine: StartLine | undefined, maxBytes: number, what: string) {
    this.#sender = sender;
    this.#fields = fields;
    this.#startLine = startLine;
    this.#maxBytes = maxBytes;
    this.#what = what;
  }

  /** Whether the empty line at the end has been read. */
  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  /** Makes ready for another head. The fields are emptied. */
  reset(): void {
    this.#state = FIELD_START;
    this.#length = 0;
    this.#startLine?.reset();
    this.#fields.clear();
  }

  /** Reads from `bytes[from]` to the end of the head or of the bytes, and returns where it stopped. Throws ProxyError at the first fault. */
  read(bytes: Uint8Array, from: number): number {
    const origin = from - this.#length;
    const end = Math.min(bytes.length, origin + this.#maxBytes);
    let at = from;
    const startLine = this.#startLine;
    if (startLine !== undefined && !startLine.complete) at = startLine.scan(bytes, at, end, origin);
    if (startLine === undefined || startLine.complete) at = this.#scanFields(bytes, at, end, origin);
    if (this.#state !== COMPLETE && at < bytes.length) {
      throw fault(this.#sender, `Cannot read the ${this.#what}: it has more than ${this.#maxBytes} bytes`, 431);
    }
    this.#fields.append(bytes, from, at);
    this.#length = at - origin;
    if (this.#state === COMPLETE) this.#fields.finish();
    return at;
  }

  #scanFields(bytes: Uint8Array, at: number, end: number, origin: number): number {
    const fields = this.#fields;
    let state = this.#state;
    while (at < end) {
      if (state === FIELD_START) {
        const octet = bytes[at]!;
        if (octet === CR) {
          at++;
          state = END_LF;
          continue;
        }
        if ((OCTET_CLASS[octet]! & TOKEN) === 0) throw this.#badStart(octet);
        if (fields.count === MAX_FIELDS) {
          throw fault(this.#sender, `Cannot read the ${this.#what}: it has more than ${MAX_FIELDS} fields`, 431);
        }
        fields.open(at - origin);
        at++;
        state = NAME;
      }
      if (state === NAME) {
        while (at < end && (OCTET_CLASS[bytes[at]!]! & TOKEN) !== 0) at++;
        if (at === end) break;
        if (bytes[at] !== COLON) throw this.#bad(`${describeOctet(bytes[at]!)} in a field name`);
        fields.mark(1, at - origin);
        at++;
        state = BLANK;
      }
      if (state === BLANK) {
        while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
        if (at === end) break;
        fields.mark(2, at - origin);
        state = VALUE_OCTETS;
      }
      if (state === VALUE_OCTETS) {
        while (at < end && (OCTET_CLASS[bytes[at]!]! & VALUE) !== 0) at++;
        if (at === end) break;
        if (bytes[at] !== CR) throw this.#bad(`${describeOctet(bytes[at]!)} in a field value`);
        fields.mark(3, at - origin);
        at++;
        state = VALUE_LF;
        if (at === end) break;
      }
      if (bytes[at] !== LF) {
        throw this.#bad(state === END_LF ? "a bare CR at the start of a line" : "a bare CR in a field value");
      }
      at++;
      if (state === END_LF) {
        this.#state = COMPLETE;
        return at;
      }
      state = FIELD_START;
    }
    this.#state = state;
    return at;
  }

  #badStart(octet: number): Error {
    if (octet === SP || octet === HTAB) {
      return this.#bad("a line that begins with a blank (folded or before the first field)");
    }
    if (octet === COLON) return this.#bad("a field without a name");
    return this.#bad(`${describeOctet(octet)} at the start of a line`);
  }

  #bad(state: string): Error {
    return fault(this.#sender, `Cannot read the ${this.#what}: ${state}`);
  }
}
