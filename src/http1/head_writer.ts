// Owns the one place where heads are written. Refuses what would split a message; knows nothing of which fields are due.
import type { Fields } from "./fields.ts";
import { OctetBuffer } from "./octet_buffer.ts";
import { COLON, OCTET_CLASS, SP, TOKEN } from "./octets.ts";

/** Makes the line of a field that many heads will have, CRLF included. Throws Error as `HeadWriter.field` does. */
export function formatFieldLine(name: string, value: string): Uint8Array {
  const writer = new HeadWriter();
  writer.begin("");
  writer.field(name, value);
  // Behind the empty start line, before the empty line at the end.
  return writer.end().slice(2, -2);
}

/**
 * Writes heads into one reused buffer: `begin`, then `field` and `copy`, then `end`.
 *
 * Throws Error (a mistake of the caller's) where text holds a control character or a name is no token.
 */
export class HeadWriter {
  readonly #buffer = new OctetBuffer();
  // Fields that lie side by side in the section they came from are copied as one range: [start, end) is the one at hand.
  #source: Fields | undefined;
  #start = 0;
  #end = 0;

  /** Begins a head by its start line, without CRLF. The view that `end()` gave is void. */
  begin(startLine: string): void {
    this.#source = undefined;
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
    this.#copyRange();
    this.#buffer.text(name);
    this.#buffer.octet(COLON);
    this.#buffer.octet(SP);
    this.#buffer.text(value);
    this.#buffer.crlf();
  }

  /** Adds a field under the name by which another was received. A reader has checked the name. */
  rename(fields: Fields, index: number, value: string): void {
    this.#copyRange();
    this.#buffer.append(fields.octets, fields.nameStart(index), fields.nameEnd(index));
    this.#buffer.octet(COLON);
    this.#buffer.octet(SP);
    this.#buffer.text(value);
    this.#buffer.crlf();
  }

  /** Adds a line that `formatFieldLine` made. */
  line(octets: Uint8Array): void {
    this.#copyRange();
    this.#buffer.append(octets, 0, octets.length);
  }

  /** Adds one field as it was received, octet for octet, but for blanks behind the value. A reader has checked it. `fields` must be valid until `end()`. */
  copy(fields: Fields, index: number): void {
    if (!(index < fields.count)) throw new RangeError(`Cannot copy field ${index}: there are ${fields.count}`);
    const start = fields.nameStart(index);
    // Two octets between a value and the next name are the CRLF that is due there; blanks would make more of them.
    if (this.#source !== fields || start !== this.#end + 2) {
      this.#copyRange();
      this.#source = fields;
      this.#start = start;
    }
    this.#end = fields.valueEnd(index);
  }

  /** Ends the head: a view on the reused buffer, valid until the next `begin()`. */
  end(): Uint8Array {
    this.#copyRange();
    this.#buffer.crlf();
    return this.#buffer.view();
  }

  #copyRange(): void {
    if (this.#source === undefined) return;
    this.#buffer.append(this.#source.octets, this.#start, this.#end);
    this.#buffer.crlf();
    this.#source = undefined;
  }
}
