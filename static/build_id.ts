// Owns the build id: the note by which debuggers and profilers tell one executable from another.
import { createHash } from "node:crypto";
import { PT, type Segment } from "./elf.ts";

const NT_GNU_BUILD_ID = 3;

/**
 * Writes a new build id, a hash of the whole file with the id's own place zeroed, and returns it in hex; undefined where
 * the file has no such note. With Bun's own left in, a profiler takes its symbols from a plain Bun that it once saw.
 */
export function renewBuildId(file: Uint8Array, segments: readonly Segment[]): string | undefined {
  const place = findBuildId(file, segments);
  if (place === undefined) return undefined;
  place.fill(0);
  const hash = createHash("sha512").update(file).digest().subarray(0, place.length);
  place.set(hash);
  return hash.toString("hex");
}

/** The octets of the build id, in the file itself. */
export function findBuildId(file: Uint8Array, segments: readonly Segment[]): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const { type, offset, fileBytes } of segments) {
    if (type !== PT.NOTE) continue;
    for (let at = offset; at + 12 <= offset + fileBytes;) {
      const nameBytes = view.getUint32(at, true);
      const idBytes = view.getUint32(at + 4, true);
      const start = at + 12 + Math.ceil(nameBytes / 4) * 4;
      const isGnu = String.fromCharCode(...file.subarray(at + 12, at + 12 + nameBytes)) === "GNU\0";
      if (isGnu && view.getUint32(at + 8, true) === NT_GNU_BUILD_ID) return file.subarray(start, start + idBytes);
      at = start + Math.ceil(idBytes / 4) * 4;
    }
  }
  return undefined;
}
