// Owns the metrics of tunnels under load: set-ups, bulk and ping-pong.
import type { LoadResult } from "../load/window.ts";
import type { Peer } from "../peers/peer.ts";
import { runGenerator, warmUp } from "./load.ts";
import type { Bench, Column, Metric, Session, Values } from "./metric.ts";

interface TunnelMetric {
  readonly name: string;
  readonly group: string;
  readonly quick: boolean;
  readonly file: string;
  readonly origin: "echo" | "bulk";
  readonly settings: Readonly<Record<string, unknown>>;
  readonly columns: readonly Column[];
  readonly values: (result: LoadResult) => Values;
}

const perOperation = (unit: number, result: LoadResult) => result.cpuSeconds * unit / result.operations;

const latencyColumns = (prefix: string): readonly Column[] => [
  { key: "p50", text: `${prefix}p50 µs`, better: "lower" },
  { key: "p99", text: `${prefix}p99 µs`, better: "lower" },
];

const CONNECT: TunnelMetric = {
  name: "connect",
  group: "connect",
  quick: true,
  file: "connect_load.ts",
  origin: "echo",
  settings: { connections: 32 },
  columns: [
    { key: "rate", text: "set-ups/s", better: "higher" },
    ...latencyColumns(""),
    { key: "cpu", text: "CPU ms/set-up", better: "lower" },
  ],
  values: (result) => ({
    rate: result.operations / result.seconds,
    p50: result.p50Us ?? NaN,
    p99: result.p99Us ?? NaN,
    cpu: perOperation(1e3, result),
  }),
};

function bulk(word: string, direction: "D" | "U" | "B", connections: number): TunnelMetric {
  return {
    name: `bulk-${word}-${connections}`,
    group: "bulk",
    quick: direction === "D" && connections === 8,
    file: "bulk_load.ts",
    origin: "bulk",
    settings: { connections, direction },
    columns: [
      { key: "rate", text: `${word} ${connections}: GB/s`, better: "higher" },
      { key: "cpu", text: `${word} ${connections}: CPU s/GB`, better: "lower" },
    ],
    values: (result) => ({ rate: result.operations / result.seconds / 1e9, cpu: perOperation(1e9, result) }),
  };
}

function ping(connections: number): TunnelMetric {
  return {
    name: `ping-${connections}`,
    group: "ping",
    quick: connections === 64,
    file: "ping_load.ts",
    origin: "echo",
    settings: { connections },
    columns: [
      { key: "rate", text: `${connections}: messages/s`, better: "higher" },
      { key: "p50", text: `${connections}: p50 µs`, better: "lower" },
      { key: "p99", text: `${connections}: p99 µs`, better: "lower" },
      { key: "cpu", text: `${connections}: CPU µs/message`, better: "lower" },
    ],
    values: (result) => ({
      rate: result.operations / result.seconds,
      p50: result.p50Us ?? NaN,
      p99: result.p99Us ?? NaN,
      cpu: perOperation(1e6, result),
    }),
  };
}

const METRICS: readonly TunnelMetric[] = [
  CONNECT,
  ...[1, 8].flatMap((count) => [bulk("down", "D", count), bulk("up", "U", count), bulk("both", "B", count)]),
  ping(1),
  ping(64),
];

/** The metrics of tunnels under load. */
export const TUNNEL_METRICS: readonly Metric[] = METRICS.map((metric) => ({
  name: metric.name,
  group: metric.group,
  quick: metric.quick,
  columns: metric.columns,
  estimateSeconds: ({ seconds }) => seconds + 0.7,
  excludes: (peer) => peer?.tunnels === "none" ? "no tunnels" : undefined,
  open: async (bench: Bench, peer: Peer | undefined): Promise<Session> => {
    const originPort = bench.origins[metric.origin];
    const target = await bench.start(peer, originPort, { load: metric.origin === "bulk" ? "bulk" : "small" });
    const run = (seconds: number) => runGenerator(bench, target, metric.file, originPort, metric.settings, seconds);
    await warmUp(bench, peer, run);
    return {
      measure: async () => {
        const result = await run(bench.seconds);
        const { cpu, ...values } = metric.values(result);
        return {
          values: target.process === undefined || cpu === undefined ? values as Values : { ...values, cpu },
          generatorPercent: result.generatorSeconds / result.seconds * 100,
        };
      },
      close: async () => await target.process?.stop(),
    };
  },
}));
