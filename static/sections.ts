// Owns section headers and one symbol table for the whole file: what debuggers and profilers read. Nothing runs by them.
import type { Application } from "./application.ts";
import { type Elf, readText, type Section, SHF, SHT, STT, SYMBOL_BYTES } from "./elf.ts";
import { formatSections, type Image } from "./image.ts";
import { isForLoader, type Layout, type Move } from "./layout.ts";

const EMPTY: Section = {
  ...{ name: "", type: 0, flags: 0, address: 0, offset: 0, sizeBytes: 0 },
  ...{ link: 0, info: 0, align: 0, entryBytes: 0 },
};
/** Tables that are made anew. */
const REMADE = /^\.(symtab|strtab|shstrtab)$/;
const SYMBOL_KINDS: readonly number[] = [STT.NOTYPE, STT.OBJECT, STT.FUNC, STT.GNU_IFUNC];

/** Appends sections and symbols of both files, and writes the header's words about them. */
export function appendSections({ elf }: Application, libc: Elf, layout: Layout, image: Image): void {
  const sections: Section[] = [EMPTY];
  const own = new Map<number, number>();
  elf.sections.forEach((section, index) => {
    if (index === 0 || isForLoader(section.name) || REMADE.test(section.name)) return;
    if ((section.flags & SHF.TLS) !== 0) return;
    own.set(index, sections.length);
    sections.push({ ...move(section, layout.noteMoves), link: 0, info: 0 });
  });
  const linked = new Map<number, number>();
  libc.sections.forEach((section, index) => {
    if ((section.flags & SHF.ALLOC) === 0 || (section.flags & SHF.TLS) !== 0 || isForLoader(section.name)) return;
    linked.set(index, sections.length);
    // Debuggers take the first .text for the program's.
    const name = section.name === ".text" ? ".text.libc" : section.name;
    const type = section.type === SHT.NOBITS ? SHT.PROGBITS : section.type;
    sections.push({ ...move(section, layout.libcMoves), name, type, link: 0, info: 0 });
  });
  const symbols = new SymbolTable();
  symbols.add(elf, own);
  symbols.add(libc, linked);
  const table = symbols.format();
  const texts = symbols.names.format();
  sections.push(
    {
      ...{ ...EMPTY, name: ".symtab", type: SHT.SYMTAB, offset: image.append(table, 8), sizeBytes: table.length },
      ...{ link: sections.length + 1, info: symbols.firstGlobal, align: 8, entryBytes: SYMBOL_BYTES },
    },
    { ...EMPTY, name: ".strtab", type: SHT.STRTAB, offset: image.append(texts, 1), sizeBytes: texts.length, align: 1 },
  );
  const names = new Texts();
  const nameOffsets = [...sections.map(({ name }) => names.add(name)), names.add(".shstrtab")];
  const nameBytes = names.format();
  const offset = image.append(nameBytes, 1);
  sections.push({ ...EMPTY, name: ".shstrtab", type: SHT.STRTAB, offset, sizeBytes: nameBytes.length, align: 1 });
  elf.view.setBigUint64(40, BigInt(image.append(formatSections(sections, nameOffsets), 8)), true);
  elf.view.setUint16(60, sections.length, true);
  elf.view.setUint16(62, sections.length - 1, true);
}

/** A section at the place that its octets have moved to, if they have. */
function move(section: Section, moves: readonly Move[]): Section {
  if ((section.flags & SHF.ALLOC) === 0) return section;
  const found = moves.find(({ from }) => {
    return section.address >= from.address && section.address < from.address + from.memoryBytes;
  });
  if (found === undefined) return section;
  const distance = section.address - found.from.address;
  return { ...section, address: found.to.address + distance, offset: found.to.offset + distance };
}

/** Texts one behind the other, each ended by a zero octet. The first is empty. */
class Texts {
  readonly #texts: string[] = [""];
  #lengthBytes = 1;

  /** Adds a text and returns its place. */
  add(text: string): number {
    if (text === "") return 0;
    const offset = this.#lengthBytes;
    this.#texts.push(text);
    this.#lengthBytes += text.length + 1;
    return offset;
  }

  format(): Uint8Array {
    return Buffer.from(`${this.#texts.join("\0")}\0`, "latin1");
  }
}

/** Symbols of several files as one table, local ones first, as the format wants it. */
class SymbolTable {
  readonly names = new Texts();
  readonly #locals: Uint8Array[] = [];
  readonly #globals: Uint8Array[] = [];

  /** Adds those symbols of a file whose sections are kept; `sections` gives their new numbers. */
  add({ bytes, view, sections: all }: Elf, sections: ReadonlyMap<number, number>): void {
    const table = all.find(({ type }) => type === SHT.SYMTAB);
    const names = table === undefined ? undefined : all[table.link];
    if (table === undefined || names === undefined) return;
    for (let at = table.offset + SYMBOL_BYTES; at < table.offset + table.sizeBytes; at += SYMBOL_BYTES) {
      const section = sections.get(view.getUint16(at + 6, true));
      const info = view.getUint8(at + 4);
      if (section === undefined || !SYMBOL_KINDS.includes(info & 15)) continue;
      const symbol = bytes.slice(at, at + SYMBOL_BYTES);
      const out = new DataView(symbol.buffer, symbol.byteOffset);
      out.setUint32(0, this.names.add(readText(bytes, names.offset + view.getUint32(at, true))), true);
      out.setUint16(6, section, true);
      (info >> 4 === 0 ? this.#locals : this.#globals).push(symbol);
    }
  }

  get firstGlobal(): number {
    return this.#locals.length + 1;
  }

  format(): Uint8Array {
    return Buffer.concat([new Uint8Array(SYMBOL_BYTES), ...this.#locals, ...this.#globals]);
  }
}
