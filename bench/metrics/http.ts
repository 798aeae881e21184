// Owns the metrics of plain requests, sent by wrk in absolute-form.
import type { Peer } from "../peers/peer.ts";
import { type HttpLoad, runWrk, warmUp } from "./load.ts";
import type { Bench, Column, Measurement, Metric, Session, Target, Values } from "./metric.ts";

const MIB = 1024 * 1024;

interface HttpMetric {
  readonly name: string;
  readonly quick: boolean;
  readonly text: string;
  readonly load: Omit<HttpLoad, "originPort">;
  readonly origin: "small" | "bodies";
  /** Bytes of body in an operation where throughput is what counts; else requests are counted. */
  readonly bodyBytes?: number;
}

const METRICS: readonly HttpMetric[] = [
  {
    name: "http-keep-alive",
    quick: true,
    text: "keep-alive, 32 connections",
    load: { connections: 32, path: "/" },
    origin: "small",
  },
  {
    name: "http-close",
    quick: false,
    text: "close, 32 connections",
    load: { connections: 32, path: "/", close: true },
    origin: "small",
  },
  {
    name: "http-down",
    quick: false,
    text: "10 MiB down, 8 connections",
    load: { connections: 8, path: `/${10 * MIB}` },
    origin: "bodies",
    bodyBytes: 10 * MIB,
  },
  {
    name: "http-up",
    quick: false,
    text: "1 MiB up, 8 connections",
    load: { connections: 8, path: "/", uploadBytes: MIB },
    origin: "bodies",
    bodyBytes: MIB,
  },
  {
    name: "http-up-chunked",
    quick: false,
    text: "1 MiB up chunked, 8 connections",
    load: { connections: 8, path: "/", uploadBytes: MIB, chunked: true },
    origin: "bodies",
    bodyBytes: MIB,
  },
];

function columnsOf(metric: HttpMetric): readonly Column[] {
  const { text } = metric;
  if (metric.bodyBytes !== undefined) {
    return [
      { key: "rate", text: `${text}: GB/s`, better: "higher" },
      { key: "cpu", text: `${text}: CPU s/GB`, better: "lower" },
    ];
  }
  return [
    { key: "rate", text: `${text}: requests/s`, better: "higher" },
    { key: "p50", text: `${text}: p50 µs`, better: "lower" },
    { key: "p99", text: `${text}: p99 µs`, better: "lower" },
    { key: "cpu", text: `${text}: CPU ms/1000`, better: "lower" },
  ];
}

/** The metrics of plain requests. */
export const HTTP_METRICS: readonly Metric[] = METRICS.map((metric) => ({
  name: metric.name,
  group: "http",
  quick: metric.quick,
  columns: columnsOf(metric),
  estimateSeconds: ({ seconds }) => seconds + 0.5,
  excludes: (peer) => peer === undefined || peer.plainHttp ? undefined : "no plain requests",
  open: async (bench: Bench, peer: Peer | undefined): Promise<Session> => {
    const load = { ...metric.load, originPort: bench.origins[metric.origin] };
    const target = await bench.start(peer, load.originPort);
    await warmUp(bench, peer, (seconds) => runWrk(bench, target, load, seconds));
    return { measure: () => measure(bench, target, metric, load), close: async () => await target.process?.stop() };
  },
}));

async function measure(bench: Bench, target: Target, metric: HttpMetric, load: HttpLoad): Promise<Measurement> {
  const result = await runWrk(bench, target, load);
  const generatorPercent = result.generatorSeconds / result.seconds * 100;
  const withCpu = (values: Values, cpu: number): Measurement => ({
    values: target.process === undefined ? values : { ...values, cpu },
    generatorPercent,
  });
  if (metric.bodyBytes !== undefined) {
    // Of downloads what has come is counted, since some are always under way at the end; uploads are small enough.
    const bytes = load.uploadBytes === undefined ? result.receivedBytes : result.operations * metric.bodyBytes;
    const gigabytes = bytes / 1e9;
    return withCpu({ rate: gigabytes / result.seconds }, result.cpuSeconds / gigabytes);
  }
  const values = {
    rate: result.operations / result.seconds,
    p50: result.p50Us ?? NaN,
    p99: result.p99Us ?? NaN,
  };
  return withCpu(values, result.cpuSeconds * 1e6 / result.operations);
}
