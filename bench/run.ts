// Owns a benchmark run: which metrics and peers, who takes which turn, and what is written. Measures nothing itself.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { compileWhereStale, readMachine, readSource } from "./machine.ts";
import { HTTP_METRICS } from "./metrics/http.ts";
import { IDLE_METRIC } from "./metrics/idle.ts";
import type { Bench, Metric, Session } from "./metrics/metric.ts";
import { RULES_METRIC } from "./metrics/rules.ts";
import { STARTUP_METRIC } from "./metrics/startup.ts";
import { TUNNEL_METRICS } from "./metrics/tunnel.ts";
import { type BenchOptions } from "./options.ts";
import { startOrigins } from "./origins.ts";
import type { Peer } from "./peers/peer.ts";
import { DIRECT, listPeers } from "./peers/registry.ts";
import { describeOwn, makeStart } from "./peers/start.ts";
import { ProcessGroup } from "./process_group.ts";
import { readMachineCpuSeconds, readTreeCpuSeconds } from "./proc_stat.ts";
import { formatReport } from "./report.ts";
import { formatResults, type MetricResults, type Results, RESULTS_FORMAT, type Window } from "./results.ts";

const METRICS: readonly Metric[] = [...TUNNEL_METRICS, ...HTTP_METRICS, IDLE_METRIC, RULES_METRIC, STARTUP_METRIC];
/** A window in which other processes used more of the machine than this is measured again, as long as repeats are left. */
const MOST_OTHERS_PERCENT = 15;
const MOST_ATTEMPTS = 3;
/** A run may be longer by so much for repeats. */
const REPEATED_SHARE = 1 / 6;
/** About how long starting and warming up a peer for one metric takes. */
const START_SECONDS = 3;

interface Run {
  readonly bench: Bench;
  readonly rounds: number;
  readonly fresh: boolean;
  readonly peers: readonly (Peer | undefined)[];
  repeatsLeft: number;
}

/** Runs the benchmark and writes its results. Throws where there is nothing to run. */
export async function runBenchmark(options: BenchOptions, args: readonly string[], folder: string): Promise<void> {
  if (options.ours === undefined) compileWhereStale(progress);
  const remarks: string[] = [];
  const group = new ProcessGroup(folder);
  const metrics = chooseMetrics(options);
  const peers = choosePeers(options, remarks);
  const origins = await startOrigins(group);
  const own = await describeOwn(group, peers);
  const bench: Bench = {
    group,
    origins,
    seconds: options.seconds,
    warmSeconds: options.quick ? 2 : 3,
    quick: options.quick,
    remark: (text) => {
      if (!remarks.includes(text)) remarks.push(text);
      progress(`  ${text}`);
    },
    start: makeStart(group, origins),
  };
  const measured: MetricResults[] = [];
  const results: Results = {
    format: RESULTS_FORMAT,
    startedAt: new Date().toISOString(),
    command: ["npm run bench", ...(args.length > 0 ? ["--", ...args] : [])].join(" "),
    source: readSource(),
    machine: readMachine(),
    peers: Object.fromEntries(
      peers.map((peer) => [
        peer?.name ?? DIRECT,
        {
          text: `${peer?.text ?? "no proxy: generator to origin"}${own.get(peer?.name ?? "") ?? ""}`,
          version: peer?.version() ?? "-",
        },
      ]),
    ),
    origin: origins.smallText,
    rounds: options.rounds,
    seconds: options.seconds,
    remarks,
    metrics: measured,
  };
  const windows = metrics.map((metric) => countWindows(metric, peers, options.rounds));
  const seconds = metrics.reduce(
    (sum, metric, index) =>
      sum + (windows[index] ?? 0) *
        (metric.estimateSeconds(options) + START_SECONDS / (options.fresh ? 1 : options.rounds)),
    0,
  );
  progress(`About ${Math.ceil(seconds / 60)} minutes, a sixth more where other work disturbs it`);
  const run: Run = {
    bench,
    rounds: options.rounds,
    fresh: options.fresh,
    peers,
    repeatsLeft: Math.ceil(windows.reduce((sum, count) => sum + count, 0) * REPEATED_SHARE),
  };
  for (const metric of metrics) {
    measured.push(await runMetric(run, metric));
    write(options, results);
  }
  process.stdout.write(formatReport(results));
  const hasFigures = measured.some((metric) => Object.values(metric.windows).flat().some(({ values }) => values));
  if (!hasFigures) throw new Error("Nothing was measured: see the remarks");
  progress(`Written to ${join(options.out, "latest.json")} and latest.md`);
}

function chooseMetrics(options: BenchOptions): Metric[] {
  const isNamed = ({ name, group }: Metric) => options.only.some((word) => word === name || word === group);
  const unknown = options.only.filter((word) => !METRICS.some(({ name, group }) => word === name || word === group));
  if (unknown.length > 0) {
    throw new Error(
      `No metric is called ${unknown.join(", ")}: there are ${METRICS.map(({ name }) => name).join(", ")}`,
    );
  }
  // What was named by its own name is measured in a quick run too.
  return METRICS.filter((metric) =>
    options.only.length === 0 ? !options.quick || metric.quick : isNamed(metric) &&
      (!options.quick || metric.quick || options.only.includes(metric.name))
  );
}

function choosePeers(options: BenchOptions, remarks: string[]): (Peer | undefined)[] {
  const known = listPeers(options);
  const peers: (Peer | undefined)[] = [];
  for (const name of options.peers) {
    const peer = known.find((each) => each.name === name);
    if (peer === undefined && name !== DIRECT) {
      throw new Error(`Unknown peer '${name}': there are ${known.map((each) => each.name).join(", ")}, ${DIRECT}`);
    }
    const reason = peer?.unavailable();
    if (reason === undefined) {
      peers.push(peer);
      continue;
    }
    remarks.push(`${name} is left out: ${reason}`);
    progress(remarks.at(-1) ?? "");
  }
  return peers;
}

function excludes(metric: Metric, peer: Peer | undefined): string | undefined {
  if (peer?.only?.includes(metric.name) === false) return "not measured on this";
  return metric.excludes(peer);
}

function countWindows(metric: Metric, peers: readonly (Peer | undefined)[], rounds: number): number {
  const sessions = peers.filter((peer) => excludes(metric, peer) === undefined).length;
  return sessions * Math.min(rounds, metric.mostRounds ?? rounds);
}

interface OpenSession {
  readonly name: string;
  readonly session: Session;
}

/** Goes round the peers, beginning with another one each time; all are open meanwhile, or a round long where it is to be fresh. */
async function runMetric(run: Run, metric: Metric): Promise<MetricResults> {
  progress(metric.name);
  const rounds = Math.min(run.rounds, metric.mostRounds ?? run.rounds);
  const windows: Record<string, Window[]> = {};
  const atOnce = run.fresh ? 1 : rounds;
  for (let first = 1; first <= rounds; first += atOnce) {
    const sessions = await openSessions(run, metric);
    for (const { name } of sessions) windows[name] ??= [];
    for (let round = first; round < first + atOnce; round++) {
      for (let turn = 0; turn < sessions.length; turn++) {
        const next = sessions[(round + turn) % sessions.length];
        if (next === undefined) continue;
        const window = await measureQuietly(run, next.session, round);
        windows[next.name]?.push(window);
        progress(`  ${round} ${next.name.padEnd(12)} ${formatWindow(window)}`);
      }
    }
    for (const { session } of sessions) await session.close();
  }
  return { name: metric.name, group: metric.group, columns: metric.columns, windows };
}

/** Opens the metric for each peer that has it. */
async function openSessions(run: Run, metric: Metric): Promise<readonly OpenSession[]> {
  const sessions: OpenSession[] = [];
  for (const peer of run.peers) {
    const name = peer?.name ?? DIRECT;
    if (excludes(metric, peer) !== undefined) continue;
    try {
      sessions.push({ name, session: await metric.open(run.bench, peer) });
    } catch (error) {
      run.bench.remark(`${name} has no figures for ${metric.name}: ${messageOf(error)}`);
    }
  }
  return sessions;
}

async function measureQuietly(run: Run, session: Session, round: number): Promise<Window> {
  let best: Window | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (attempt > 0 && run.repeatsLeft-- <= 0) break;
    const window = await measureOnce(session, round);
    const isBetter = best === undefined || best.lost !== undefined ||
      (window.lost === undefined && window.othersPercent < best.othersPercent);
    if (isBetter) best = window;
    if (window.lost !== undefined || window.othersPercent <= MOST_OTHERS_PERCENT) break;
  }
  return best ?? { round, lost: "no attempt was made", othersPercent: 0 };
}

async function measureOnce(session: Session, round: number): Promise<Window> {
  const [machine, own, startMs] = [readMachineCpuSeconds(), readTreeCpuSeconds(process.pid), performance.now()];
  let outcome: Omit<Window, "round" | "othersPercent">;
  try {
    outcome = await session.measure();
  } catch (error) {
    outcome = { lost: messageOf(error) };
  }
  const coreSeconds = (performance.now() - startMs) / 1000 * navigator.hardwareConcurrency;
  const others = readMachineCpuSeconds() - machine - (readTreeCpuSeconds(process.pid) - own);
  return { round, ...outcome, othersPercent: Math.max(0, others / coreSeconds * 100) };
}

function write(options: BenchOptions, results: Results): void {
  mkdirSync(options.out, { recursive: true });
  const stamp = results.startedAt.slice(0, 19).replaceAll(":", "-");
  for (const name of [stamp, "latest"]) {
    writeFileSync(join(options.out, `${name}.json`), formatResults(results));
    writeFileSync(join(options.out, `${name}.md`), formatReport(results));
  }
}

function formatWindow({ values, lost, othersPercent, generatorPercent }: Window): string {
  const figures = lost === undefined
    ? Object.entries(values ?? {}).map(([key, value]) => `${key} ${Number(value.toPrecision(3))}`).join("  ")
    : `lost: ${lost}`;
  const generator = generatorPercent === undefined ? "" : `, generator ${Math.round(generatorPercent)} %`;
  return `${figures}   (others ${Math.round(othersPercent)} %${generator})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
