// Owns README.md's part on performance: the picture, the main figures, date and machine. The full report is another file's.
import { formatTable, wrapProse } from "../scripts/markdown.ts";
import { figuresOf, type Results } from "./results.ts";
import { median, summariseRatios } from "./statistics.ts";
import { count, judge } from "./verdicts.ts";
import { formatDate, formatFigure, formatMachine } from "./words.ts";

interface Line {
  readonly text: string;
  readonly metric: string;
  readonly key: string;
}

const LINES: readonly Line[] = [
  { text: "tunnel, 8 connections down: CPU s per GB", metric: "bulk-down-8", key: "cpu" },
  { text: "tunnel, 8 connections down: GB/s", metric: "bulk-down-8", key: "rate" },
  { text: "tunnel, 8 connections both ways: CPU s per GB", metric: "bulk-both-8", key: "cpu" },
  { text: "CONNECT set-ups: CPU ms each", metric: "connect", key: "cpu" },
  { text: "CONNECT set-ups a second", metric: "connect", key: "rate" },
  { text: "64-byte messages on 64 tunnels: CPU µs each", metric: "ping-64", key: "cpu" },
  { text: "64-byte messages on 64 tunnels: p99 µs", metric: "ping-64", key: "p99" },
  { text: "plain HTTP, kept alive: CPU ms per 1,000 requests", metric: "http-keep-alive", key: "cpu" },
  { text: "plain HTTP, kept alive: requests a second", metric: "http-keep-alive", key: "rate" },
  { text: "plain HTTP, closed each time: CPU ms per 1,000", metric: "http-close", key: "cpu" },
  { text: "plain HTTP, 10 MiB down: CPU s per GB", metric: "http-down", key: "cpu" },
  { text: "plain HTTP, 1 MiB up: CPU s per GB", metric: "http-up", key: "cpu" },
  { text: "plain HTTP, 1 MiB up, chunked: CPU s per GB", metric: "http-up-chunked", key: "cpu" },
  { text: "8,000 idle tunnels: KiB of memory (PSS) each", metric: "idle", key: "pss8000" },
  { text: "100,000 rules: CPU of a set-up ÷ with 10 rules", metric: "rules", key: "setupRatio100000" },
  { text: "start to first answer, ms", metric: "startup", key: "ms" },
  { text: "memory (RSS) after start, MiB", metric: "startup", key: "rss" },
];

const PEERS: readonly string[] = ["squid", "tinyproxy", "smokescreen", "haproxy", "nginx", "direct"];

/** Formats the part; it ends with a line feed. */
export function formatPerformance(results: Results): string {
  const { bars, met } = count(judge(results));
  return [
    "![CPU of each proxy for the same work, squid's being 1](docs/benchmark.svg)",
    "",
    wrapProse(
      `Measured on ${formatDate(results.startedAt)}, on ${formatMachine(results.machine)}, over loopback, in ` +
        `${results.rounds} rounds in which all took turns; medians. squid runs with the configuration that the replaced ` +
        `image gives it. haproxy and nginx choose no target and judge nothing: they are bounds, not rivals. "direct" is ` +
        `no proxy at all. On two cores that proxy, clients and servers share, trust CPU before rates.`,
    ),
    "",
    formatLines(results).trimEnd(),
    "",
    wrapProse(
      `[The full report](docs/benchmark.md) has every figure with its spread, and what was to be reached: ${met} of ` +
        `${bars} bars are met. \`npm run bench\` measures again; [bench/README.md](bench/README.md) says how.`,
    ),
    "",
  ].join("\n");
}

function formatLines(results: Results): string {
  const peers = PEERS.filter((name) => name in results.peers);
  const rows = LINES.flatMap(({ text, metric: name, key }) => {
    const metric = results.metrics.find((each) => each.name === name);
    const cell = (peer: string) => {
      const figures = [...figuresOf(metric, peer, key).values()];
      return figures.length === 0 ? "" : formatFigure(median(figures));
    };
    const own = figuresOf(metric, "ours", key);
    if (own.size === 0) return [];
    const ratio = summariseRatios(own, figuresOf(metric, "squid", key));
    return [[text, cell("ours"), ratio === undefined ? "" : formatFigure(ratio.median), ...peers.map(cell)]];
  });
  return formatTable(["what", "this proxy", "÷ squid", ...peers], rows);
}
