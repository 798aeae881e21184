// Owns the full report of a run in Markdown: machine, bars, every figure. Measures nothing.
import { formatTable, wrapProse } from "../scripts/markdown.ts";
import { RIVALS } from "./bars.ts";
import type { Column } from "./metrics/metric.ts";
import { figuresOf, type MetricResults, type Results } from "./results.ts";
import { median, spreadPercent, summariseRatios } from "./statistics.ts";
import { count, judge, type Judged, type Verdict } from "./verdicts.ts";
import { formatDate, formatFigure, formatMachine } from "./words.ts";

/** Over this share of a core a generator may have set the rate. */
const BUSY_GENERATOR_PERCENT = 90;
/** Peers that do not forward by CONNECT or choose a target: bounds, not rivals. */
const STAND_INS: readonly string[] = ["haproxy", "nginx"];

/** Formats a whole run. */
export function formatReport(results: Results): string {
  const judged = judge(results);
  const parts = [
    "# Benchmark",
    ...formatHead(results),
    "## Bars",
    wrapProse(
      `${
        formatCount(judged)
      } A ratio is the median of the ratios within each round, with its quartiles; "best peer" is ` +
        `the one of ${RIVALS.join(", ")} against which this proxy looks worst. A bar is what was to be reached, a ` +
        `stretch what was hoped for.`,
    ),
    formatBars(judged).trimEnd(),
    "## Figures",
    wrapProse(
      "Median ± half the interquartile range in %. `÷` is the median of the ratios within each round. A window in which " +
        "anything failed has no figures, and is counted as lost.",
    ),
    ...[...new Set(results.metrics.map(({ group }) => group))].flatMap((group) => formatGroup(results, group)),
    "## Peers",
    Object.entries(results.peers).map(([name, { text, version }]) =>
      wrapProse(`- **${name}**: ${text}${version === "-" ? "" : ` (${version})`}`, "  ")
    ).join("\n"),
    ...formatRemarks(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

function formatHead(results: Results): string[] {
  const windows = results.metrics.flatMap((metric) => Object.values(metric.windows).flat());
  const others = windows.map(({ othersPercent }) => othersPercent);
  return [
    wrapProse(
      `Measured on ${formatDate(results.startedAt)}, on ${formatMachine(results.machine)}, from source ` +
        `\`${results.source}\`: \`${results.command}\`, ${results.rounds} interleaved rounds of windows of ` +
        `${results.seconds} s. Everything ran on this one machine, over loopback. Small answers came from ${results.origin}.`,
    ),
    wrapProse(
      `Other processes used ${formatFigure(median(others))} % of the cores in the median window and ` +
        `${formatFigure(Math.max(0, ...others))} % in the worst. ` +
        `${windows.filter(({ lost }) => lost !== undefined).length} of ${windows.length} windows were lost to errors.`,
    ),
  ];
}

function formatCount(judged: readonly Judged[]): string {
  const { bars, met, stretches, stretchesMet } = count(judged);
  return `${met} of ${bars} bars are met, and ${stretchesMet} of ${stretches} stretches.`;
}

function formatBars(judged: readonly Judged[]): string {
  const rows = judged.map(({ bar, figure, against, verdict, stretchVerdict }) => {
    const unit = bar.unit ?? "";
    const limit = (value: number | undefined, of: Verdict | undefined) =>
      value === undefined ? "" : `${bar.is} ${value}${unit}: ${of === "missed" ? "**missed**" : of}`;
    const name = bar.against === "peers" ? `best peer, ${against}` : against;
    const spread = figure === undefined || figure.rounds < 2
      ? ""
      : ` (${formatFigure(figure.low)}–${formatFigure(figure.high)})`;
    return [
      bar.row,
      bar.load,
      name,
      figure === undefined ? "-" : `${formatFigure(figure.median)}${unit}${spread}`,
      limit(bar.bar, verdict),
      limit(bar.stretch, stretchVerdict),
    ];
  });
  return formatTable(["what", "load", "÷", "measured", "bar", "stretch"], rows);
}

function formatGroup(results: Results, group: string): string[] {
  const metrics = results.metrics.filter((metric) => metric.group === group);
  const names = Object.keys(results.peers).filter((name) => metrics.some(({ windows }) => name in windows));
  const rivals = names.filter((name) => RIVALS.includes(name) && name !== "squid");
  const others = [
    ...names.filter((name) => name === "squid"),
    ...rivals,
    ...names.filter((name) => STAND_INS.includes(name) || ["direct", "other"].includes(name)),
  ];
  const rows = metrics.flatMap((metric) =>
    metric.columns.filter(({ key }) => names.some((name) => figuresOf(metric, name, key).size > 0)).map((column) => [
      `${column.text} ${column.better === "higher" ? "↑" : "↓"}`,
      ...names.map((name) => formatCell(metric, name, column)),
      ...others.map((name) => {
        const ratio = summariseRatios(figuresOf(metric, "ours", column.key), figuresOf(metric, name, column.key));
        return ratio === undefined ? "-" : formatFigure(ratio.median);
      }),
    ])
  );
  const busy = metrics.flatMap(formatBusyGenerator);
  const head = [group, ...names, ...others.map((name) => `÷ ${name}`)];
  return [formatTable(head, rows).trimEnd(), ...(busy.length === 0 ? [] : [busy.join("\n")])];
}

function formatCell(metric: MetricResults, name: string, { key }: Column): string {
  const windows = metric.windows[name];
  if (windows === undefined) return "";
  const figures = [...figuresOf(metric, name, key).values()];
  const lost = windows.filter((window) => window.lost !== undefined).length;
  const note = lost === 0 ? "" : ` (${lost} lost)`;
  if (figures.length === 0) return `-${note}`;
  const spread = spreadPercent(figures);
  return `${formatFigure(median(figures))}${
    figures.length > 1 && Number.isFinite(spread) ? ` ±${Math.round(spread)}` : ""
  }${note}`;
}

/** Names the peers on which the generator was busy all the time: their rates tell of it, their CPU does not. */
function formatBusyGenerator(metric: MetricResults): string[] {
  const busy = Object.entries(metric.windows).flatMap(([name, windows]) => {
    const shares = windows.flatMap(({ generatorPercent }) => generatorPercent === undefined ? [] : [generatorPercent]);
    return shares.length > 0 && median(shares) > BUSY_GENERATOR_PERCENT
      ? [`${name} (${Math.round(median(shares))} %)`]
      : [];
  });
  if (busy.length === 0) return [];
  return [
    wrapProse(
      `- ${metric.name}: the generator used a whole core on ${busy.join(", ")}: those rates are bounds of it too.`,
      "  ",
    ),
  ];
}

function formatRemarks(results: Results): string[] {
  const lost = results.metrics.flatMap(({ name, windows }) =>
    Object.entries(windows).flatMap(([peer, of]) =>
      of.flatMap((window) =>
        window.lost === undefined ? [] : [`${peer}, ${name}, round ${window.round}: ${window.lost}`]
      )
    )
  );
  const lines = [...results.remarks, ...lost];
  if (lines.length === 0) return [];
  const escape = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll(/([*_<>`\\[\]])/g, "\\$1");
  return ["## Remarks", lines.map((line) => wrapProse(`- ${escape(line)}`, "  ")).join("\n")];
}
