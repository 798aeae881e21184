// Owns the giving back of memory that holds pages of the executable itself, which it can read anew at any time: a start runs
// through much code that nothing runs through again, and so do the compilers of the runtime. Knows no connection.
import { builtin } from "../node/builtin.ts";
import type { Libc } from "./libc.ts";

const MADV_DONTNEED = 4;

/** A part of this process's memory. */
export interface MemoryRange {
  readonly address: number;
  readonly sizeBytes: number;
}

/**
 * Finds what is mapped of the executable in the text of /proc/self/smaps: what cannot be written to and is the file's own to
 * the last page, so that nothing is lost with it. Where a debugger has set a breakpoint it is not.
 */
export function findExecutablePages(smaps: string, executable: string): MemoryRange[] {
  const ranges: MemoryRange[] = [];
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, start = "", end = "", path] = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ \S+ +(.*)$/m.exec(mapping) ?? [];
    if (path !== executable || !/^Anonymous: +0 kB$/m.test(mapping)) continue;
    const address = Number.parseInt(start, 16);
    ranges.push({ address, sizeBytes: Number.parseInt(end, 16) - address });
  }
  return ranges;
}

/** Gives the pages of the executable back; those that are needed come again by themselves. 35 MB of the proxy's 48 after a start. */
export function releaseExecutablePages({ madvise }: Pick<Libc, "madvise">): void {
  const { readFileSync, readlinkSync } = builtin("node:fs");
  let ranges: MemoryRange[];
  try {
    ranges = findExecutablePages(readFileSync("/proc/self/smaps", "latin1"), readlinkSync("/proc/self/exe"));
  } catch {
    return; // No /proc, or not permitted to read it.
  }
  for (const { address, sizeBytes } of ranges) madvise(address, sizeBytes, MADV_DONTNEED);
}
