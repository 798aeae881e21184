// Owns how the limit of open files is learnt: from the kernel's table, since neither runtime has getrlimit.
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

/** Finds the soft limit of open files in the text of /proc/self/limits. */
export function parseFileLimit(text: string): number | undefined {
  const found = /^Max open files +(\d+) /m.exec(text);
  return found === null ? undefined : Number(found[1]);
}
