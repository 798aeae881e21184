// Owns one section of fields: its octets as received and where each name and value lies. Knows no framing and no policy.
import { type FieldId, fieldIdOf } from "./field_names.ts";
import { COMMA, HTAB, SP } from "./octets.ts";

export { FIELD, type FieldId } from "./field_names.ts";

const STRIDE = 4;
const INITIAL_FIELDS = 16;
const INITIAL_OCTETS = 512;
/** A section larger than this does not leave its buffer behind with an idle connection. */
const KEPT_OCTETS = 4096;

const NO_OCTETS = new Uint8Array(0);

/**
 * The fields of a head or a trailer section, in order, with repeats.
 *
 * A reader makes and owns it, and fills it anew for each message: it is valid until that reader's `next()` or
 * `begin()`, an interim response's until the callback returns. Strings are latin1, one character per octet, and
 * are made at each call.
 */
export class Fields {
  #octets: Uint8Array = NO_OCTETS;
  #length = 0;
  #offsets = new Int32Array(INITIAL_FIELDS * STRIDE);
  #ids = new Uint8Array(INITIAL_FIELDS);
  #count = 0;
  #present = 0;

  /** How many field lines there are. */
  get count(): number {
    return this.#count;
  }

  /** The octets of the whole section as received; offsets below point into it. Not to be written to. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** The name as received. */
  name(index: number): string {
    const at = this.#at(index);
    return latin1(this.#octets, this.#offsets[at]!, this.#offsets[at + 1]!);
  }

  /** The value as received, without the SP and HTAB around it. */
  value(index: number): string {
    const at = this.#at(index);
    return latin1(this.#octets, this.#offsets[at + 2]!, this.#offsets[at + 3]!);
  }

  /** The number of the name, `FIELD.OTHER` (0) if it is not a known one. */
  id(index: number): FieldId {
    return this.#ids[this.#at(index) >> 2] as FieldId;
  }

  /** The value of the first field of this name. */
  get(id: FieldId): string | undefined {
    const index = this.indexOf(id);
    return index < 0 ? undefined : this.value(index);
  }

  /** Whether there is a field of this name. */
  has(id: FieldId): boolean {
    return (this.#present & (1 << id)) !== 0;
  }

  /** The index of the first field of this name from `from` on, or -1. */
  indexOf(id: FieldId, from = 0): number {
    if (!this.has(id)) return -1;
    for (let i = from; i < this.#count; i++) if (this.#ids[i] === id) return i;
    return -1;
  }

  /** Whether a comma-separated element of this name's values, taken together, is exactly `token`; `token` is lower case, case of the values does not count. */
  listHas(id: FieldId, token: string): boolean {
    for (let i = this.indexOf(id); i >= 0; i = this.indexOf(id, i + 1)) {
      const octets = this.#octets;
      const end = this.valueEnd(i);
      let start = this.valueStart(i);
      while (start <= end) {
        let stop = start;
        while (stop < end && octets[stop] !== COMMA) stop++;
        if (elementIs(octets, start, stop, token)) return true;
        start = stop + 1;
      }
    }
    return false;
  }

  /** Where the name begins in `octets`. */
  nameStart(index: number): number {
    return this.#offsets[index * STRIDE]!;
  }

  /** Where the name ends in `octets`. */
  nameEnd(index: number): number {
    return this.#offsets[index * STRIDE + 1]!;
  }

  /** Where the trimmed value begins in `octets`. */
  valueStart(index: number): number {
    return this.#offsets[index * STRIDE + 2]!;
  }

  /** Where the trimmed value ends in `octets`. */
  valueEnd(index: number): number {
    return this.#offsets[index * STRIDE + 3]!;
  }

  /** Forgets everything. For the reader that owns it. */
  clear(): void {
    this.#length = 0;
    this.#count = 0;
    this.#present = 0;
    if (this.#octets.length > KEPT_OCTETS) this.#octets = NO_OCTETS;
  }

  /** Copies a piece of the section behind what is there. For the reader that owns it. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#octets.length) {
      const grown = new Uint8Array(Math.max(length, this.#octets.length * 2, INITIAL_OCTETS));
      grown.set(this.#octets.subarray(0, this.#length));
      this.#octets = grown;
    }
    this.#octets.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Adds a field that begins at this offset of the section. For the reader that owns it. */
  open(nameStart: number): void {
    if (this.#count === this.#ids.length) {
      const offsets = new Int32Array(this.#offsets.length * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
      this.#ids = new Uint8Array(this.#ids.length * 2);
    }
    this.#offsets[this.#count * STRIDE] = nameStart;
    this.#count++;
  }

  /** Sets where the last field's name ends (1), its value begins (2) or its line ends (3). For the reader that owns it. */
  mark(part: 1 | 2 | 3, offset: number): void {
    this.#offsets[(this.#count - 1) * STRIDE + part] = offset;
  }

  /** Trims the values and numbers the names, once every octet is there. For the reader that owns it. */
  finish(): void {
    const octets = this.#octets;
    const offsets = this.#offsets;
    let present = 0;
    for (let i = 0; i < this.#count; i++) {
      const at = i * STRIDE;
      const start = offsets[at + 2]!;
      let end = offsets[at + 3]!;
      while (end > start && (octets[end - 1] === SP || octets[end - 1] === HTAB)) end--;
      offsets[at + 3] = end;
      const id = fieldIdOf(octets, offsets[at]!, offsets[at + 1]!);
      this.#ids[i] = id;
      present |= 1 << id;
    }
    this.#present = present;
  }

  /** Drops the fields that are marked by 1. For the reader that owns it. */
  dropMarked(marks: Uint8Array): void {
    let kept = 0;
    let present = 0;
    for (let i = 0; i < this.#count; i++) {
      if (marks[i] === 1) continue;
      this.#offsets.copyWithin(kept * STRIDE, i * STRIDE, (i + 1) * STRIDE);
      this.#ids[kept] = this.#ids[i]!;
      present |= 1 << this.#ids[i]!;
      kept++;
    }
    this.#count = kept;
    this.#present = present;
  }

  #at(index: number): number {
    if (!(index >= 0 && index < this.#count)) {
      throw new RangeError(`Cannot read field ${index}: there are ${this.#count}`);
    }
    return index * STRIDE;
  }
}

const asciiDecoder = new TextDecoder();
/** Below this a loop is faster than the decoder and its view; above, by three times at 50 octets and more beyond. */
const DECODER_OCTETS = 16;
/** Arguments of one call; engines bound them. */
const PIECE_OCTETS = 4096;

/** Decodes octets to a string of one character each. (TextDecoder's latin1 is windows-1252 and would change 0x80-0x9f.) */
export function latin1(octets: Uint8Array, start: number, end: number): string {
  let text = "";
  if (end - start < DECODER_OCTETS) {
    for (let i = start; i < end; i++) text += String.fromCharCode(octets[i]!);
    return text;
  }
  let seen = 0;
  for (let i = start; i < end; i++) seen |= octets[i]!;
  if (seen < 0x80) return asciiDecoder.decode(octets.subarray(start, end));
  for (let i = start; i < end; i += PIECE_OCTETS) {
    text += String.fromCharCode(...octets.subarray(i, Math.min(end, i + PIECE_OCTETS)));
  }
  return text;
}

/** Whether the octets, less the SP and HTAB around them, spell `token`, which is lower case. */
export function elementIs(octets: Uint8Array, start: number, end: number, token: string): boolean {
  while (start < end && (octets[start] === SP || octets[start] === HTAB)) start++;
  while (end > start && (octets[end - 1] === SP || octets[end - 1] === HTAB)) end--;
  if (end - start !== token.length) return false;
  for (let i = 0; i < token.length; i++) {
    let octet = octets[start + i]!;
    if (octet >= 0x41 && octet <= 0x5a) octet |= 0x20;
    if (octet !== token.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether two token ranges spell the same name, whatever their case. */
export function sameName(
  a: Uint8Array,
  aStart: number,
  b: Uint8Array,
  bStart: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) {
    let x = a[aStart + i]!;
    let y = b[bStart + i]!;
    if (x === y) continue;
    if (x >= 0x41 && x <= 0x5a) x |= 0x20;
    if (y >= 0x41 && y <= 0x5a) y |= 0x20;
    if (x !== y) return false;
  }
  return true;
}
