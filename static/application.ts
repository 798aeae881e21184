// Owns what is assumed of the executable that is to be made static, and checks all of it. Changes nothing.
import { type Dynamic, readDynamic } from "./dynamic.ts";
import { type Elf, ET_EXEC, formatHex, PT, type Segment, segmentsOf, STB, STT } from "./elf.ts";
import { type Machine, machineOf, MACHINES } from "./machine.ts";
import { LinkRefusal } from "./refusal.ts";

/** Where the linked libc goes, above everything of the executable. */
export const LIBC_ADDRESS = 0x40000000;

/** The versions of Bun whose executables passed test/e2e/static.test.ts once they were static. */
export const TRIED_BUN_VERSIONS: readonly string[] = ["1.4.5"];

/** What glibc's archives can stand in for. */
const LIBRARIES = /^(lib(c|m|dl|pthread)\.so\.\d|ld-linux-[-\w]+\.so\.\d)$/;

/** Every kind of segment that the layout knows what to do with. */
const SEGMENT_TYPES: readonly number[] = [
  ...[PT.LOAD, PT.DYNAMIC, PT.INTERP, PT.NOTE, PT.PHDR, PT.TLS],
  ...[PT.GNU_EH_FRAME, PT.GNU_STACK, PT.GNU_PROPERTY],
];

/** An executable that is as this step needs it. */
export interface Application {
  readonly elf: Elf;
  readonly machine: Machine;
  readonly dynamic: Dynamic;
  /** Its thread-local storage. */
  readonly tls: Segment;
  /** The segment that holds its header. */
  readonly first: Segment;
  /** Names that it wants of libc and can't do without. */
  readonly wanted: ReadonlySet<string>;
  /** Names that it would use where there are any. */
  readonly weak: ReadonlySet<string>;
}

/** Checks an executable and sorts its symbols. Throws LinkRefusal at the first thing that differs. */
export function readApplication(elf: Elf): Application {
  const { what } = elf;
  const machine = machineOf(elf.machine);
  if (machine === undefined) {
    const names = MACHINES.map(({ name }) => name).join(" or ");
    throw new LinkRefusal(`Cannot link ${what}: its ELF machine number is ${elf.machine}, not that of ${names}`);
  }
  if (elf.kind !== ET_EXEC) {
    throw new LinkRefusal(`Cannot link ${what}: its ELF type is ${elf.kind}, not ${ET_EXEC} (at fixed addresses)`);
  }
  checkSegments(elf);
  const dynamic = readDynamic(elf);
  const unknown = dynamic.libraries.find((name) => !LIBRARIES.test(name));
  if (unknown !== undefined) {
    throw new LinkRefusal(`Cannot link ${what}: it needs library '${unknown}', which is no part of glibc`);
  }
  const threadLocals = segmentsOf(elf, PT.TLS);
  const [tls] = threadLocals;
  const first = segmentsOf(elf, PT.LOAD).find(({ offset }) => offset === 0);
  if (tls === undefined || threadLocals.length > 1) {
    throw new LinkRefusal(`Cannot link ${what}: it has ${threadLocals.length} segments of thread-local storage, not 1`);
  }
  if (first === undefined) throw new LinkRefusal(`Cannot link ${what}: no segment holds its ELF header`);
  return { elf, machine, dynamic, tls, first, ...sortSymbols(elf, machine, dynamic) };
}

/** Finds the version of Bun in an executable's read-only data, and throws LinkRefusal where it was not tried. */
export function checkBunVersion({ elf, first }: Pick<Application, "elf" | "first">): string {
  const text = Buffer.from(elf.bytes.buffer, elf.bytes.byteOffset + first.offset, first.fileBytes);
  let version: string | undefined;
  for (let at = text.indexOf("Bun v"); at >= 0 && version === undefined; at = text.indexOf("Bun v", at + 1)) {
    version = /^Bun v(\d+\.\d+\.\d+[-.\w]*) \(/.exec(text.toString("latin1", at, at + 40))?.[1];
  }
  if (version !== undefined && TRIED_BUN_VERSIONS.includes(version)) return version;
  const found = version === undefined ? "no version of Bun in it" : `Bun ${version}`;
  throw new LinkRefusal(
    `Cannot link ${elf.what}: ${found}, tried is ${TRIED_BUN_VERSIONS.join(", ")}: see docs/static-executable.md`,
  );
}

function checkSegments({ what, segments }: Elf): void {
  for (const { type, flags, address, fileBytes, memoryBytes } of segments) {
    const at = `its segment at ${formatHex(address)}`;
    if (!SEGMENT_TYPES.includes(type)) {
      throw new LinkRefusal(`Cannot link ${what}: ${at} is of the unknown type ${formatHex(type)}`);
    }
    if (type !== PT.LOAD) continue;
    if (address + memoryBytes > LIBC_ADDRESS) {
      throw new LinkRefusal(`Cannot link ${what}: ${at} reaches ${formatHex(LIBC_ADDRESS)}, where libc goes`);
    }
    // What 'bun build --compile' does, since its payload follows; then every slot has a place in the file.
    if (fileBytes !== memoryBytes) {
      throw new LinkRefusal(
        `Cannot link ${what}: ${at} has ${memoryBytes - fileBytes} octets that are not in the file`,
      );
    }
    if ((flags & 3) === 3) throw new LinkRefusal(`Cannot link ${what}: ${at} is writable and executable`);
  }
}

function sortSymbols({ what }: Elf, { relocations: known }: Machine, { symbols, relocations }: Dynamic) {
  const types: readonly number[] = Object.values(known);
  for (const { type, address, symbol } of relocations) {
    if (types.includes(type) && symbol.name !== "") continue;
    throw new LinkRefusal(
      `Cannot link ${what}: unknown relocation ${type} at ${formatHex(address)} for '${symbol.name}'`,
    );
  }
  const wanted = new Set<string>();
  const weak = new Set<string>();
  for (const { name, section, kind, binding } of symbols) {
    if (name === "" || section !== 0) continue;
    if (kind === STT.TLS) {
      throw new LinkRefusal(`Cannot link ${what}: unexpected TLS model: '${name}' is thread-local and in another file`);
    }
    // Weak, but called at exit; and a weak reference draws nothing from an archive.
    if (binding === STB.WEAK && name !== "__cxa_finalize") weak.add(name);
    else wanted.add(name);
  }
  // Variables of libc whose storage is here count as defined here, yet libc's value goes in.
  for (const { type, symbol } of relocations) if (type === known.copy) wanted.add(symbol.name);
  return { wanted, weak };
}
