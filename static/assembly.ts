// Owns the two assembler texts that the linker takes beside libc: the tables that the glue works from, and a stand-in for
// the executable's thread-local storage. Both are for the GNU assembler, of either CPU.
import type { Application } from "./application.ts";
import { roundUp } from "./elf.ts";

/** Names of the tables' symbols, which the glue declares. */
export const TABLE = {
  names: "glue_names",
  nameCount: "glue_name_count",
  lateSlots: "glue_late_slots",
  startAndEnd: "glue_start_and_end",
  threadLocals: "glue_application_tls",
} as const;

/** Names that the glue answers in place of libc. */
export const REPLACED: Readonly<Record<string, string>> = {
  __libc_start_main: "glue_libc_start_main",
  __tls_get_addr: "glue_tls_get_addr",
  dladdr: "glue_dladdr",
  dlclose: "glue_dlclose",
  dlerror: "glue_dlerror",
  dlopen: "glue_dlopen",
  dlsym: "glue_dlsym",
  pthread_getattr_np: "glue_pthread_getattr_np",
};

/** The name that stands for a name of libc in the link. */
export function linkedName(name: string): string {
  return REPLACED[name] ?? name;
}

/** Every name in the table, in the order of its entries: by octet, as the glue's binary search wants it. */
export function tableNames(wanted: ReadonlySet<string>, exported: ReadonlySet<string>): string[] {
  return [...new Set([...wanted, ...exported])].sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
}

/** The size of one {name, address} entry, and where in it the address is. */
export const TABLE_ENTRY_BYTES = 16;
export const TABLE_ADDRESS_OFFSET = 8;

const NO_EXECUTABLE_STACK = '.section .note.GNU-stack,"",%progbits\n';

/**
 * Formats the tables: {name, address} for each name, which also makes the linker draw it from libc; room for a
 * {slot, source} pair for each relocation and one more, which ends the list; six words for what runs first and last.
 */
export function formatTables(names: readonly string[], relocationCount: number): string {
  return [
    '.section .data.glue,"aw"',
    ".balign 16",
    `.globl ${TABLE.names}\n${TABLE.names}:`,
    ...names.map((name, index) => `.quad .Lname${index}, ${linkedName(name)}`),
    `.globl ${TABLE.nameCount}\n${TABLE.nameCount}: .quad ${names.length}`,
    `.globl ${TABLE.lateSlots}\n${TABLE.lateSlots}: .fill ${(relocationCount + 1) * 2}, 8, 0`,
    `.globl ${TABLE.startAndEnd}\n${TABLE.startAndEnd}: .fill 6, 8, 0`,
    ".section .rodata",
    ...names.map((name, index) => `.Lname${index}: .asciz "${name}"`),
    NO_EXECUTABLE_STACK,
  ].join("\n");
}

/** The size of the stand-in: the executable's thread-local storage, filled up to its own alignment. */
export function threadLocalBytes({ tls }: Pick<Application, "tls">): number {
  return roundUp(tls.memoryBytes, Math.max(tls.align, 1));
}

/**
 * Formats the stand-in. x86-64: the linker is given it last, and padding in front makes its end, and so that of the whole
 * block, a multiple of 64, where the thread pointer then is. arm64: given first, as data, so that it begins the block.
 */
export function formatThreadLocals({ machine, tls }: Pick<Application, "machine" | "tls">): string {
  const bytes = threadLocalBytes({ tls });
  const { threadLocals } = TABLE;
  const section = machine.tls === "ends at the thread pointer"
    ? `.section .tbss.application,"awT",%nobits\n.balign 64\n.fill ${(64 - bytes % 64) % 64}`
    : '.section .tdata.application,"awT",%progbits\n.balign 16';
  return [
    section,
    `.globl ${threadLocals}\n.type ${threadLocals}, %object\n.size ${threadLocals}, ${bytes}`,
    `${threadLocals}: .fill ${bytes}`,
    NO_EXECUTABLE_STACK,
  ].join("\n");
}
