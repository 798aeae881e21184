// Owns what this project wants to reach: each line names a figure, what it is held against, and the bars. Computes nothing.

/**
 * What a figure is divided by: another peer's in the same round; of `peers` (the rival forward proxies) the one that does
 * best against ours; `ours` is this project with its usual settings; `value` is no other's: the figure itself is held to the bar.
 */
export type Against = "squid" | "peers" | "haproxy" | "nginx" | "direct" | "ours" | "value";

/** One figure and its bars; either may be missing, and both where the figure is only to be read. */
export interface Bar {
  /** What the line belongs to, the same words for all of its lines. */
  readonly row: string;
  readonly load: string;
  readonly metric: string;
  readonly key: string;
  /** Whose figure it is: `ours`, unless it is this project with other settings. */
  readonly of?: string;
  readonly against: Against;
  readonly is: "≤" | "≥";
  readonly bar?: number;
  readonly stretch?: number;
  /** The unit of a figure held to a value. */
  readonly unit?: string;
}

/** The forward proxies among which the best is looked for. */
export const RIVALS: readonly string[] = ["squid", "tinyproxy", "smokescreen"];

const BULK = [1, 8].flatMap((count) =>
  ["down", "up", "both"].map((way) => ({ way, count, name: `bulk-${way}-${count}` }))
);

const bulkLoad = (way: string, count: number) =>
  `${way === "both" ? "both ways" : way}, ${count} connection${count === 1 ? "" : "s"}`;

const BULK_CPU: readonly Bar[] = BULK.flatMap(({ way, count, name }): Bar[] => {
  const line = {
    row: "tunnel bulk, CPU s per GB",
    load: bulkLoad(way, count),
    metric: name,
    key: "cpu",
    is: "≤",
  } as const;
  return [
    { ...line, against: "squid", bar: 0.45 },
    { ...line, against: "peers", bar: 0.5 },
    { ...line, against: "haproxy", stretch: 1 },
  ];
});

const BULK_RATE: readonly Bar[] = [
  ...BULK.filter(({ count }) => count === 1).map(({ way, count, name }): Bar => ({
    row: "tunnel bulk, GB/s",
    load: bulkLoad(way, count),
    metric: name,
    key: "rate",
    is: "≥",
    against: "direct",
    bar: 0.7,
    stretch: 0.85,
  })),
  {
    row: "tunnel bulk, GB/s",
    load: bulkLoad("down", 8),
    metric: "bulk-down-8",
    key: "rate",
    is: "≥",
    against: "squid",
    bar: 1.4,
  },
];

const CONNECT: readonly Bar[] = [
  { load: "CPU each", key: "cpu", is: "≤", against: "squid", bar: 0.55 } as const,
  { load: "CPU each", key: "cpu", is: "≤", against: "peers", bar: 0.75 } as const,
  { load: "CPU each", key: "cpu", is: "≤", against: "haproxy", stretch: 1 } as const,
  { load: "rate", key: "rate", is: "≥", against: "squid", bar: 1.5 } as const,
].map((line): Bar => ({ row: "CONNECT set-ups", metric: "connect", ...line }));

const PING: readonly Bar[] = [
  { load: "CPU per message, 64 tunnels", metric: "ping-64", key: "cpu", bar: 0.9 },
  { load: "p50, 1 tunnel", metric: "ping-1", key: "p50", bar: 1.15 },
  { load: "p99, 64 tunnels", metric: "ping-64", key: "p99", bar: 1.15 },
].flatMap(({ bar, ...line }): Bar[] => {
  const whole = { row: "64-byte ping-pong", is: "≤", ...line } as const;
  return [{ ...whole, against: "peers", bar }, { ...whole, against: "haproxy", stretch: 1 }];
});

const HTTP: readonly Bar[] = [
  { load: "keep-alive, CPU", metric: "http-keep-alive", key: "cpu", is: "≤", against: "squid", bar: 0.35 } as const,
  { load: "keep-alive, CPU", metric: "http-keep-alive", key: "cpu", is: "≤", against: "nginx", stretch: 1 } as const,
  {
    load: "keep-alive, requests/s",
    metric: "http-keep-alive",
    key: "rate",
    is: "≥",
    against: "squid",
    bar: 3,
  } as const,
  { load: "keep-alive, p99", metric: "http-keep-alive", key: "p99", is: "≤", against: "squid", bar: 1 } as const,
  { load: "Connection: close, CPU", metric: "http-close", key: "cpu", is: "≤", against: "squid", bar: 0.35 } as const,
  { load: "Connection: close, CPU", metric: "http-close", key: "cpu", is: "≤", against: "nginx", stretch: 1 } as const,
].map((line): Bar => ({ row: "plain HTTP, small", ...line }));

const BODIES: readonly Bar[] = [
  { load: "10 MiB down", metric: "http-down", against: "squid", bar: 0.2 } as const,
  { load: "10 MiB down", metric: "http-down", against: "nginx", stretch: 1 } as const,
  ...[["1 MiB up, by length", "http-up"], ["1 MiB up, chunked", "http-up-chunked"]].flatMap((
    [load = "", metric = ""],
  ) => [
    { load, metric, against: "squid", bar: 0.35 } as const,
    { load, metric, against: "peers", bar: 0.9 } as const,
    { load, metric, against: "nginx", stretch: 1 } as const,
  ]),
].map((line): Bar => ({ row: "plain HTTP, bodies, CPU s per GB", key: "cpu", is: "≤", ...line }));

const LOG: readonly Bar[] = [
  ["CONNECT set-ups", "connect"],
  ["plain HTTP, keep-alive", "http-keep-alive"],
  ["plain HTTP, Connection: close", "http-close"],
].map(([load = "", metric = ""]): Bar => ({
  row: "access log on, CPU per operation",
  load,
  metric,
  key: "cpu",
  of: "ours-log",
  against: "ours",
  is: "≤",
  bar: 1.1,
  stretch: 1.05,
}));

const IDLE: readonly Bar[] = [
  { load: "held", key: "held8000", is: "≥", against: "value", bar: 8000, unit: "" } as const,
  { load: "PSS each", key: "pss8000", is: "≤", against: "squid", bar: 0.15 } as const,
  { load: "PSS each", key: "pss8000", is: "≤", against: "haproxy", stretch: 0.5 } as const,
  { load: "descriptors each", key: "fds8000", is: "≤", against: "value", bar: 2.2, unit: "" } as const,
  // What the clock of a process shows of an empty wait is not zero: a tenth of a percent is one wake-up in some milliseconds.
  { load: "CPU while idle", key: "cpu8000", is: "≤", against: "value", bar: 0.1, unit: " % of a core" } as const,
].map((line): Bar => ({ row: "8,000 idle tunnels", metric: "idle", ...line }));

const RULES: readonly Bar[] = [
  { load: "CPU per set-up", key: "setupRatio100000", bar: 1.25, stretch: 1.05, unit: "" },
  { load: "CPU per request", key: "requestRatio100000", bar: 1.25, stretch: 1.05, unit: "" },
  { load: "start", key: "start100000", bar: 1000, unit: " ms" },
].map((line): Bar => ({ row: "100,000 rules ÷ 10 rules", metric: "rules", is: "≤", against: "value", ...line }));

const START: readonly Bar[] = [
  { load: "start to first answer", key: "ms", against: "squid", bar: 1 } as const,
  { load: "start to first answer", key: "ms", against: "value", stretch: 25, unit: " ms" } as const,
  { load: "RSS after start", key: "rss", against: "squid", bar: 1.4, stretch: 1 } as const,
].map((line): Bar => ({ row: "start", metric: "startup", is: "≤", ...line }));

/** Two threads beside one, to be read and not judged: generators, origins and proxy share the cores. */
const THREADS: readonly Bar[] = [
  { load: "CONNECT set-ups, rate", metric: "connect", key: "rate", is: "≥" } as const,
  { load: "CONNECT set-ups, CPU", metric: "connect", key: "cpu", is: "≤" } as const,
  { load: "tunnel bulk down 8, GB/s", metric: "bulk-down-8", key: "rate", is: "≥" } as const,
  { load: "tunnel bulk down 8, CPU", metric: "bulk-down-8", key: "cpu", is: "≤" } as const,
  { load: "ping-pong 64, CPU", metric: "ping-64", key: "cpu", is: "≤" } as const,
  { load: "plain HTTP, keep-alive, requests/s", metric: "http-keep-alive", key: "rate", is: "≥" } as const,
  { load: "plain HTTP, keep-alive, CPU", metric: "http-keep-alive", key: "cpu", is: "≤" } as const,
].map((line): Bar => ({ row: "two threads ÷ one", of: "ours-2", against: "ours", ...line }));

/** Every bar, in the order in which they are reported. */
export const BARS: readonly Bar[] = [
  ...BULK_CPU,
  ...BULK_RATE,
  ...CONNECT,
  ...PING,
  ...HTTP,
  ...BODIES,
  ...LOG,
  ...IDLE,
  ...RULES,
  ...START,
  ...THREADS,
];
