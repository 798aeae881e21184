// Owns the results of a run and their two forms, JSON and Markdown. Measures nothing.
import type { Column, Metric, Values } from "./metrics/metric.ts";
import { median, medianRatio, spreadPercent } from "./statistics.ts";

/** What a run yields, as written to JSON. */
export interface Results {
  readonly startedAt: string;
  readonly command: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly peers: Readonly<Record<string, { readonly text: string; readonly version: string }>>;
  readonly origin: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Share of all cores that processes outside the benchmark used, one a window. */
  readonly othersPercent: number[];
  readonly remarks: string[];
  readonly metrics: MetricResults[];
}

/** One metric's figures: by peer, by round. */
export interface MetricResults {
  readonly metric: Pick<Metric, "name" | "group" | "columns">;
  readonly rounds: Record<string, Record<number, Values>>;
}

/** Formats a whole run as Markdown. */
export function formatMarkdown(results: Results): string {
  const { machine, peers, othersPercent } = results;
  const lines = [
    `# Benchmark of ${results.startedAt}`,
    "",
    `\`${results.command}\`: ${results.rounds} rounds, windows of ${results.seconds} s. ${machine["cpu"]}, ${
      machine["cores"]
    } cores, ` +
    `${machine["memoryGib"]} GiB, Linux ${machine["kernel"]}. Origin of small answers: ${results.origin}.`,
    `Processes outside the benchmark used ${format(median(othersPercent))} % of the cores in the median window, ${
      format(Math.max(...othersPercent))
    } % in the worst.`,
    "Cells: median ± half the interquartile range in %. Ratios: median of the ratios within each round. A bar is what ours ÷ squid may be.",
    "",
    ...Object.entries(peers).map(([name, { text, version }]) => `* ${name}: ${text} (${version})`),
    ...results.remarks.map((remark) => `* ${remark}`),
  ];
  for (const group of new Set(results.metrics.map(({ metric }) => metric.group))) {
    const metrics = results.metrics.filter(({ metric }) => metric.group === group);
    lines.push("", ...formatGroup(group, metrics), ...metrics.flatMap(findGeneratorBound));
  }
  return `${lines.join("\n")}\n`;
}

function formatGroup(group: string, metrics: readonly MetricResults[]): string[] {
  const names = [...new Set(metrics.flatMap(({ rounds }) => Object.keys(rounds)))];
  const ours = names.find((name) => name.startsWith("ours"));
  const rivals = ours === undefined ? [] : names.filter((name) => name !== ours);
  const head = [group, ...names, ...rivals.map((name) => `${ours} ÷ ${name}`), "bar"];
  const rows = metrics.flatMap(({ metric, rounds }) =>
    metric.columns.map((column) => {
      const cells = names.map((name) => formatCell(valuesOf(rounds[name], column.key)));
      const ratios = rivals.map((name) =>
        medianRatio(valuesOf(rounds[ours ?? ""], column.key), valuesOf(rounds[name], column.key))
      );
      const bar = formatBar(column, ratios[rivals.indexOf("squid")]);
      return [`${column.text} ${column.better === "higher" ? "↑" : "↓"}`, ...cells, ...ratios.map(formatRatio), bar];
    })
  );
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

/** Names the rates that come to more than half of what the generator reaches with no proxy: they say as much of it. */
function findGeneratorBound({ metric, rounds }: MetricResults): string[] {
  const direct = valuesOf(rounds["direct"], "rate");
  const bound = Object.keys(rounds).filter((name) => name !== "direct").filter((name) =>
    (medianRatio(valuesOf(rounds[name], "rate"), direct) ?? 0) > 0.5
  );
  if (bound.length === 0) return [];
  return [
    "",
    `${metric.name}: the rate of ${bound.join(", ")} is over half of the direct one, so it tells of the generator too.`,
  ];
}

function valuesOf(rounds: Record<number, Values> | undefined, key: string): Map<number, number> {
  const values = new Map<number, number>();
  for (const [round, of] of Object.entries(rounds ?? {})) {
    const value = of[key];
    if (value !== undefined && Number.isFinite(value)) values.set(Number(round), value);
  }
  return values;
}

function formatCell(values: ReadonlyMap<number, number>): string {
  const numbers = [...values.values()];
  if (numbers.length === 0) return "-";
  const spread = numbers.length > 1 ? ` ±${Math.round(spreadPercent(numbers))}` : "";
  return `${format(median(numbers))}${Number.isFinite(spreadPercent(numbers)) ? spread : ""}`;
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? "-" : format(ratio);
}

function formatBar({ bar, better }: Column, ratio: number | undefined): string {
  if (bar === undefined) return "";
  const text = `${better === "higher" ? "≥" : "≤"} ${bar}`;
  if (ratio === undefined) return text;
  return `${text} ${(better === "higher" ? ratio >= bar : ratio <= bar) ? "met" : "**missed**"}`;
}

function format(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
