// Owns reading what an executable asks of the dynamic loader: libraries, symbols, relocations, functions to run first and
// last. Judges none of it.
import {
  type Elf,
  type ElfSymbol,
  formatHex,
  offsetOf,
  PT,
  readSymbols,
  readText,
  readWord,
  RELOCATION_BYTES,
  segmentsOf,
} from "./elf.ts";
import { LinkRefusal } from "./refusal.ts";

/** Entries of the dynamic section (d_tag). */
const DT = {
  NULL: 0,
  NEEDED: 1,
  PLTRELSZ: 2,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  INIT: 12,
  FINI: 13,
  REL: 17,
  TEXTREL: 22,
  JMPREL: 23,
  INIT_ARRAY: 25,
  FINI_ARRAY: 26,
  INIT_ARRAYSZ: 27,
  FINI_ARRAYSZ: 28,
  PREINIT_ARRAY: 32,
  RELR: 36,
} as const;

/** What a loader would have to do beyond what this step does in its place. */
const UNKNOWN_DUTIES = { DT_REL: DT.REL, DT_TEXTREL: DT.TEXTREL, DT_PREINIT_ARRAY: DT.PREINIT_ARRAY, DT_RELR: DT.RELR };

/** One place in the executable that the loader fills. */
export interface Relocation {
  readonly address: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
  readonly addend: number;
}

/** What an executable asks of its loader. */
export interface Dynamic {
  readonly libraries: readonly string[];
  readonly symbols: readonly ElfSymbol[];
  readonly relocations: readonly Relocation[];
  /** DT_INIT, DT_INIT_ARRAY, its count, DT_FINI, DT_FINI_ARRAY, its count: as the glue reads them. */
  readonly startAndEnd: readonly number[];
}

/** Reads the dynamic section. Throws LinkRefusal where there is none or it asks for what is not done here. */
export function readDynamic(elf: Elf): Dynamic {
  const { view } = elf;
  const [segment] = segmentsOf(elf, PT.DYNAMIC);
  if (segment === undefined) throw new LinkRefusal(`Cannot link ${elf.what}: it is statically linked already`);
  const entries = new Map<number, number>();
  const libraryOffsets: number[] = [];
  for (let at = segment.offset; at < segment.offset + segment.fileBytes; at += 16) {
    const tag = readWord(view, at);
    if (tag === DT.NULL) break;
    if (tag === DT.NEEDED) libraryOffsets.push(readWord(view, at + 8));
    else entries.set(tag, readWord(view, at + 8));
  }
  for (const [name, tag] of Object.entries(UNKNOWN_DUTIES)) {
    if (entries.has(tag)) throw new LinkRefusal(`Cannot link ${elf.what}: its dynamic section has ${name}`);
  }
  const place = (tag: number, name: string): number => {
    const address = entries.get(tag);
    if (address === undefined) throw new LinkRefusal(`Cannot link ${elf.what}: its dynamic section has no ${name}`);
    return offsetOf(elf, address);
  };
  const names = place(DT.STRTAB, "DT_STRTAB");
  // The number of symbols is that of the old hash table's chains; the GNU one does not say it.
  const count = view.getUint32(place(DT.HASH, "DT_HASH") + 4, true);
  const symbols = readSymbols(elf, place(DT.SYMTAB, "DT_SYMTAB"), count, names);
  const relocations = [[DT.RELA, DT.RELASZ], [DT.JMPREL, DT.PLTRELSZ]].flatMap(([table = 0, size = 0]) => {
    const bytes = entries.get(size) ?? 0;
    return bytes === 0 ? [] : readRelocations(elf, place(table, "relocations"), bytes / RELOCATION_BYTES, symbols);
  });
  const value = (tag: number) => entries.get(tag) ?? 0;
  return {
    libraries: libraryOffsets.map((offset) => readText(elf.bytes, names + offset)),
    symbols,
    relocations,
    startAndEnd: [
      ...[value(DT.INIT), value(DT.INIT_ARRAY), value(DT.INIT_ARRAYSZ) / 8],
      ...[value(DT.FINI), value(DT.FINI_ARRAY), value(DT.FINI_ARRAYSZ) / 8],
    ],
  };
}

function readRelocations(elf: Elf, table: number, count: number, symbols: readonly ElfSymbol[]): Relocation[] {
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * RELOCATION_BYTES;
    const symbol = symbols[elf.view.getUint32(at + 12, true)];
    if (symbol === undefined) {
      throw new LinkRefusal(`Cannot link ${elf.what}: the relocation at ${formatHex(at)} has no symbol`);
    }
    return {
      address: readWord(elf.view, at),
      type: elf.view.getUint32(at + 8, true),
      symbol,
      addend: Number(elf.view.getBigInt64(at + 16, true)),
    };
  });
}
