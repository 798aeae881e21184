// Owns the chunked transfer coding, read strictly (RFC 9112 §7.1). Knows no message around it but the head's Connection.
import { MAX_CHUNK_EXTENSION_BYTES, MAX_TRAILER_BYTES } from "../limits.ts";
import { forbiddenTrailers } from "./connection.ts";
import { describeOctet, fault, type Sender } from "./fault.ts";
import { Fields } from "./fields.ts";
import { HeadReader } from "./head_reader.ts";
import { CR, HEX_VALUE, HTAB, LF, OCTET_CLASS, QUOTED, SP, TOKEN, VALUE } from "./octets.ts";

/** Leading zeros included. 16 digits would not fit 64 bits with a sign, where parsers were seen to overflow (CVE-2026-3945). */
const MAX_SIZE_DIGITS = 15;

// The states, in the order of a chunk; those of an extension follow its grammar.
const SIZE = 0;
const EXTENSION_NAME = 1;
const EXTENSION_AFTER_NAME = 2;
const EXTENSION_VALUE = 3;
const EXTENSION_TOKEN = 4;
const EXTENSION_QUOTED = 5;
const EXTENSION_ESCAPE = 6;
const EXTENSION_AFTER_VALUE = 7;
const SIZE_LF = 8;
const DATA = 9;
const DATA_CR = 10;
const DATA_LF = 11;
const TRAILERS = 12;
const COMPLETE = 13;

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Reads one chunked body. One state for each place in the grammar and no recursion (CVE-2024-25111). */
export class ChunkedReader {
  readonly #sender: Sender;
  readonly #trailers = new Fields();
  readonly #trailerReader: HeadReader;
  #state = SIZE;
  #digits = 0;
  #sizeBytes = 0;
  #extensionBytes = 0;
  /** Whether the element of an extension that is being read has any octet yet. */
  #begun = false;

  constructor(sender: Sender) {
    this.#sender = sender;
    this.#trailerReader = new HeadReader(sender, this.#trailers, undefined, MAX_TRAILER_BYTES, "trailer section");
  }

  /** Whether the last chunk and the trailer section have been read. */
  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  /** Makes ready for another body. */
  reset(): void {
    this.#state = SIZE;
    this.#digits = 0;
    this.#sizeBytes = 0;
    this.#extensionBytes = 0;
    this.#trailerReader.reset();
  }

  /** The trailers that may be passed on, once complete; undefined where there are none. Valid until `reset()`. */
  finish(head: Fields): Fields | undefined {
    const trailers = this.#trailers;
    if (trailers.count > 0) trailers.dropMarked(forbiddenTrailers(trailers, head));
    return trailers.count > 0 ? trailers : undefined;
  }

  /**
   * Reads what surrounds the data, from `bytes[from]` on, and returns where it stopped: at data (see `dataBytes`),
   * behind the body's end, or at the end of the bytes. Throws ProxyError at the first fault.
   */
  read(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length && this.#state !== DATA && this.#state !== COMPLETE) {
      if (this.#state === TRAILERS) {
        at = this.#trailerReader.read(bytes, at);
        if (this.#trailerReader.complete) this.#state = COMPLETE;
      } else {
        this.#step(bytes[at]!);
        at++;
      }
    }
    return at;
  }

  /** How many bytes of data come next; 0 when something else does. */
  get dataBytes(): number {
    return this.#state === DATA ? this.#sizeBytes : 0;
  }

  /** Takes note that this many bytes of data have been read, at most `dataBytes`. */
  skipData(countBytes: number): void {
    this.#sizeBytes -= countBytes;
    if (this.#sizeBytes === 0) this.#state = DATA_CR;
  }

  #step(octet: number): void {
    switch (this.#state) {
      case SIZE:
        this.#stepSize(octet);
        return;
      case SIZE_LF:
        if (octet !== LF) throw this.#bad("a bare CR behind a chunk size");
        this.#state = this.#sizeBytes > 0 ? DATA : TRAILERS;
        this.#digits = 0;
        return;
      case DATA_CR:
        if (octet !== CR) throw this.#bad(`${describeOctet(octet)} where a chunk's data should end`);
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        if (octet !== LF) throw this.#bad("a bare CR behind a chunk's data");
        this.#state = SIZE;
        return;
      default:
        this.#stepExtension(octet);
    }
  }

  #stepSize(octet: number): void {
    const digit = HEX_VALUE[octet]!;
    if (digit < 16) {
      if (this.#digits === 0) this.#sizeBytes = 0;
      this.#digits++;
      this.#sizeBytes = this.#sizeBytes * 16 + digit;
      if (this.#digits > MAX_SIZE_DIGITS || this.#sizeBytes > Number.MAX_SAFE_INTEGER) {
        throw this.#bad("a chunk size that is too large");
      }
      return;
    }
    if (this.#digits === 0 || (octet !== CR && octet !== SEMICOLON)) {
      throw this.#bad(`${describeOctet(octet)} in a chunk size`);
    }
    if (octet === CR) this.#state = SIZE_LF;
    else this.#enter(EXTENSION_NAME);
  }

  /** One octet of `*( ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] BWS )`. */
  #stepExtension(octet: number): void {
    const kind = OCTET_CLASS[octet]!;
    const blank = octet === SP || octet === HTAB;
    switch (this.#state) {
      case EXTENSION_NAME:
      case EXTENSION_TOKEN:
        if ((kind & TOKEN) !== 0) return this.#stay();
        if (this.#begun) return this.#leaveWord(octet, blank);
        if (blank) return this.#count();
        break;
      case EXTENSION_AFTER_NAME:
      case EXTENSION_AFTER_VALUE:
        return this.#leaveWord(octet, blank);
      case EXTENSION_VALUE:
        if (blank) return this.#count();
        if (octet === DOUBLE_QUOTE) return this.#enter(EXTENSION_QUOTED);
        if ((kind & TOKEN) !== 0) {
          this.#enter(EXTENSION_TOKEN);
          this.#begun = true;
          return;
        }
        break;
      case EXTENSION_QUOTED:
        if (octet === DOUBLE_QUOTE) return this.#enter(EXTENSION_AFTER_VALUE);
        if (octet === BACKSLASH) return this.#enter(EXTENSION_ESCAPE);
        if ((kind & QUOTED) !== 0) return this.#count();
        break;
      case EXTENSION_ESCAPE:
        if ((kind & VALUE) !== 0) return this.#enter(EXTENSION_QUOTED);
        break;
    }
    throw this.#bad(`${describeOctet(octet)} in a chunk extension`);
  }

  /** One octet behind a name or a value. */
  #leaveWord(octet: number, blank: boolean): void {
    const named = this.#state === EXTENSION_NAME || this.#state === EXTENSION_AFTER_NAME;
    if (blank) return this.#enter(named ? EXTENSION_AFTER_NAME : EXTENSION_AFTER_VALUE);
    if (octet === SEMICOLON) return this.#enter(EXTENSION_NAME);
    if (octet === EQUALS && named) return this.#enter(EXTENSION_VALUE);
    if (octet !== CR) throw this.#bad(`${describeOctet(octet)} in a chunk extension`);
    this.#state = SIZE_LF;
  }

  #enter(state: number): void {
    this.#count();
    this.#state = state;
    this.#begun = false;
  }

  #stay(): void {
    this.#count();
    this.#begun = true;
  }

  #count(): void {
    this.#extensionBytes++;
    if (this.#extensionBytes > MAX_CHUNK_EXTENSION_BYTES) {
      throw this.#bad(`more than ${MAX_CHUNK_EXTENSION_BYTES} bytes of chunk extensions`);
    }
  }

  #bad(state: string): Error {
    return fault(this.#sender, `Cannot read the chunked body: ${state}`);
  }
}
