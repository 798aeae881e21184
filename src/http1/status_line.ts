// Owns the status line of a response (RFC 9112 §4), read strictly. Knows nothing of what a status means.
import { describeOctet, fault } from "./fault.ts";
import type { StartLine } from "./head_reader.ts";
import { CR, LF, OCTET_CLASS, SP, VALUE } from "./octets.ts";

// The states, in the order of the line. Up to AFTER_STATUS each is the state before the octet of that offset.
const MINOR = 7;
const FIRST_DIGIT = 9;
const AFTER_STATUS = 12;
const REASON = 13;
const LINE_LF = 14;
const COMPLETE = 15;

const VERSION_OCTETS = new TextEncoder().encode("HTTP/1.");
const ZERO = 0x30;

/** Reads a status line and keeps its parts; the reason lies at [reasonStart, reasonEnd) of the head. */
export class StatusLine implements StartLine {
  #state = 0;
  minorVersion: 0 | 1 = 1;
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;

  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  reset(): void {
    this.#state = 0;
    this.status = 0;
  }

  /** See `StartLine`. */
  scan(bytes: Uint8Array, from: number, end: number, origin: number): number {
    let at = from;
    let state = this.#state;
    while (at < end && state < AFTER_STATUS) {
      this.#checkOctet(state, bytes[at]!);
      at++;
      state++;
    }
    if (at < end && state === AFTER_STATUS) {
      // RFC 9112 §4 wants the SP even without a phrase; servers that leave it out are many, and nothing hangs on it.
      if (bytes[at] !== SP && bytes[at] !== CR) throw bad(`${describeOctet(bytes[at]!)} behind the status`);
      if (bytes[at] === SP) at++;
      this.reasonStart = at - origin;
      state = REASON;
    }
    if (at < end && state === REASON) {
      while (at < end && (OCTET_CLASS[bytes[at]!]! & VALUE) !== 0) at++;
      if (at < end) {
        if (bytes[at] !== CR) throw bad(`${describeOctet(bytes[at]!)} in the reason phrase`);
        this.reasonEnd = at - origin;
        at++;
        state = LINE_LF;
      }
    }
    if (at < end && state === LINE_LF) {
      if (bytes[at] !== LF) throw bad("a bare CR in the reason phrase");
      at++;
      state = COMPLETE;
    }
    this.#state = state;
    return at;
  }

  #checkOctet(state: number, octet: number): void {
    if (state < MINOR) {
      if (octet !== VERSION_OCTETS[state]) {
        throw bad(`${describeOctet(octet)} in the version, which should be HTTP/1.1 or HTTP/1.0`);
      }
      return;
    }
    const digit = octet - ZERO;
    if (state === MINOR) {
      if (digit < 0 || digit > 9) throw bad(`${describeOctet(octet)} in the version`);
      this.minorVersion = digit === 0 ? 0 : 1;
    } else if (state < FIRST_DIGIT) {
      if (octet !== SP) throw bad(`${describeOctet(octet)} behind the version`);
    } else {
      if (digit < 0 || digit > 9) throw bad(`${describeOctet(octet)} in the status`);
      if (state === FIRST_DIGIT && (digit < 1 || digit > 5)) {
        throw bad(`a status that begins with ${digit}, not 1 to 5`);
      }
      this.status = this.status * 10 + digit;
    }
  }
}

function bad(state: string): Error {
  return fault("upstream", `Cannot read the status line: ${state}`);
}
