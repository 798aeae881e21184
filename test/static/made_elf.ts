// Owns small executables for the tests of the static link, made by the machine's own compiler.
import { mkdtemp, rm } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { MACHINES } from "../../static/machine.ts";
import { findToolChain } from "../../static/tool_chain.ts";
import { mustRun } from "../support/run_program.ts";

const machine = MACHINES.find(({ name }) => name === { x64: "x86_64", arm64: "aarch64" }[arch() as "x64" | "arm64"]);

/** Says why nothing can be made here, or undefined where it can. */
export function whyNotMade(): string | undefined {
  if (process.platform !== "linux" || machine === undefined) return `needs Linux on x86-64 or arm64`;
  try {
    findToolChain(machine);
  } catch (error) {
    return (error as Error).message;
  }
  return Bun.which("objcopy") === null ? "not installed: objcopy" : undefined;
}

/** The machine that this is. */
export function thisMachine() {
  if (machine === undefined) throw new Error("no such machine");
  return machine;
}

/** How a small executable is made. */
export interface MadeOptions {
  readonly flags?: readonly string[];
  /** Whether zeroed data is written into the file, as Bun does. */
  readonly isWhole?: boolean;
}

/** What a linker has to be told to make what Bun is: at fixed low addresses, with the old hash table. */
export const LIKE_BUN = [
  ...["-no-pie", "-fno-pic", "-O1", "-Wl,-z,norelro", "-Wl,--hash-style=both", "-Wl,-z,noseparate-code"],
];

/** Compiles C to an executable and returns its octets. */
export async function makeExecutable(source: string, options: MadeOptions = {}): Promise<Uint8Array> {
  const folder = await mkdtemp(`${tmpdir()}/made-elf-`);
  try {
    await Bun.write(`${folder}/main.c`, source);
    await mustRun(["gcc", ...(options.flags ?? LIKE_BUN), "-o", `${folder}/main`, `${folder}/main.c`, "-lm"]);
    if (options.isWhole !== false) {
      await mustRun(["objcopy", "--set-section-flags", ".bss=alloc,load,contents", `${folder}/main`]);
    }
    return await Bun.file(`${folder}/main`).bytes();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
