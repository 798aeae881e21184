// Owns what /proc says of a tree of processes: CPU time, memory, descriptors. Starts and ends none.
import { readdirSync, readFileSync } from "node:fs";
import { readCpuClock } from "./cpu_clock.ts";

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Bun runs on

interface StatLine {
  readonly pid: number;
  readonly parent: number;
  /** The user and system time of the children that it has waited for. */
  readonly endedChildrenSeconds: number;
}

function readStat(pid: number): StatLine | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // it has ended
  }
  // The name in parentheses may hold blanks and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const ticks = (fields[13] ?? 0) + (fields[14] ?? 0);
  return { pid, parent: fields[1] ?? 0, endedChildrenSeconds: ticks / TICKS_PER_SECOND };
}

function readTree(root: number): StatLine[] {
  const children = new Map<number, StatLine[]>();
  const tree: StatLine[] = [];
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat === undefined) continue;
    if (stat.pid === root) tree.push(stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
  }
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]?.pid ?? -1) ?? []));
  return tree;
}

/**
 * Reads the CPU seconds that a process, its threads and its children have used: to the nanosecond for those that live, to
 * 10 ms for children that have ended.
 */
export function readTreeCpuSeconds(root: number): number {
  return readTree(root).reduce(
    (sum, { pid, endedChildrenSeconds }) => sum + (readCpuClock(pid) ?? 0) + endedChildrenSeconds,
    0,
  );
}

/** Reads the CPU seconds of the children that a process has waited for, to 10 ms. */
export function readEndedChildrenSeconds(pid: number): number {
  return readStat(pid)?.endedChildrenSeconds ?? 0;
}

/** Reads the CPU seconds that the whole machine has spent on anything but waiting. */
export function readMachineCpuSeconds(): number {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0);
  return (fields.reduce((sum, ticks) => sum + ticks, 0) - idle) / TICKS_PER_SECOND;
}

/** Memory of a tree of processes: PSS shares common pages out, RSS counts them once in each process. */
export interface TreeMemory {
  readonly pssKib: number;
  readonly rssKib: number;
  readonly descriptors: number;
}

/** Reads a tree's memory and open descriptors. Needs the right to read the processes' smaps. */
export function readTreeMemory(root: number): TreeMemory {
  let [pssKib, rssKib, descriptors] = [0, 0, 0];
  for (const { pid } of readTree(root)) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
      pssKib += Number(/^Pss: +(\d+)/m.exec(rollup)?.[1] ?? 0);
      rssKib += Number(/^Rss: +(\d+)/m.exec(rollup)?.[1] ?? 0);
      descriptors += readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      // it has ended, or belongs to another user; then the sum is of the others
    }
  }
  return { pssKib, rssKib, descriptors };
}

/** The limit of open files that a process started from here has. */
export function readFileLimit(): number {
  const line = readFileSync("/proc/self/limits", "latin1").split("\n").find((text) =>
    text.startsWith("Max open files")
  );
  return Number(line?.trim().split(/\s+/)[3] ?? 1024);
}
