// Owns a growing buffer that is written over and over. Knows ASCII and nothing of messages.
import { HTAB, SP } from "./octets.ts";

const LOOP_OCTETS = 64;
/** Views up to this length are kept: heads are of few lengths, and a view costs as much as the copying of 200 octets. */
const MAX_KEPT_VIEW_OCTETS = 2 * 1024;

/** A buffer that grows as it is written to and keeps its storage when it is emptied. */
export class OctetBuffer {
  // An explicit ArrayBuffer, so that an engine may keep a pointer to it.
  #octets = new Uint8Array(new ArrayBuffer(16 * 1024));
  #length = 0;
  #views: (Uint8Array | undefined)[] = [];

  /** How much was written. */
  get length(): number {
    return this.#length;
  }

  /** Empties it. Views made before will change under their holders. */
  clear(): void {
    this.#length = 0;
  }

  /** What was written: a view, valid until the next write. */
  view(): Uint8Array {
    const kept = this.#views[this.#length];
    if (kept !== undefined) return kept;
    const view = this.#octets.subarray(0, this.#length);
    if (this.#length <= MAX_KEPT_VIEW_OCTETS) this.#views[this.#length] = view;
    return view;
  }

  /** Appends octets as they are. */
  append(octets: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.#reserve(count);
    const target = this.#octets;
    const at = this.#length;
    // A loop beats set() and the view that it needs, as long as a usual field is.
    if (count > LOOP_OCTETS) target.set(count === octets.length ? octets : octets.subarray(start, end), at);
    else for (let i = 0; i < count; i++) target[at + i] = octets[start + i]!;
    this.#length += count;
  }

  /** Appends one octet. */
  octet(value: number): void {
    this.#reserve(1);
    this.#octets[this.#length++] = value;
  }

  /** Appends CR LF. */
  crlf(): void {
    this.#reserve(2);
    this.#octets[this.#length++] = 0x0d;
    this.#octets[this.#length++] = 0x0a;
  }

  /** Appends latin1 text. Throws where a control character but HTAB, or a character above U+00FF, is in it: CR and LF would split the message (CWE-113). */
  text(text: string): void {
    this.#reserve(text.length);
    const target = this.#octets;
    let length = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if ((code < SP && code !== HTAB) || code === 0x7f || code > 0xff) {
        throw new Error(`Cannot write a head: character 0x${code.toString(16)} is in it`);
      }
      target[length++] = code;
    }
    this.#length = length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#octets.length) return;
    const grown = new Uint8Array(new ArrayBuffer(Math.max(needed, this.#octets.length * 2)));
    grown.set(this.#octets.subarray(0, this.#length));
    this.#octets = grown;
    this.#views = [];
  }
}
