// Owns a run's results for tests, made from a table of figures. Knows no report.
import type { Column } from "../../bench/metrics/metric.ts";
import { type MetricResults, type Results, RESULTS_FORMAT, type Window } from "../../bench/results.ts";

/** Figures of one column by peer, one a round; `undefined` is a lost window. */
export type Figures = Readonly<Record<string, readonly (number | undefined)[]>>;

/** Makes one metric of one column. */
export function metricOf(name: string, key: string, figures: Figures, group = name): MetricResults {
  const column: Column = { key, text: `${name} ${key}`, better: key === "rate" ? "higher" : "lower" };
  const windows = Object.entries(figures).map(([peer, values]): [string, Window[]] => [
    peer,
    values.map((value, index) =>
      value === undefined
        ? { round: index + 1, lost: "2 failures", othersPercent: 3 }
        : { round: index + 1, values: { [key]: value }, othersPercent: 1, generatorPercent: 40 }
    ),
  ]);
  return { name, group, columns: [column], windows: Object.fromEntries(windows) };
}

/** Makes a run of these metrics. */
export function resultsOf(...metrics: readonly MetricResults[]): Results {
  const peers = [...new Set(metrics.flatMap(({ windows }) => Object.keys(windows)))];
  return {
    format: RESULTS_FORMAT,
    startedAt: "2026-03-09T08:07:06.000Z",
    command: "npm run bench",
    source: "0123456789",
    machine: {
      cpu: "Example(R)  CPU",
      cores: 2,
      memoryGib: 24,
      kernel: "6.18.44-x",
      system: "Debian 12",
      virtual: true,
      openFiles: 20_000,
      bun: "1.4.5",
    },
    peers: Object.fromEntries(peers.map((name) => [name, { text: `the peer ${name}`, version: "1" }])),
    origin: "an origin",
    rounds: 3,
    seconds: 2,
    remarks: ["nginx is left out: nginx is not installed"],
    metrics,
  };
}
