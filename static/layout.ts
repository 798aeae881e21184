// Owns where everything of the static executable lies: libc's segments behind the executable's, one image of thread-local
// storage for both, and program headers in place of those that asked for a loader.
import type { Application } from "./application.ts";
import { TABLE, threadLocalBytes } from "./assembly.ts";
import { glueSymbol } from "./bind.ts";
import {
  type Elf,
  type ElfSymbol,
  formatHex,
  HEADER_BYTES,
  PF,
  PT,
  roundUp,
  type Segment,
  SEGMENT_BYTES,
  segmentsOf,
  SHT,
} from "./elf.ts";
import { formatSegments, type Image } from "./image.ts";
import { LinkRefusal } from "./refusal.ts";

/** A range of octets that has moved: from one offset and address to others. */
export interface Move {
  readonly from: Segment;
  readonly to: Segment;
}

/** The segments of the static executable, and what has moved to get there. */
export interface Layout {
  readonly segments: readonly Segment[];
  /** libc's segments, from its own file. */
  readonly libcMoves: readonly Move[];
  /** The executable's notes, which made room for program headers. */
  readonly noteMoves: readonly Move[];
}

/** One template of thread-local storage, and how it is laid out in each thread. */
export interface ThreadLocals {
  readonly template: Uint8Array;
  readonly memoryBytes: number;
  readonly align: number;
}

/** Appends libc to the image, which starts with the executable, and writes the program headers over the executable's. */
export function layOut(
  application: Application,
  libc: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
  image: Image,
): Layout {
  const { elf, machine } = application;
  const libcMoves = segmentsOf(libc, PT.LOAD).map((from): Move => {
    // Zeros are written out, so that nothing depends on how a kernel clears the rest of a page.
    const bytes = new Uint8Array(from.memoryBytes);
    bytes.set(libc.bytes.subarray(from.offset, from.offset + from.fileBytes));
    const offset = image.append(bytes, machine.pageBytes, from.address % machine.pageBytes);
    return { from, to: { ...from, offset, fileBytes: bytes.length, align: machine.pageBytes } };
  });
  const end = Math.max(...libcMoves.map(({ to }) => to.address + to.memoryBytes));
  const threadLocals = mergeThreadLocals(application, libc, symbols);
  const template: Segment = {
    type: PT.LOAD,
    flags: PF.READ,
    offset: image.append(threadLocals.template, machine.pageBytes),
    address: roundUp(end, machine.pageBytes),
    fileBytes: threadLocals.template.length,
    memoryBytes: threadLocals.template.length,
    align: machine.pageBytes,
  };
  const loads = [...segmentsOf(elf, PT.LOAD), ...libcMoves.map(({ to }) => to), template]
    .sort((one, other) => one.address - other.address);
  checkLoads(loads, elf.what);
  const { memoryBytes, align } = threadLocals;
  const kept = [PT.GNU_STACK, PT.GNU_EH_FRAME].flatMap((type) => segmentsOf(elf, type));
  return writeProgramHeaders(
    application,
    [...loads, { ...template, type: PT.TLS, memoryBytes, align }, ...kept],
    libcMoves,
  );
}

/**
 * Merges the templates of both. The executable's distances from the thread pointer are built into its code, libc's were
 * worked out by the linker with the stand-in at its place: both hold only if that place is where this expects it.
 */
export function mergeThreadLocals(
  { elf, machine, tls }: Application,
  libc: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
): ThreadLocals {
  const [own] = segmentsOf(libc, PT.TLS);
  if (own === undefined) throw new LinkRefusal("Cannot link: the linked libc has no thread-local storage");
  const at = glueSymbol(symbols, TABLE.threadLocals).value;
  const align = Math.max(own.align, tls.align, 16);
  const isLast = machine.tls === "ends at the thread pointer";
  const memoryBytes = isLast ? roundUp(own.memoryBytes, align) : own.memoryBytes;
  // On arm64 the block begins at the first multiple of its alignment from 16 on, so a larger one would move it.
  const isInPlace = isLast ? at + threadLocalBytes({ tls }) === memoryBytes : at === 0 && align === 16;
  if (!isInPlace) {
    throw new LinkRefusal(
      `Cannot link ${elf.what}: unexpected TLS model: its block is at ${formatHex(at)} of ${formatHex(memoryBytes)}`,
    );
  }
  const template = new Uint8Array(isLast ? at + tls.fileBytes : Math.max(own.fileBytes, tls.fileBytes));
  template.set(libc.bytes.subarray(own.offset, own.offset + own.fileBytes));
  template.set(elf.bytes.subarray(tls.offset, tls.offset + tls.fileBytes), at);
  return { template, memoryBytes, align };
}

function checkLoads(loads: readonly Segment[], what: string): void {
  let end = 0;
  for (const { address, memoryBytes, flags } of loads) {
    const isBoth = (flags & PF.WRITE) !== 0 && (flags & PF.EXECUTE) !== 0;
    if (address < end || isBoth) {
      throw new LinkRefusal(
        `Cannot link ${what}: the segment at ${formatHex(address)} ${
          isBoth ? "is writable and executable" : "overlaps another"
        }`,
      );
    }
    end = address + memoryBytes;
  }
}

/** What stood at the front for the dynamic loader alone. */
const LOADER_SECTIONS = /^\.(interp|dynsym|gnu\.version(_[dr])?|gnu\.hash|hash|dynstr|rela\.(dyn|plt))$/;

/** Whether a section means nothing without a dynamic loader. */
export function isForLoader(name: string): boolean {
  return LOADER_SECTIONS.test(name) || name === ".dynamic";
}

/**
 * Writes the program headers at their old place, over what only a loader read, with the notes behind them. In place,
 * since Linux before 5.18 tells a program where they are by the first segment's address alone.
 */
function writeProgramHeaders(application: Application, rest: readonly Segment[], libcMoves: readonly Move[]): Layout {
  const { elf, first } = application;
  const notes = segmentsOf(elf, PT.NOTE);
  const count = 1 + rest.length + notes.length;
  const table: Segment = {
    type: PT.PHDR,
    flags: PF.READ,
    offset: HEADER_BYTES,
    address: first.address + HEADER_BYTES,
    fileBytes: count * SEGMENT_BYTES,
    memoryBytes: count * SEGMENT_BYTES,
    align: 8,
  };
  let free = HEADER_BYTES + table.fileBytes;
  const noteMoves = notes.map((from): Move => {
    const offset = roundUp(free, Math.max(from.align, 8));
    free = offset + from.fileBytes;
    return { from, to: { ...from, offset, address: first.address + offset } };
  });
  const room = endOfLoaderSections(elf);
  if (free > room) {
    throw new LinkRefusal(
      `Cannot link ${elf.what}: no room for ${count} program headers: they end at ${formatHex(free)}, not ${
        formatHex(room)
      }`,
    );
  }
  const segments = [table, ...rest, ...noteMoves.map(({ to }) => to)];
  const saved = noteMoves.map(({ from }) => elf.bytes.slice(from.offset, from.offset + from.fileBytes));
  elf.bytes.fill(0, HEADER_BYTES, room);
  elf.bytes.set(formatSegments(segments), HEADER_BYTES);
  noteMoves.forEach(({ to }, index) => elf.bytes.set(saved[index] ?? [], to.offset));
  elf.view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  elf.view.setUint16(56, count, true);
  return { segments, libcMoves, noteMoves };
}

/** How far from the file's start nothing but headers, notes and the loader's sections lie. */
function endOfLoaderSections({ sections }: Elf): number {
  const others = sections.filter(({ name, offset, type, sizeBytes }) =>
    offset > 0 && sizeBytes > 0 && type !== SHT.NOBITS && !isForLoader(name) && !name.startsWith(".note")
  );
  return Math.min(...others.map(({ offset }) => offset));
}
