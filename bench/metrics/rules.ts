// Owns the metric of many rules: what 1,000 and 100,000 cost against ten, where every decision goes past all of them.
import type { Peer } from "../peers/peer.ts";
import { readTreeMemory } from "../proc_stat.ts";
import { runGenerator, runWrk, warmUp } from "./load.ts";
import type { Bench, Column, Measurement, Metric, Session, Target } from "./metric.ts";

const COUNTS = [10, 1_000, 100_000] as const;

const columns = COUNTS.flatMap((count): Column[] => [
  { key: `start${count}`, text: `${count}: exec to first 200, ms`, better: "lower" },
  { key: `rss${count}`, text: `${count}: RSS after it, MiB`, better: "lower" },
  { key: `request${count}`, text: `${count}: CPU ms/1000 requests`, better: "lower" },
  { key: `setup${count}`, text: `${count}: CPU ms/set-up`, better: "lower" },
]);

const ratios = COUNTS.slice(1).flatMap((count): Column[] => [
  { key: `requestRatio${count}`, text: `${count} ÷ 10: CPU/request`, better: "lower" },
  { key: `setupRatio${count}`, text: `${count} ÷ 10: CPU/set-up`, better: "lower" },
]);

/** The metric of many rules. The ratios are within a round. */
export const RULES_METRIC: Metric = {
  name: "rules",
  group: "rules",
  quick: false,
  columns: [...columns, ...ratios],
  estimateSeconds: ({ seconds }) => COUNTS.length * 2 * (seconds + 0.6),
  excludes: (peer) => peer === undefined ? "nothing to judge" : peer.rules ? undefined : "no rules of this kind",
  open,
};

async function open(bench: Bench, peer: Peer | undefined): Promise<Session> {
  const targets = new Map<number, Target>();
  for (const count of COUNTS) {
    try {
      targets.set(count, await bench.start(peer, bench.origins.small, { ruleCount: count }));
    } catch (error) {
      bench.remark(error instanceof Error ? error.message : String(error));
    }
  }
  const request = (target: Target, seconds = bench.seconds) =>
    runWrk(bench, target, { connections: 32, path: "/", originPort: bench.origins.small }, seconds);
  const setup = (target: Target, seconds = bench.seconds) =>
    runGenerator(bench, target, "connect_load.ts", bench.origins.echo, { connections: 32 }, seconds);
  for (const target of targets.values()) {
    await warmUp(bench, peer, (seconds) => request(target, seconds));
    await warmUp(bench, peer, (seconds) => setup(target, seconds));
  }
  return {
    measure: async () => {
      const values: Record<string, number> = {};
      for (const [count, target] of targets) {
        const fresh = await bench.start(peer, bench.origins.small, { ruleCount: count });
        values[`start${count}`] = fresh.startMs;
        values[`rss${count}`] = readTreeMemory(fresh.process?.pid ?? 0).rssKib / 1024;
        await fresh.process?.stop();
        const [requests, setups] = [await request(target), await setup(target)];
        values[`request${count}`] = requests.cpuSeconds * 1e6 / requests.operations;
        values[`setup${count}`] = setups.cpuSeconds * 1e3 / setups.operations;
      }
      return addRatios(values);
    },
    close: async () => {
      for (const target of targets.values()) await target.process?.stop();
    },
  };
}

function addRatios(values: Record<string, number>): Measurement {
  for (const count of COUNTS.slice(1)) {
    for (const what of ["request", "setup"]) {
      const [many, ten] = [values[`${what}${count}`], values[`${what}10`]];
      if (many !== undefined && ten !== undefined) values[`${what}Ratio${count}`] = many / ten;
    }
  }
  return { values };
}
