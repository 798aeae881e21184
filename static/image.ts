// Owns a file that grows by parts at its end, and the octets of program and section headers.
import { type Section, SECTION_BYTES, type Segment, SEGMENT_BYTES } from "./elf.ts";

/** A file in the making: what was there, and what is appended. */
export class Image {
  readonly #parts: Uint8Array[];
  #lengthBytes: number;

  constructor(start: Uint8Array) {
    this.#parts = [start];
    this.#lengthBytes = start.length;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** Appends a part so that its offset has this remainder by `align`, and returns the offset. */
  append(part: Uint8Array, align: number, remainder = 0): number {
    const gap = (((remainder - this.#lengthBytes) % align) + align) % align;
    const offset = this.#lengthBytes + gap;
    this.#parts.push(new Uint8Array(gap), part);
    this.#lengthBytes = offset + part.length;
    return offset;
  }

  /** All of it in one piece. */
  join(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Formats program headers. */
export function formatSegments(segments: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(segments.length * SEGMENT_BYTES);
  const view = new DataView(bytes.buffer);
  segments.forEach(({ type, flags, offset, address, fileBytes, memoryBytes, align }, index) => {
    const at = index * SEGMENT_BYTES;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    [offset, address, address, fileBytes, memoryBytes, align]
      .forEach((word, place) => view.setBigUint64(at + 8 + place * 8, BigInt(word), true));
  });
  return bytes;
}

/** Formats section headers; `nameOffsets` are the names' places in the section of names. */
export function formatSections(sections: readonly Section[], nameOffsets: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(sections.length * SECTION_BYTES);
  const view = new DataView(bytes.buffer);
  sections.forEach(({ type, flags, address, offset, sizeBytes, link, info, align, entryBytes }, index) => {
    const at = index * SECTION_BYTES;
    view.setUint32(at, nameOffsets[index] ?? 0, true);
    view.setUint32(at + 4, type, true);
    [flags, address, offset, sizeBytes]
      .forEach((word, place) => view.setBigUint64(at + 8 + place * 8, BigInt(word), true));
    view.setUint32(at + 40, link, true);
    view.setUint32(at + 44, info, true);
    view.setBigUint64(at + 48, BigInt(align), true);
    view.setBigUint64(at + 56, BigInt(entryBytes), true);
  });
  return bytes;
}
