// Owns which names dlsym() answers: those that a program could find in libc.so.6, as far as libc.a defines them.
import { type Elf, readSymbolSection, readText, sectionOf, SHT, STB, STT } from "./elf.ts";
import { LinkRefusal } from "./refusal.ts";

const ARCHIVE_MAGIC = "!<arch>\n";
const MEMBER_HEADER_BYTES = 60;

/** Marks a version that only programs linked long ago get (gABI's GNU extension: versym bit 15). */
const HIDDEN_VERSION = 0x8000;

/** Names that the glue answers itself, or that mean nothing without a dynamic loader. */
const OWN_NAMES = /^(dl\w+|__libc_start_main|__tls_get_addr)$/;

/** Reads the names that an archive's index lists: what its members define. Throws LinkRefusal where it has none. */
export function readArchiveNames(bytes: Uint8Array, what: string): Set<string> {
  const text = (from: number, length: number) => String.fromCharCode(...bytes.subarray(from, from + length));
  const start = ARCHIVE_MAGIC.length + MEMBER_HEADER_BYTES;
  if (text(0, ARCHIVE_MAGIC.length) !== ARCHIVE_MAGIC || text(ARCHIVE_MAGIC.length, 16).trimEnd() !== "/") {
    throw new LinkRefusal(`Cannot read ${what}: it is no archive with an index`);
  }
  const count = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0);
  const names = new Set<string>();
  let at = start + 4 + count * 4;
  for (let index = 0; index < count; index++) {
    const name = readText(bytes, at);
    names.add(name);
    at += name.length + 1;
  }
  return names;
}

/** The names that a shared library gives to programs linked today. */
export function readSharedNames(library: Elf): string[] {
  const versions = sectionOf(library, SHT.GNU_VERSYM, "symbol versions").offset;
  const kinds: readonly number[] = [STT.NOTYPE, STT.OBJECT, STT.FUNC, STT.GNU_IFUNC];
  return readSymbolSection(library, sectionOf(library, SHT.DYNSYM, "dynamic symbols"))
    .filter(({ section, binding, kind }, index) =>
      section !== 0 && binding !== STB.LOCAL && kinds.includes(kind) &&
      (library.view.getUint16(versions + index * 2, true) & HIDDEN_VERSION) === 0
    )
    .map(({ name }) => name);
}

/** The names that dlsym() is to answer, in no order. */
export function listExports(library: Elf, archiveNames: ReadonlySet<string>): Set<string> {
  const names = readSharedNames(library).filter((name) => archiveNames.has(name) && !OWN_NAMES.test(name));
  return new Set(names);
}
