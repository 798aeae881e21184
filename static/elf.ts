// Owns reading a 64-bit little-endian ELF file: header, segments, sections, symbols (System V gABI, chapters 4 and 5).
// Knows nothing of what is done with them.
import { LinkRefusal } from "./refusal.ts";

/** The first octets of every ELF file. */
const MAGIC = 0x7f454c46;
const CLASS_64_LITTLE_ENDIAN = 0x0201;

/** Sizes of the header and of one entry of each table. */
export const HEADER_BYTES = 64;
export const SEGMENT_BYTES = 56;
export const SECTION_BYTES = 64;
export const SYMBOL_BYTES = 24;
export const RELOCATION_BYTES = 24;

/** Kinds of file (e_type). */
export const ET_EXEC = 2;

/** Kinds of segment (p_type). */
export const PT = {
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  NOTE: 4,
  PHDR: 6,
  TLS: 7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK: 0x6474e551,
  GNU_RELRO: 0x6474e552,
  GNU_PROPERTY: 0x6474e553,
} as const;

/** What may be done with a segment (p_flags). */
export const PF = { EXECUTE: 1, WRITE: 2, READ: 4 } as const;

/** Kinds of section (sh_type). */
export const SHT = { PROGBITS: 1, SYMTAB: 2, STRTAB: 3, NOBITS: 8, DYNSYM: 11, GNU_VERSYM: 0x6fffffff } as const;

/** Flags of a section (sh_flags). */
export const SHF = { ALLOC: 2, TLS: 0x400 } as const;

/** Kinds and bindings of symbol (the halves of st_info). */
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, TLS: 6, GNU_IFUNC: 10 } as const;
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const;

/** One program header. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align: number;
}

/** One section header, with its name. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entryBytes: number;
}

/** One symbol, with its name. Section 0 means that it is defined elsewhere. */
export interface ElfSymbol {
  readonly name: string;
  readonly kind: number;
  readonly binding: number;
  readonly section: number;
  readonly value: number;
  readonly sizeBytes: number;
}

/** A file that has been read. `what` names it in refusals; its bytes are not copied. */
export interface Elf {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly kind: number;
  readonly machine: number;
  readonly entry: number;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

/** Reads a file's tables. Throws LinkRefusal where it is not such a file or is cut short. */
export function parseElf(bytes: Uint8Array, what: string): Elf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint32(0) !== MAGIC || view.getUint16(4) !== CLASS_64_LITTLE_ENDIAN) {
    throw new LinkRefusal(`Cannot read ${what}: it is no 64-bit little-endian ELF file`);
  }
  try {
    return {
      what,
      bytes,
      view,
      kind: view.getUint16(16, true),
      machine: view.getUint16(18, true),
      entry: readWord(view, 24),
      segments: readSegments(view),
      sections: readSections(bytes, view),
    };
  } catch (error) {
    if (error instanceof RangeError) throw new LinkRefusal(`Cannot read ${what}: its tables lie outside the file`);
    throw error;
  }
}

/** Reads a 64-bit word as a number. Throws RangeError above 2^53, which no file that we know of comes near. */
export function readWord(view: DataView, offset: number): number {
  const value = Number(view.getBigUint64(offset, true));
  if (!Number.isSafeInteger(value)) throw new RangeError(`no usable word at ${formatHex(offset)}`);
  return value;
}

/** Reads the text that ends with the next zero octet. */
export function readText(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  if (offset >= bytes.length || end < 0) throw new RangeError(`no text at ${formatHex(offset)}`);
  return String.fromCharCode(...bytes.subarray(offset, end));
}

/** Finds the place in the file of an address in memory; throws LinkRefusal where the file holds nothing for it. */
export function offsetOf(elf: Pick<Elf, "what" | "segments">, address: number): number {
  for (const segment of elf.segments) {
    if (segment.type !== PT.LOAD) continue;
    const distance = address - segment.address;
    if (distance >= 0 && distance < segment.fileBytes) return segment.offset + distance;
  }
  throw new LinkRefusal(`Cannot find address ${formatHex(address)} in ${elf.what}: no segment has it in the file`);
}

/** The segments of one kind. */
export function segmentsOf(elf: Pick<Elf, "segments">, type: number): Segment[] {
  return elf.segments.filter((segment) => segment.type === type);
}

/** The first section of one kind; throws LinkRefusal where there is none. */
export function sectionOf(elf: Elf, type: number, name: string): Section {
  const found = elf.sections.find((section) => section.type === type);
  if (found === undefined) throw new LinkRefusal(`Cannot read ${elf.what}: it has no ${name}`);
  return found;
}

/** Reads `count` symbols of a table, the nameless first one included, so that indices stay what they are. */
export function readSymbols(elf: Elf, tableOffset: number, count: number, namesOffset: number): ElfSymbol[] {
  const { view, bytes } = elf;
  return Array.from({ length: count }, (_, index) => {
    const offset = tableOffset + index * SYMBOL_BYTES;
    const info = view.getUint8(offset + 4);
    return {
      name: readText(bytes, namesOffset + view.getUint32(offset, true)),
      kind: info & 15,
      binding: info >> 4,
      section: view.getUint16(offset + 6, true),
      value: readWord(view, offset + 8),
      sizeBytes: readWord(view, offset + 16),
    };
  });
}

/** Reads the symbols of a section of symbols. */
export function readSymbolSection(elf: Elf, section: Section): ElfSymbol[] {
  const names = elf.sections[section.link];
  if (names === undefined) throw new LinkRefusal(`Cannot read ${elf.what}: its symbols have no names`);
  return readSymbols(elf, section.offset, section.sizeBytes / SYMBOL_BYTES, names.offset);
}

/** The next multiple of `step` at or above a number. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** Formats an address or offset. */
export function formatHex(value: number): string {
  return `0x${value.toString(16)}`;
}

function readSegments(view: DataView): Segment[] {
  const table = readWord(view, 32);
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = table + index * SEGMENT_BYTES;
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: readWord(view, at + 8),
      address: readWord(view, at + 16),
      fileBytes: readWord(view, at + 32),
      memoryBytes: readWord(view, at + 40),
      align: readWord(view, at + 48),
    };
  });
}

function readSections(bytes: Uint8Array, view: DataView): Section[] {
  const table = readWord(view, 40);
  const nameOffsets: number[] = [];
  const nameless = Array.from({ length: view.getUint16(60, true) }, (_, index): Omit<Section, "name"> => {
    const at = table + index * SECTION_BYTES;
    nameOffsets.push(view.getUint32(at, true));
    return {
      type: view.getUint32(at + 4, true),
      flags: readWord(view, at + 8),
      address: readWord(view, at + 16),
      offset: readWord(view, at + 24),
      sizeBytes: readWord(view, at + 32),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      align: readWord(view, at + 48),
      entryBytes: readWord(view, at + 56),
    };
  });
  const names = nameless[view.getUint16(62, true)]?.offset ?? 0;
  return nameless.map((section, index) => ({ ...section, name: readText(bytes, names + (nameOffsets[index] ?? 0)) }));
}
