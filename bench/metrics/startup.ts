// Owns the metric of a start: from exec to the first proxied answer, and the memory after it.
import type { Peer } from "../peers/peer.ts";
import { readTreeMemory } from "../proc_stat.ts";
import { median } from "../statistics.ts";
import type { Bench, Measurement, Metric } from "./metric.ts";

const SETTLE_MS = 500;
/** A window is this many starts, of which the median counts: a single one lasts some milliseconds, and so may a disturbance. */
const STARTS = 3;

/** The metric of a start with ten rules. */
export const STARTUP_METRIC: Metric = {
  name: "startup",
  group: "startup",
  quick: true,
  columns: [
    { key: "ms", text: "exec to first 200, ms", better: "lower" },
    { key: "rss", text: "RSS after it, MiB", better: "lower" },
    { key: "pss", text: "PSS after it, MiB", better: "lower" },
  ],
  estimateSeconds: () => 2.5,
  excludes: (peer) => peer === undefined ? "nothing to start" : peer.plainHttp ? undefined : "no plain requests",
  open: (bench, peer) => Promise.resolve({ measure: () => measure(bench, peer), close: () => Promise.resolve() }),
};

async function measure(bench: Bench, peer: Peer | undefined): Promise<Measurement> {
  const starts: (readonly [ms: number, rss: number, pss: number])[] = [];
  while (starts.length < STARTS) starts.push(await startOnce(bench, peer));
  const [ms, rss, pss] = [0, 1, 2].map((index) => median(starts.map((start) => start[index] ?? NaN)));
  return { values: { ms: ms ?? NaN, rss: rss ?? NaN, pss: pss ?? NaN } };
}

async function startOnce(bench: Bench, peer: Peer | undefined): Promise<readonly [number, number, number]> {
  const { process: proxy, startMs } = await bench.start(peer, bench.origins.small);
  try {
    await Bun.sleep(SETTLE_MS);
    const { rssKib, pssKib } = readTreeMemory(proxy?.pid ?? 0);
    return [startMs, rssKib / 1024, pssKib / 1024];
  } finally {
    await proxy?.stop();
  }
}
