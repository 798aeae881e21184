// Owns the metric of a start: from exec to the first proxied answer, and the memory after it.
import type { Peer } from "../peers/peer.ts";
import { readTreeMemory } from "../proc_stat.ts";
import type { Bench, Metric, Values } from "./metric.ts";

const SETTLE_MS = 500;

/** The metric of a start with ten rules. */
export const STARTUP_METRIC: Metric = {
  name: "startup",
  group: "startup",
  quick: true,
  columns: [
    { key: "ms", text: "exec to first 200, ms", better: "lower", bar: 1 },
    { key: "rss", text: "RSS after it, MiB", better: "lower", bar: 1.4 },
    { key: "pss", text: "PSS after it, MiB", better: "lower" },
  ],
  excludes: (peer) => peer === undefined ? "nothing to start" : peer.plainHttp ? undefined : "no plain requests",
  open: (bench, peer) => Promise.resolve({ measure: () => measure(bench, peer), close: () => Promise.resolve() }),
};

async function measure(bench: Bench, peer: Peer | undefined): Promise<Values> {
  const { process: proxy, startMs } = await bench.start(peer, bench.origins.small);
  if (proxy === undefined) return {};
  try {
    await Bun.sleep(SETTLE_MS);
    const { rssKib, pssKib } = readTreeMemory(proxy.pid);
    return { ms: startMs, rss: rssKib / 1024, pss: pssKib / 1024 };
  } finally {
    await proxy.stop();
  }
}
