// Owns how a run's date, machine and figures are put into words. Computes nothing.
import type { Machine } from "./results.ts";

const MONTHS = "January February March April May June July August September October November December".split(" ");

/** Formats the day of an ISO time: "26 November 2026". */
export function formatDate(iso: string): string {
  const [year, month, day] = iso.slice(0, 10).split("-").map(Number);
  return `${day} ${MONTHS[(month ?? 1) - 1]} ${year}`;
}

/** Formats a machine: "a virtual machine with 2 cores of an Intel Xeon Processor and 24 GiB of memory, Debian 12 with Linux 6.1". */
export function formatMachine({ cpu, cores, memoryGib, kernel, system, virtual }: Machine): string {
  const name = cpu.replaceAll(/\((R|TM)\)/gi, "").replaceAll(/\s+/g, " ").trim();
  const version = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel;
  return `a ${virtual ? "virtual " : ""}machine with ${cores} core${
    cores === 1 ? "" : "s"
  } (${name}) and ${memoryGib} GiB ` +
    `of memory, ${system}, Linux ${version}`;
}

/** Formats a figure with three digits, as far as it is good for that. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
