// Owns the metric of tunnels that carry nothing: what each costs in memory and descriptors, and what all of them cost in CPU.
import { join } from "node:path";
import type { LoadOrder } from "../load/window.ts";
import type { Peer } from "../peers/peer.ts";
import { readFileLimit, readTreeMemory, readTreeScheduledSeconds, type TreeMemory } from "../proc_stat.ts";
import { routeTo } from "./load.ts";
import type { Bench, Column, Metric, Session, Values } from "./metric.ts";

const SETTLE_MS = 700;
const IDLE_CPU_SECONDS = 2;
const DESCRIPTORS_KEPT = 1_000;

function idle(steps: readonly number[], quick: boolean): Metric {
  const columns = steps.flatMap((step): Column[] => [
    { key: `pss${step}`, text: `${step}: PSS KiB/tunnel`, better: "lower", bar: 0.15 },
    { key: `rss${step}`, text: `${step}: RSS KiB/tunnel`, better: "lower" },
    { key: `fds${step}`, text: `${step}: descriptors/tunnel`, better: "lower" },
    { key: `cpu${step}`, text: `${step}: CPU while idle, % of a core`, better: "lower" },
  ]);
  return {
    name: `idle-${steps.at(-1)}`,
    group: "idle",
    quick,
    columns,
    excludes: (peer) => {
      if (peer === undefined) return "nothing to measure";
      if (peer.tunnels === "none") return "no tunnels";
      const most = (readFileLimit() - DESCRIPTORS_KEPT) / 2;
      return (steps.at(-1) ?? 0) > most
        ? `the limit of ${readFileLimit()} open files allows ${most} tunnels`
        : undefined;
    },
    open: (bench, peer) =>
      Promise.resolve({ measure: () => measure(bench, peer, steps), close: () => Promise.resolve() } satisfies Session),
  };
}

async function measure(bench: Bench, peer: Peer | undefined, steps: readonly number[]): Promise<Values> {
  const target = await bench.start(peer, bench.origins.echo);
  const proxy = target.process;
  if (proxy === undefined) return {};
  const order: LoadOrder & { steps: readonly number[] } = {
    ...routeTo(target, bench.origins.echo),
    warmSeconds: 0,
    seconds: 0,
    steps: [50, ...steps], // the first fifty make buffers and compiled code, which are not the tunnels' own
  };
  const holder = bench.group.start(
    [process.execPath, join(import.meta.dir, "../load/idle_load.ts"), JSON.stringify(order)],
    "pipe",
  );
  try {
    const values: Record<string, number> = {};
    let base: TreeMemory | undefined;
    for (const step of order.steps) {
      const line = await holder.readLine();
      if (line === undefined) {
        throw new Error(`${step} tunnels were not open within 30 s: ${holder.stderrText().slice(-200)}`);
      }
      const { held, failure } = JSON.parse(line) as { held: number; failure: string };
      if (held < step) throw new Error(`only ${held} of ${step} tunnels were opened: ${failure}`);
      await Bun.sleep(SETTLE_MS);
      const memory = readTreeMemory(proxy.pid);
      if (base === undefined) {
        base = memory;
      } else {
        const tunnels = step - (order.steps[0] ?? 0);
        values[`pss${step}`] = (memory.pssKib - base.pssKib) / tunnels;
        values[`rss${step}`] = (memory.rssKib - base.rssKib) / tunnels;
        values[`fds${step}`] = (memory.descriptors - base.descriptors) / tunnels;
        const before = readTreeScheduledSeconds(proxy.pid);
        await Bun.sleep(IDLE_CPU_SECONDS * 1000);
        values[`cpu${step}`] = (readTreeScheduledSeconds(proxy.pid) - before) / IDLE_CPU_SECONDS * 100;
      }
      holder.writeStdin("\n");
    }
    return values;
  } finally {
    await holder.stop();
    await proxy.stop();
  }
}

/** The metrics of idle tunnels. */
export const IDLE_METRICS: readonly Metric[] = [idle([1_000], true), idle([8_000], false)];
