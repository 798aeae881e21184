// Owns a benchmark run: which metrics and peers, who takes which turn, and what is written at the end. Measures nothing itself.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { HTTP_METRICS } from "./metrics/http.ts";
import { IDLE_METRICS } from "./metrics/idle.ts";
import type { Bench, Metric, Session, Values } from "./metrics/metric.ts";
import { RULES_METRIC } from "./metrics/rules.ts";
import { STARTUP_METRIC } from "./metrics/startup.ts";
import { TUNNEL_METRICS } from "./metrics/tunnel.ts";
import { type BenchOptions, parseOptions } from "./options.ts";
import { startOrigins } from "./origins.ts";
import type { Peer } from "./peers/peer.ts";
import { DIRECT, listPeers } from "./peers/registry.ts";
import { findFreePort, waitForProxy } from "./ports.ts";
import { readFileLimit, readMachine, readMachineCpuSeconds, readTreeCpuSeconds } from "./proc_stat.ts";
import { ProcessGroup } from "./process_group.ts";
import { formatMarkdown, type MetricResults, type Results } from "./report.ts";
import { formatRuleText } from "./rule_text.ts";

const METRICS: readonly Metric[] = [...HTTP_METRICS, ...TUNNEL_METRICS, ...IDLE_METRICS, STARTUP_METRIC, RULES_METRIC];
const START_TIMEOUT_MS = 8_000;
/** A window in which other processes used more of the machine than this is measured again, twice at most. */
const MOST_OTHERS_PERCENT = 15;
const MOST_ATTEMPTS = 3;

const parsed = parseOptions(process.argv.slice(2));
if ("text" in parsed) {
  console.log(parsed.text);
  process.exit(parsed.code);
}
await run(parsed);
process.exit(0);

async function run(options: BenchOptions): Promise<void> {
  const group = new ProcessGroup();
  const { metrics, peers, remarks } = choose(options);
  const origins = await startOrigins(group);
  const results: Results = {
    startedAt: new Date().toISOString(),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    machine: { ...readMachine(), openFiles: readFileLimit(), bun: Bun.version },
    peers: Object.fromEntries(
      peers.map((peer) => [
        peer?.name ?? DIRECT,
        { text: peer?.text ?? "no proxy: generator to origin", version: peer?.version() ?? "-" },
      ]),
    ),
    origin: origins.smallText,
    rounds: options.rounds,
    seconds: options.seconds,
    othersPercent: [],
    remarks,
    metrics: [],
  };
  let instances = 0;
  const bench: Bench = {
    group,
    origins,
    seconds: options.seconds,
    // What is compiled as it runs needs some ten thousand requests until its code is what it will be.
    warmSeconds: options.quick ? 2 : 4,
    quick: options.quick,
    remark: (text) => {
      if (!results.remarks.includes(text)) results.remarks.push(text);
      progress(`  ${text}`);
    },
    start: async (peer, originPort, ruleCount = 10) => {
      if (peer === undefined) return { peer, port: originPort, process: undefined, startMs: 0 };
      const port = findFreePort();
      const folder = join(group.folder, `${peer.name}-${++instances}`);
      mkdirSync(folder);
      const { command, environment } = peer.launch({ folder, port, rules: formatRuleText(ruleCount), originPort });
      const startedMs = performance.now();
      const running = group.start(command, "ignore", environment);
      const url = `http://127.0.0.1:${origins.small}/`;
      const isUp = peer.plainHttp ? await waitForProxy(port, url, START_TIMEOUT_MS, running.hasEnded) : await settle();
      const startMs = performance.now() - startedMs;
      if (isUp) return { peer, port, process: running, startMs };
      const reason = running.hasEnded()
        ? `ended: ${running.stderrText().slice(-300).trim()}`
        : `did not answer in ${START_TIMEOUT_MS} ms`;
      await running.stop();
      throw new Error(`${peer.name} did not start: it ${reason}`);
    },
  };
  for (const metric of metrics) {
    const measured = await runMetric(bench, metric, peers, options.rounds, results.othersPercent);
    results.metrics.push(measured);
    write(options, results);
  }
  process.stdout.write(formatMarkdown(results));
  progress(`Written to ${join(options.results, "latest.json")} and latest.md`);
}

async function settle(): Promise<true> {
  await Bun.sleep(300);
  return true;
}

function choose(options: BenchOptions): { metrics: Metric[]; peers: (Peer | undefined)[]; remarks: string[] } {
  const known = listPeers(options.ours);
  const remarks: string[] = [];
  const peers: (Peer | undefined)[] = [];
  for (const name of options.peers) {
    const peer = known.find((each) => each.name === name);
    if (peer === undefined && name !== DIRECT) {
      fail(`Unknown peer "${name}": there are ${known.map((each) => each.name).join(", ")}, ${DIRECT}`);
    }
    const reason = peer?.unavailable();
    if (reason === undefined) peers.push(peer);
    else remarks.push(`${name} is left out: ${reason}`);
  }
  const isWanted = (metric: Metric) =>
    options.only.length === 0
      ? !options.quick || metric.quick
      : options.only.some((name) => name === metric.name || name === metric.group) &&
        (!options.quick || metric.quick || options.only.includes(metric.name));
  const metrics = METRICS.filter(isWanted);
  if (metrics.length === 0) {
    fail(`No metric is called ${options.only.join(", ")}: there are ${METRICS.map((each) => each.name).join(", ")}`);
  }
  for (const remark of remarks) progress(remark);
  return { metrics, peers, remarks };
}

/** Opens the metric for each peer, then goes round them, beginning with another one each time, and closes all. */
async function runMetric(
  bench: Bench,
  metric: Metric,
  peers: readonly (Peer | undefined)[],
  rounds: number,
  othersPercent: number[],
): Promise<MetricResults> {
  progress(`${metric.name}`);
  const sessions: { readonly name: string; readonly session: Session }[] = [];
  const measured: MetricResults = {
    metric: { name: metric.name, group: metric.group, columns: metric.columns },
    rounds: {},
  };
  for (const peer of peers) {
    const name = peer?.name ?? DIRECT;
    const reason = metric.excludes(peer);
    if (reason !== undefined) {
      progress(`  ${name}: ${reason}`);
      continue;
    }
    try {
      sessions.push({ name, session: await metric.open(bench, peer) });
      measured.rounds[name] = {};
    } catch (error) {
      bench.remark(`${name} has no figures for ${metric.name}: ${messageOf(error)}`);
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < sessions.length; turn++) {
      const next = sessions[(round + turn) % sessions.length];
      if (next === undefined) continue;
      try {
        const values = await measureQuietly(next.session, othersPercent);
        (measured.rounds[next.name] ??= {})[round] = values;
        progress(`  ${round + 1} ${next.name.padEnd(14)} ${formatValues(values)}`);
      } catch (error) {
        bench.remark(`${next.name} lost round ${round + 1} of ${metric.name}: ${messageOf(error)}`);
      }
    }
  }
  for (const { session } of sessions) await session.close();
  return measured;
}

async function measureQuietly(session: Session, othersPercent: number[]): Promise<Values> {
  let best: { values: Values; others: number } | undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const [machine, own, startMs] = [readMachineCpuSeconds(), readTreeCpuSeconds(process.pid), performance.now()];
    const values = await session.measure();
    const coreSeconds = (performance.now() - startMs) / 1000 * navigator.hardwareConcurrency;
    const busy = readMachineCpuSeconds() - machine - (readTreeCpuSeconds(process.pid) - own);
    const others = Math.max(0, busy / coreSeconds * 100);
    if (best === undefined || others < best.others) best = { values, others };
    if (others <= MOST_OTHERS_PERCENT) break;
  }
  if (best === undefined) throw new Error("no attempt was made");
  othersPercent.push(best.others);
  return best.values;
}

function write(options: BenchOptions, results: Results): void {
  mkdirSync(options.results, { recursive: true });
  const stamp = results.startedAt.replace(/[:.]/g, "-");
  for (const name of [stamp, "latest"]) {
    writeFileSync(join(options.results, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`);
    writeFileSync(join(options.results, `${name}.md`), formatMarkdown(results));
  }
}

function formatValues(values: Values): string {
  return Object.entries(values).map(([key, value]) => `${key} ${Number(value.toPrecision(3))}`).join("  ");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function fail(text: string): never {
  progress(text);
  process.exit(2);
}
