// Owns how the limit of open files and their number are learnt: from the kernel's tables, since neither runtime has calls
// for that.
import { builtin } from "./builtin.ts";

/** The soft limit of open files of this process, or undefined where it is unknown or unlimited. */
export function readFileLimit(): number | undefined {
  let text: string;
  try {
    text = builtin("node:fs").readFileSync("/proc/self/limits", "latin1");
  } catch {
    return undefined; // Not Linux, no /proc, or not permitted to read it.
  }
  return parseFileLimit(text);
}

/** How many descriptors this process has open, or undefined where that is unknown. */
export function countOpenFiles(): number | undefined {
  try {
    return builtin("node:fs").readdirSync("/proc/self/fd").length - 1; // less the folder itself
  } catch {
    return undefined; // There is no /proc, or it may not be read.
  }
}

/** Finds the soft limit of open files in the text of /proc/self/limits. */
export function parseFileLimit(text: string): number | undefined {
  const found = /^Max open files +(\d+) /m.exec(text);
  return found === null ? undefined : Number(found[1]);
}
