// Owns the metric of tunnels that carry nothing: what each costs in memory and descriptors, and what all of them cost in CPU.
import { join } from "node:path";
import type { LoadOrder } from "../load/window.ts";
import type { Peer } from "../peers/peer.ts";
import { readFileLimit, readTreeCpuSeconds, readTreeMemory } from "../proc_stat.ts";
import type { Running } from "../process_group.ts";
import { routeTo } from "./load.ts";
import type { Bench, Column, Measurement, Metric } from "./metric.ts";

const SETTLE_MS = 1_500;
const IDLE_CPU_SECONDS = 3;
/**
 * The first tunnels make buffers and compiled code, which are not the tunnels' own. So many that our loop counts as busy and
 * gives back what the start took before the base is read: else further ones would seem to cost less than nothing.
 */
const BASE = 100;
const DESCRIPTORS_KEPT = 1_000;

const STEPS = [1_000, 8_000] as const;

/** The metric of idle tunnels; a quick run stops at the first step. */
export const IDLE_METRIC: Metric = {
  name: "idle",
  group: "idle",
  quick: true,
  mostRounds: 3,
  columns: STEPS.flatMap((step): Column[] => [
    { key: `held${step}`, text: `${step}: tunnels that still answer`, better: "higher" },
    { key: `pss${step}`, text: `${step}: PSS KiB/tunnel`, better: "lower" },
    { key: `rss${step}`, text: `${step}: RSS KiB/tunnel`, better: "lower" },
    { key: `fds${step}`, text: `${step}: descriptors/tunnel`, better: "lower" },
    { key: `cpu${step}`, text: `${step}: CPU while idle, % of a core`, better: "lower" },
  ]),
  estimateSeconds: ({ quick }) => quick ? 7 : 14,
  excludes: (peer) => {
    if (peer === undefined) return "nothing to measure";
    if (peer.tunnels === "none") return "no tunnels";
    const most = (readFileLimit() - DESCRIPTORS_KEPT) / 2;
    return STEPS[1] > most ? `the limit of ${readFileLimit()} open files allows ${most} tunnels` : undefined;
  },
  open: (bench, peer) => {
    const steps = bench.quick ? STEPS.slice(0, 1) : STEPS;
    return Promise.resolve({ measure: () => measure(bench, peer, steps), close: () => Promise.resolve() });
  },
};

async function measure(bench: Bench, peer: Peer | undefined, steps: readonly number[]): Promise<Measurement> {
  const target = await bench.start(peer, bench.origins.echo);
  const proxy = target.process;
  if (proxy === undefined) return { values: {} };
  const order: LoadOrder & { steps: readonly number[] } = {
    ...routeTo(target, bench.origins.echo),
    warmSeconds: 0,
    seconds: 0,
    steps: [BASE, ...steps],
  };
  const command = [process.execPath, join(import.meta.dir, "../load/idle_load.ts"), JSON.stringify(order)];
  const holder = bench.group.start(command, "pipe");
  try {
    return { values: await climb(bench, holder, proxy, steps) };
  } finally {
    await holder.stop();
    await proxy.stop();
  }
}

async function climb(bench: Bench, holder: Running, proxy: Running, steps: readonly number[]) {
  const values: Record<string, number> = {};
  const first = await readHeld(holder);
  if (first.held < BASE) throw new Error(`only ${first.held} of ${BASE} tunnels were opened: ${first.failure ?? ""}`);
  await Bun.sleep(SETTLE_MS);
  const base = readTreeMemory(proxy.pid);
  await countHeld(holder);
  for (const step of steps) {
    holder.writeStdin("\n");
    const { held, failure } = await readHeld(holder);
    if (held < step) {
      bench.remark(`only ${held} of ${step} tunnels were opened: ${failure ?? ""}`);
      values[`held${step}`] = held;
      return values;
    }
    await Bun.sleep(SETTLE_MS);
    const memory = readTreeMemory(proxy.pid);
    const tunnels = step - BASE;
    values[`pss${step}`] = (memory.pssKib - base.pssKib) / tunnels;
    values[`rss${step}`] = (memory.rssKib - base.rssKib) / tunnels;
    values[`fds${step}`] = (memory.descriptors - base.descriptors) / tunnels;
    const before = readTreeCpuSeconds(proxy.pid);
    await Bun.sleep(IDLE_CPU_SECONDS * 1000);
    values[`cpu${step}`] = (readTreeCpuSeconds(proxy.pid) - before) / IDLE_CPU_SECONDS * 100;
    values[`held${step}`] = await countHeld(holder);
  }
  return values;
}

async function countHeld(holder: Running): Promise<number> {
  holder.writeStdin("\n");
  return (await readHeld(holder)).held;
}

async function readHeld(holder: Running): Promise<{ readonly held: number; readonly failure?: string }> {
  const line = await holder.readLine();
  if (line === undefined) {
    throw new Error(`No word from the tunnels' holder in 30 s: ${holder.stderrText().slice(-200)}`);
  }
  return JSON.parse(line);
}
