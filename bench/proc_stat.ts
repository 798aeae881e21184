// Owns what /proc says of a tree of processes: CPU time, memory, descriptors. Starts and ends none.
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Bun runs on
const KIB = 1024;

interface StatLine {
  readonly pid: number;
  readonly parent: number;
  /** Its own user and system time, ended threads included, and that of children it has waited for. */
  readonly cpuSeconds: number;
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
  const ticks = (fields[11] ?? 0) + (fields[12] ?? 0) + (fields[13] ?? 0) + (fields[14] ?? 0);
  return { pid, parent: fields[1] ?? 0, cpuSeconds: ticks / TICKS_PER_SECOND };
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

/** Reads the CPU seconds that a process, its threads and its children have used, to 10 ms a process. */
export function readTreeCpuSeconds(root: number): number {
  return readTree(root).reduce((sum, stat) => sum + stat.cpuSeconds, 0);
}

/** Reads the CPU seconds that the living threads of a tree have used, to the nanosecond; those of ended threads are gone. */
export function readTreeScheduledSeconds(root: number): number {
  let seconds = 0;
  for (const { pid } of readTree(root)) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        seconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ", 1)[0]) / 1e9;
      }
    } catch {
      // it has ended
    }
  }
  return seconds;
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

/** What the machine is, for the report. */
export function readMachine(): {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
} {
  const cpuinfo = readFileSync("/proc/cpuinfo", "latin1");
  const memory = Number(/^MemTotal: +(\d+)/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? 0);
  return {
    cpu: /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? "unknown",
    cores: cpuinfo.match(/^processor\s*:/gm)?.length ?? 1,
    memoryGib: Math.round(memory / KIB / KIB),
    kernel: readFileSync("/proc/sys/kernel/osrelease", "latin1").trim(),
  };
}
