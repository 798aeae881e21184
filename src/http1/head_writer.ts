// Owns the one place where heads are written. Refuses what would split a message; knows nothing of which fields are due.
import type { Fields } from "./fields.ts";
import { OctetBuffer } from "./octet_buffer.ts";
import { COLON, OCTET_CLASS, SP, TOKEN } from "./octets.ts";

/**
 * Writes heads into one reused buffer: `begin`, then `field` and `copy`, then `end`.
 *
 * Throws Error (a mistake of the caller's) where text holds a control character or a name is no token.
 */
export class HeadWriter {
  readonly #buffer = new OctetBuffer();

  /** Begins a head by its start line, without CRLF. The view that `end()` gave is void. */
  begin(startLine: string): void {
    this.#buffer.clear();
    this.#buffer.text(startLine);
    this.#buffer.crlf();
  }

  /** Adds a field; both are latin1 text. */
  field(name: string, value: string): void {
    for (let i = 0; i < name.length; i++) {
      if (((OCTET_CLASS[name.charCodeAt(i)] ?? 0) & TOKEN) === 0) {
        throw new Error("Cannot write a field: its name is no token");
      }
    }
    if (name === "") throw new Error("Cannot write a field: its name is empty");
    this.#buffer.text(name);
    this.#buffer.octet(COLON);
    this.#buffer.octet(SP);
    this.#buffer.text(value);
    this.#buffer.crlf();
  }

  /** Adds one field as it was received, octet for octet, but for blanks behind the value. A reader has checked it. */
  copy(fields: Fields, index: number): void {
    this.#buffer.append(fields.octets, fields.nameStart(index), fields.valueEnd(index));
    this.#buffer.crlf();
  }

  /** Adds every field that is not marked by 1 in `marks` (see `hopByHop`), in order. */
  copyUnmarked(fields: Fields, marks: Uint8Array): void {
    for (let i = 0; i < fields.count; i++) if (marks[i] !== 1) this.copy(fields, i);
  }

  /** Ends the head: a view on the reused buffer, valid until the next `begin()` or `append()`. */
  end(): Uint8Array {
    this.#buffer.crlf();
    return this.#buffer.view();
  }

  /** Adds bytes behind an ended head, so that head and body leave in one write: the longer view, valid as that of `end()`. */
  append(bytes: Uint8Array): Uint8Array {
    this.#buffer.append(bytes, 0, bytes.length);
    return this.#buffer.view();
  }
}
