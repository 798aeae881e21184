// Owns the request line (RFC 9112 §3): three parts, one SP between them, CRLF behind. Knows nothing of what a target means.
import { MAX_REQUEST_LINE_BYTES } from "../limits.ts";
import { describeOctet, fault } from "./fault.ts";
import type { StartLine } from "./head_reader.ts";
import { CR, LF, OCTET_CLASS, SP, TARGET, TOKEN } from "./octets.ts";

// The states, in the order of the line. VERSION + n is the state before octet n of the version.
const METHOD = 0;
const METHOD_REST = 1;
const TARGET_START = 2;
const TARGET_REST = 3;
const VERSION = 4;
const MAJOR = VERSION + 5;
const MINOR = VERSION + 7;
const LINE_CR = VERSION + 8;
const LINE_LF = VERSION + 9;
const COMPLETE = VERSION + 10;

const VERSION_OCTETS = new TextEncoder().encode("HTTP/1.");
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Reads a request line and keeps where its parts lie, as offsets in the head. */
export class RequestLine implements StartLine {
  #state = METHOD;
  #major = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  minorVersion: 0 | 1 = 1;

  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  reset(): void {
    this.#state = METHOD;
  }

  /** See `StartLine`. A line of more than MAX_REQUEST_LINE_BYTES before its CRLF is a 414. */
  scan(bytes: Uint8Array, from: number, end: number, origin: number): number {
    const lineEnd = Math.min(end, origin + MAX_REQUEST_LINE_BYTES);
    let at = from;
    let state = this.#state;
    while (at < lineEnd && state < LINE_CR) {
      if (state === METHOD) {
        if ((OCTET_CLASS[bytes[at]!]! & TOKEN) === 0) {
          throw bad(`${describeOctet(bytes[at]!)} where a method should be`);
        }
        at++;
        state = METHOD_REST;
      }
      if (state === METHOD_REST) {
        while (at < lineEnd && (OCTET_CLASS[bytes[at]!]! & TOKEN) !== 0) at++;
        if (at === lineEnd) break;
        if (bytes[at] !== SP) throw bad(`${describeOctet(bytes[at]!)} in the method`);
        this.methodEnd = at - origin;
        at++;
        state = TARGET_START;
        if (at === lineEnd) break;
      }
      if (state === TARGET_START) {
        if ((OCTET_CLASS[bytes[at]!]! & TARGET) === 0) {
          throw bad(`${describeOctet(bytes[at]!)} where the target should be`);
        }
        this.targetStart = at - origin;
        at++;
        state = TARGET_REST;
      }
      if (state === TARGET_REST) {
        while (at < lineEnd && (OCTET_CLASS[bytes[at]!]! & TARGET) !== 0) at++;
        if (at === lineEnd) break;
        if (bytes[at] !== SP) throw badInTarget(bytes[at]!);
        this.targetEnd = at - origin;
        at++;
        state = VERSION;
      }
      while (at < lineEnd && state < LINE_CR) {
        this.#checkVersionOctet(state, bytes[at]!);
        at++;
        state++;
      }
    }
    if (at < end && state < LINE_CR) {
      throw fault("client", `Cannot read the request line: it has more than ${MAX_REQUEST_LINE_BYTES} bytes`, 414);
    }
    if (at < end && state === LINE_CR) {
      if (bytes[at] !== CR) throw bad(`${describeOctet(bytes[at]!)} behind the version`);
      at++;
      state = LINE_LF;
    }
    if (at < end && state === LINE_LF) {
      if (bytes[at] !== LF) throw bad("a bare CR behind the version");
      at++;
      state = COMPLETE;
    }
    this.#state = state;
    return at;
  }

  #checkVersionOctet(state: number, octet: number): void {
    if (state === MINOR) {
      if (octet < ZERO || octet > NINE) throw bad(`${describeOctet(octet)} in the version`);
      this.minorVersion = octet === ZERO ? 0 : 1;
    } else if (state === MAJOR && octet >= ZERO && octet <= NINE) {
      this.#major = octet;
      if (octet > ZERO + 1) throw unknownVersion();
    } else if (state === MAJOR + 1 && octet === DOT && this.#major === ZERO) {
      throw unknownVersion();
    } else if (octet !== VERSION_OCTETS[state - VERSION]) {
      throw bad(`${describeOctet(octet)} in the version, which should be HTTP/1.1 or HTTP/1.0`);
    }
  }
}

function unknownVersion(): Error {
  return fault("client", "Cannot speak this version of HTTP: only HTTP/1.1 and HTTP/1.0 are known", 505);
}

function badInTarget(octet: number): Error {
  return bad(
    octet === CR || octet === LF ? "the version is missing" : `${describeOctet(octet)} in the target`,
  );
}

function bad(state: string): Error {
  return fault("client", `Cannot read the request line: ${state}`);
}
