// Owns what a run yields, as it is written to JSON and read again. Measures nothing, prints nothing.
import { readFileSync } from "node:fs";
import type { Column, Values } from "./metrics/metric.ts";

/** The form of the file; a reader refuses any other. */
export const RESULTS_FORMAT = 2;

/** What a run yields. */
export interface Results {
  readonly format: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly command: string;
  /** The commit that was measured, with a mark where the tree differed from it. */
  readonly source: string;
  readonly machine: Machine;
  readonly peers: Readonly<Record<string, { readonly text: string; readonly version: string }>>;
  /** What answers the small requests. */
  readonly origin: string;
  readonly rounds: number;
  /** The length of one window. */
  readonly seconds: number;
  readonly remarks: readonly string[];
  readonly metrics: readonly MetricResults[];
}

/** The machine of a run. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly system: string;
  /** Whether the CPU says that it is a virtual machine's. */
  readonly virtual: boolean;
  /** The limit of open files of one process. */
  readonly openFiles: number;
  readonly bun: string;
}

/** One metric's figures, by peer; one window a round. */
export interface MetricResults {
  readonly name: string;
  readonly group: string;
  readonly columns: readonly Column[];
  readonly windows: Readonly<Record<string, readonly Window[]>>;
}

/** What one peer yielded in one round: figures, or why there are none. */
export interface Window {
  readonly round: number;
  readonly values?: Values;
  /** A window in which anything failed has no figures. */
  readonly lost?: string;
  /** Share of all cores that processes outside the benchmark used meanwhile. */
  readonly othersPercent: number;
  /** Share of one core that the generator used: near 100 it, not the proxy, sets the rate. */
  readonly generatorPercent?: number;
}

/** The figures of a peer in one column, by round. */
export function figuresOf(metric: MetricResults | undefined, peer: string, key: string): ReadonlyMap<number, number> {
  const figures = new Map<number, number>();
  for (const { round, values } of metric?.windows[peer] ?? []) {
    const value = values?.[key];
    if (value !== undefined && Number.isFinite(value)) figures.set(round, value);
  }
  return figures;
}

/** Formats results as JSON; figures are cut to five digits, which is more than they are good for. */
export function formatResults(results: Results): string {
  const shorten = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  return `${JSON.stringify(results, shorten, 1)}\n`;
}

/** Reads a file of results. Throws where it is none of this form. */
export function readResults(path: string | URL): Results {
  const results = JSON.parse(readFileSync(path, "utf8")) as Partial<Results>;
  if (results.format !== RESULTS_FORMAT || !Array.isArray(results.metrics)) {
    throw new Error(`Cannot read ${path}: it holds no results of form ${RESULTS_FORMAT}; run the benchmark again`);
  }
  return results as Results;
}
