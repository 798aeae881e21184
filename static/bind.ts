// Owns what the dynamic loader does at each start, done once in the file: every slot of the executable gets its value.
import type { Application } from "./application.ts";
import { linkedName, TABLE, TABLE_ADDRESS_OFFSET, TABLE_ENTRY_BYTES } from "./assembly.ts";
import type { Relocation } from "./dynamic.ts";
import { type Elf, type ElfSymbol, formatHex, offsetOf, readSymbolSection, sectionOf, SHT, STB, STT } from "./elf.ts";
import { LinkRefusal } from "./refusal.ts";
import { SHARED_VARIABLES } from "./tool_chain.ts";

/** What was bound. */
export interface Bound {
  /** Slots that have their value in the file. */
  readonly inFile: number;
  /** Slots that the glue fills at start, since libc picks the function by the CPU. */
  readonly atStart: number;
  /** Weak names that nothing defines; their slots are zero. */
  readonly absent: readonly string[];
}

/** Reads the symbols of the linked libc that others can see, by name. */
export function readLinkedSymbols(libc: Elf): Map<string, ElfSymbol> {
  const symbols = readSymbolSection(libc, sectionOf(libc, SHT.SYMTAB, "symbols"));
  return new Map(
    symbols.filter(({ binding, section }) => binding !== STB.LOCAL && section !== 0).map((one) => [one.name, one]),
  );
}

/** The symbol of one of the glue's own tables; throws LinkRefusal where the link has lost it. */
export function glueSymbol(symbols: ReadonlyMap<string, ElfSymbol>, name: string): ElfSymbol {
  const symbol = symbols.get(name);
  if (symbol === undefined) throw new LinkRefusal(`Cannot find the glue's '${name}' in the linked libc`);
  return symbol;
}

/** Fills the executable's slots and the glue's tables, in the bytes of both. `names` is the order of the glue's table. */
export function bind(
  application: Application,
  libc: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
  names: readonly string[],
): Bound {
  const { elf, machine, dynamic, weak } = application;
  const { copy, absolute } = machine.relocations;
  const tableIndex = new Map(names.map((name, index) => [name, index]));
  const tableAddress = glueSymbol(symbols, TABLE.names).value;
  const absent = new Set<string>();
  let late = glueSymbol(symbols, TABLE.lateSlots).value;
  let inFile = 0;
  let atStart = 0;
  for (const relocation of dynamic.relocations) {
    const { address, type, symbol: { name, section, value } } = relocation;
    if (type === copy) {
      copyVariable(application, libc, symbols, relocation);
      continue;
    }
    const addend = type === absolute || machine.slotAddends ? relocation.addend : 0;
    const found = section !== 0 ? undefined : symbols.get(linkedName(name));
    if (section !== 0) {
      writeWord(elf, address, value + addend);
    } else if (found === undefined) {
      if (!weak.has(name)) throw new LinkRefusal(`Cannot link ${elf.what}: libc does not define '${name}'`);
      absent.add(name);
      writeWord(elf, address, 0);
    } else if (found.kind === STT.GNU_IFUNC) {
      const index = tableIndex.get(name);
      if (index === undefined || addend !== 0) {
        throw new LinkRefusal(`Cannot link ${elf.what}: '${name}' at ${formatHex(address)} can't be bound at start`);
      }
      writeWord(libc, late, address);
      writeWord(libc, late + 8, tableAddress + index * TABLE_ENTRY_BYTES + TABLE_ADDRESS_OFFSET);
      late += 16;
      atStart++;
      continue;
    } else {
      writeWord(elf, address, found.value + addend);
    }
    inFile++;
  }
  const startAndEnd = glueSymbol(symbols, TABLE.startAndEnd).value;
  dynamic.startAndEnd.forEach((word, index) => writeWord(libc, startAndEnd + index * 8, word));
  return { inFile, atStart, absent: [...absent].sort() };
}

/** Gives a variable that the executable holds the storage of the value that it has in libc. */
function copyVariable(
  { elf }: Application,
  libc: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
  { address, symbol: { name, sizeBytes } }: Relocation,
): void {
  if (SHARED_VARIABLES.includes(name)) return;
  const source = symbols.get(name);
  if (source === undefined) throw new LinkRefusal(`Cannot link ${elf.what}: libc does not define '${name}'`);
  if (source.sizeBytes !== sizeBytes) {
    throw new LinkRefusal(
      `Cannot link ${elf.what}: '${name}' has ${sizeBytes} octets in it and ${source.sizeBytes} in libc`,
    );
  }
  const from = offsetOf(libc, source.value);
  elf.bytes.set(libc.bytes.subarray(from, from + sizeBytes), offsetOf(elf, address));
}

function writeWord(elf: Elf, address: number, value: number): void {
  elf.view.setBigUint64(offsetOf(elf, address), BigInt.asUintN(64, BigInt(value)), true);
}
