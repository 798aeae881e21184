// Owns the C compiler and glibc's archives: where they are, and the one link of libc for an executable.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Application, LIBC_ADDRESS } from "./application.ts";
import { formatTables, formatThreadLocals } from "./assembly.ts";
import { formatHex } from "./elf.ts";
import type { Machine } from "./machine.ts";
import { LinkRefusal } from "./refusal.ts";

const GLUE = new URL("glue.c", import.meta.url).pathname;

/** The names of libc's pointer to the environment. It is changed by both sides, so there must be one: the executable's. */
const ENVIRONMENT = ["environ", "__environ", "_environ", "___environ"];

/** Names whose storage stays the executable's. */
export const SHARED_VARIABLES: readonly string[] = ENVIRONMENT;

/** A compiler for a CPU, and the C library that comes with it. */
export interface ToolChain {
  readonly compiler: string;
  /** libc.a. */
  readonly archive: string;
  /** libc.so.6 of the same library. */
  readonly library: string;
}

/** The compiler's name: that of this machine, or Debian's for another. */
export function compilerName({ name, triplet }: Machine, hostArch: string): string {
  const host = { x64: "x86_64", arm64: "aarch64" }[hostArch];
  return name === host ? "gcc" : `${triplet}-gcc`;
}

/** Finds compiler and archives. Throws LinkRefusal that says what is missing. */
export function findToolChain(machine: Machine, hostArch: string = process.arch): ToolChain {
  const compiler = compilerName(machine, hostArch);
  if (Bun.which(compiler) === null) throw new LinkRefusal(`Cannot find ${compiler}: install it`);
  const find = (file: string): string => {
    const path = run([compiler, `-print-file-name=${file}`]).trim();
    // The compiler gives back the bare name of what it does not find.
    if (path === file) {
      throw new LinkRefusal(`Cannot find ${file} for ${machine.name}: install glibc's static libraries`);
    }
    return path;
  };
  return { compiler, archive: find("libc.a"), library: find("libc.so.6") };
}

/** Links libc and the glue for an executable and resolves to the linked file's bytes. Throws LinkRefusal. */
export async function linkLibc(
  { compiler }: ToolChain,
  application: Application,
  names: readonly string[],
): Promise<Uint8Array> {
  const folder = await mkdtemp(`${tmpdir()}/static-`);
  try {
    const tables = `${folder}/tables.s`;
    const threadLocals = `${folder}/thread_locals.s`;
    const linked = `${folder}/libc`;
    await Bun.write(tables, formatTables(names, application.dynamic.relocations.length));
    await Bun.write(threadLocals, formatThreadLocals(application));
    const isLast = application.machine.tls === "ends at the thread pointer";
    run([
      ...[compiler, ...linkOptions(application), "-o", linked],
      ...[...(isLast ? [] : [threadLocals]), GLUE, tables],
      ...["-Wl,--start-group", "-lm", "-lc", "-lgcc", "-lgcc_eh", "-Wl,--end-group"],
      ...(isLast ? [threadLocals] : []),
    ]);
    return await Bun.file(linked).bytes();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The options of the link. */
export function linkOptions({ elf, machine, dynamic, first }: Application): string[] {
  const definitions: Record<string, number> = {
    _start: elf.entry,
    // Some glibc versions take the program headers from here and not from the kernel.
    __ehdr_start: first.address,
  };
  const environment = dynamic.symbols.find(({ name, section }) => name === "environ" && section !== 0);
  if (environment !== undefined) { for (const name of ENVIRONMENT) definitions[name] = environment.value; }
  return [
    ...["-static", "-nostdlib", "-no-pie", "-fno-pic", "-O2", "-fno-stack-protector", "-fno-exceptions"],
    ...["-fno-asynchronous-unwind-tables", "-Wall", "-Wextra"],
    `-Wl,-Ttext-segment=${formatHex(LIBC_ADDRESS)}`,
    `-Wl,-z,max-page-size=${machine.pageBytes}`,
    ...["-Wl,-z,norelro", "-Wl,--build-id=none", "-Wl,-e,glue_libc_start_main"],
    ...Object.entries(definitions).map(([name, value]) => `-Wl,--defsym=${name}=${formatHex(value)}`),
  ];
}

/** Runs a command and returns its standard output. Throws LinkRefusal with the first line that says what is wrong. */
function run(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { env: { ...process.env, LC_ALL: "C" } });
  if (exitCode === 0) return stdout.toString();
  const lines = stderr.toString().split("\n");
  const line = lines.find((text) => /\berror\b|undefined|multiple/.test(text)) ?? lines[0] ?? "";
  throw new LinkRefusal(`Cannot link libc: ${command[0]} says: ${line.trim()}`);
}
