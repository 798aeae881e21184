// Owns the list of metrics: name, type, help, and how each is read off the running proxy. Labels have few values each:
// never a host, a path or a client.
import {
  DIAL_RESULTS,
  ERROR_CODES,
  type HistogramName,
  MAX_COUNTED_LINE,
  type Scalar,
  type TrafficCounters,
} from "../observe/traffic_counters.ts";
import type { ProcessUsage } from "../runtime/runtime.ts";
import type { ProxyState } from "./sources.ts";

/** What a scrape reads. */
export interface Sources {
  readonly state: ProxyState;
  readonly traffic: TrafficCounters;
  readonly usage: ProcessUsage;
  readonly draining: boolean;
}

/** One sample of a metric. */
export interface MetricValue {
  /** Behind the metric's name: "_bucket", "_sum", "_count" of a histogram. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** One metric. */
export interface MetricRow {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence, without a full stop. */
  readonly help: string;
  /** The names of its labels, but for `le`. */
  readonly labels: readonly string[];
  readonly sample: (sources: Sources) => readonly MetricValue[];
}

const PREFIX = "egress_http_proxy_";

/** Every metric, in the order of the exposition. */
export const METRICS: readonly MetricRow[] = [
  {
    name: `${PREFIX}requests_total`,
    type: "counter",
    help: "Requests and tunnels that have ended, by kind of method, decision and status sent",
    labels: ["method", "decision", "status"],
    sample({ traffic }) {
      const values: MetricValue[] = [];
      traffic.forEachRequest((method, decision, status, value) =>
        values.push({ labels: { method, decision, status }, value })
      );
      return values;
    },
  },
  {
    name: `${PREFIX}request_errors_total`,
    type: "counter",
    help: "Requests and tunnels that ended with an error, by its code",
    labels: ["error"],
    sample: ({ traffic }) => ERROR_CODES.map((error) => ({ labels: { error }, value: traffic.errorCount(error) })),
  },
  {
    name: `${PREFIX}rule_decisions_total`,
    type: "counter",
    help:
      "Decisions by the line of the rule that made them, since these rules are in force; line 'none': no rule matched",
    labels: ["line", "action"],
    sample: sampleDecisions,
  },
  gauge(
    "connections_open",
    "Client connections that are open",
    ({ traffic }) => difference(traffic, "connectionsOpened", "connectionsClosed"),
  ),
  counter("connections_total", "Client connections that were accepted and served", "connectionsOpened"),
  counter(
    "connections_refused_total",
    "Client connections that were refused for a limit of connections",
    "connectionsRefused",
  ),
  gauge("connections_limit", "The most client connections at once", ({ state }) => state.facts.maxConnections),
  counter("accept_pauses_total", "Times that accepting paused because no file descriptor was left", "acceptLimits"),
  gauge(
    "tunnels_open",
    "Tunnels that are open",
    ({ traffic }) => difference(traffic, "tunnelsOpened", "tunnelsClosed"),
  ),
  counter("tunnels_total", "Tunnels that were established", "tunnelsOpened"),
  counter(
    "client_received_bytes_total",
    "Bytes from clients: of tunnels up to the scrape, of requests that have ended",
    "bytesFromClient",
  ),
  counter(
    "client_sent_bytes_total",
    "Bytes to clients: of tunnels up to the scrape, of requests that have ended",
    "bytesToClient",
  ),
  histogram("tunnel_duration_seconds", "How long a tunnel lasted", "tunnel"),
  {
    name: `${PREFIX}dials_total`,
    type: "counter",
    help: "Attempts to connect to an approved address, by what became of them",
    labels: ["result"],
    sample: ({ traffic }) => DIAL_RESULTS.map((result) => ({ labels: { result }, value: traffic.dialCount(result) })),
  },
  histogram("dial_duration_seconds", "From the first attempt to connect to the connection", "dial"),
  histogram("response_first_byte_seconds", "From a plain request's first byte to its response's", "firstByte"),
  histogram("name_wait_seconds", "How long a request waited for its name to be resolved", "lookup"),
  {
    name: `${PREFIX}dns_lookups_total`,
    type: "counter",
    help: "Names that were to be resolved, by who knew the answer",
    labels: ["source"],
    sample({ state: { resolver }, traffic }) {
      const { lookupCount, hostsHitCount, cacheHitCount } = resolver;
      return [
        { labels: { source: "hosts" }, value: hostsHitCount },
        { labels: { source: "cache" }, value: cacheHitCount + traffic.get("namesKept") },
        { labels: { source: "server" }, value: lookupCount - hostsHitCount - cacheHitCount },
      ];
    },
  },
  {
    name: `${PREFIX}dns_failures_total`,
    type: "counter",
    help: "Look-ups at name servers that ended without an address, by reason",
    labels: ["reason"],
    sample: ({ state }) => sampleDnsFailures(state.resolver.failureCounts),
  },
  plainCounter(
    "dns_queries_total",
    "Messages sent to name servers, repeats included",
    ({ state }) => state.resolver.queryCount,
  ),
  gauge("dns_lookups_in_flight", "Look-ups at name servers under way", ({ state }) => state.resolver.inFlightCount),
  {
    name: `${PREFIX}rules_info`,
    type: "gauge",
    help: "Always 1; the label has the digest of the rules in force",
    labels: ["digest"],
    sample: ({ state }) => [{ labels: { digest: state.rules.inForce.digest }, value: 1 }],
  },
  gauge("rules", "Rules in force", ({ state }) => state.rules.inForce.ruleCount),
  gauge(
    "rules_in_force_timestamp_seconds",
    "When the rules in force came into force",
    ({ state }) => state.rules.inForce.epochMs / 1000,
  ),
  gauge(
    "rules_refused",
    "1 while the source of the rules is not what is in force, because it was refused",
    ({ state }) => state.rules.refused === undefined ? 0 : 1,
  ),
  {
    name: `${PREFIX}rule_reloads_total`,
    type: "counter",
    help: "Readings of the rules since the start, by result",
    labels: ["result"],
    sample: ({ state }) =>
      Object.entries(state.rules.reloads).map(([result, value]) => ({ labels: { result }, value })),
  },
  {
    name: `${PREFIX}rule_reload_duration_seconds`,
    type: "gauge",
    help: "How long the last reading of the rules took",
    labels: [],
    sample: ({ state }) =>
      optional(state.rules.lastReloadMs === undefined ? undefined : state.rules.lastReloadMs / 1000),
  },
  {
    name: `${PREFIX}revoked_total`,
    type: "counter",
    help: "What was closed because other rules deny it, by kind",
    labels: ["kind"],
    sample({ state }) {
      const { tunnels, requests, keptAlive } = state.control.revoked;
      return [
        { labels: { kind: "tunnel" }, value: tunnels },
        { labels: { kind: "request" }, value: requests },
        { labels: { kind: "kept_alive" }, value: keptAlive },
      ];
    },
  },
  gauge("draining", "1 from the signal to stop until the end", ({ draining }) => draining ? 1 : 0),
  gauge("report_only", "1 where nothing is denied but only reported", ({ state }) => state.facts.reportOnly ? 1 : 0),
  gauge("workers", "Threads that relay", ({ state }) => state.facts.workers),
  plainCounter(
    "worker_restarts_total",
    "Threads that died and were replaced, their connections lost",
    ({ state }) => state.control.threadEnds,
  ),
  plainCounter(
    "log_writes_lost_total",
    "Writes to the log that were lost because stdout was too slow or closed",
    ({ state }) => state.lostLogLines,
  ),
  {
    name: `${PREFIX}build_info`,
    type: "gauge",
    help: "Always 1; the labels say what is running",
    labels: ["version", "runtime", "engine"],
    sample({ state: { facts } }) {
      const { version, runtime, engine } = facts;
      return [{ labels: { version, runtime, engine }, value: 1 }];
    },
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "Processor time that the process has used",
    labels: [],
    sample: ({ usage }) => [{ value: usage.cpuSeconds }],
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Memory of the process that is in RAM",
    labels: [],
    sample: ({ usage }) => [{ value: usage.residentBytes }],
  },
  {
    name: "process_open_fds",
    type: "gauge",
    help: "Open file descriptors; missing where they can't be counted",
    labels: [],
    sample: ({ usage }) => optional(usage.openFiles),
  },
  {
    name: "process_max_fds",
    type: "gauge",
    help:
      "The most file descriptors that the process may have open; missing where there is no limit or it is not known",
    labels: [],
    sample: ({ state }) => optional(state.facts.fileLimit),
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the proxy started, since the epoch",
    labels: [],
    sample: ({ state }) => [{ value: state.facts.startEpochMs / 1000 }],
  },
];

/** The reasons that name servers give are told apart where they are known. */
const DNS_REASONS: Readonly<Record<string, string>> = {
  NXDOMAIN: "nxdomain",
  "no data": "no_data",
  SERVFAIL: "servfail",
  REFUSED: "refused",
  timeout: "timeout",
  "name server unreachable": "unreachable",
  "too many look-ups at once": "too_many",
};

function sampleDnsFailures(counts: ReadonlyMap<string, number>): MetricValue[] {
  const byLabel = new Map<string, number>([...Object.values(DNS_REASONS), "other"].map((reason) => [reason, 0]));
  for (const [reason, count] of counts) {
    const label = DNS_REASONS[reason] ?? "other";
    byLabel.set(label, (byLabel.get(label) ?? 0) + count);
  }
  return [...byLabel].map(([reason, value]) => ({ labels: { reason }, value }));
}

function sampleDecisions({ state, traffic }: Sources): MetricValue[] {
  const values: MetricValue[] = [{ labels: { line: "none", action: "deny" }, value: traffic.decisionCount(0) }];
  for (const { line, action } of state.policy.rules) {
    if (line > MAX_COUNTED_LINE) break;
    values.push({ labels: { line, action }, value: traffic.decisionCount(line) });
  }
  const behind = traffic.decisionCount(MAX_COUNTED_LINE + 1);
  if (behind > 0) values.push({ labels: { line: `over ${MAX_COUNTED_LINE}`, action: "any" }, value: behind });
  return values;
}

function counter(name: string, help: string, scalar: Scalar): MetricRow {
  return plainCounter(name, help, ({ traffic }) => traffic.get(scalar));
}

function plainCounter(name: string, help: string, read: (sources: Sources) => number): MetricRow {
  return {
    name: `${PREFIX}${name}`,
    type: "counter",
    help,
    labels: [],
    sample: (sources) => [{ value: read(sources) }],
  };
}

function gauge(name: string, help: string, read: (sources: Sources) => number): MetricRow {
  return { ...plainCounter(name, help, read), type: "gauge" };
}

function histogram(name: string, help: string, histogramName: HistogramName): MetricRow {
  return {
    name: `${PREFIX}${name}`,
    type: "histogram",
    help,
    labels: [],
    sample({ traffic }) {
      const { bounds, counts, sumSeconds } = traffic.histogram(histogramName);
      let total = 0;
      const values: MetricValue[] = [];
      for (const [at, count] of counts.entries()) {
        total += count;
        values.push({ suffix: "_bucket", labels: { le: bounds[at] ?? "+Inf" }, value: total });
      }
      return [...values, { suffix: "_sum", value: sumSeconds }, { suffix: "_count", value: total }];
    },
  };
}

function difference(traffic: TrafficCounters, opened: Scalar, closed: Scalar): number {
  return traffic.get(opened) - traffic.get(closed);
}

function optional(value: number | undefined): MetricValue[] {
  return value === undefined ? [] : [{ value }];
}
