// Owns one whole run: a proxy, its name server and origins, the load, and what must be true at the end of it. Used by the
// test for some seconds, and by soak.ts for minutes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { startDnsStub } from "../support/dns_stub.ts";
import { type Proxy, startProxy } from "../support/launcher.ts";
import type { TestTarget } from "../support/target.ts";
import { auditLog, type Expectation } from "./expectation.ts";
import { RULE_TEXTS, runLoad } from "./load.ts";
import { OriginProcess } from "./origin_process.ts";
import { seededRandom } from "./pattern.ts";

/** What is run, and how long. */
export interface EnduranceSettings {
  readonly target: TestTarget;
  readonly args: readonly string[];
  readonly seconds: number;
  readonly lanes: number;
  readonly seed: number;
  readonly onProgress?: (text: string) => void;
}

/** What the proxy's process holds. */
export interface Holdings {
  readonly descriptors: number;
  readonly pipes: number;
  readonly residentBytes: number;
}

/** What came of a run. */
export interface EnduranceReport {
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly swaps: number;
  readonly reloads: number;
  readonly logLines: number;
  /** Everything that was not as it must be, in words. */
  readonly faults: readonly string[];
  readonly atStart: Holdings;
  /** Half way. */
  readonly half: Holdings;
  /** When the load is over and every connection closed. */
  readonly atEnd: Holdings;
}

/** The timeouts are short, so that the operations that run into them are not all that is under way. */
const TIMEOUTS = ["--connect-timeout=4s", "--header-timeout=3s", "--response-timeout=2s", "--idle-timeout=30s"];

/** Runs it from start to SIGTERM. */
export async function endure(settings: EnduranceSettings): Promise<EnduranceReport> {
  const folder = await mkdtemp(`${tmpdir()}/endurance-`);
  const rulesFile = `${folder}/rules`;
  await writeFile(rulesFile, RULE_TEXTS[0]);
  await using dns = await startDnsStub();
  await using origin = await OriginProcess.start();
  await using frozenOrigin = await OriginProcess.start();
  const proxy = await startProxy({
    target: settings.target,
    dns,
    args: ["--destination-file", rulesFile, ...TIMEOUTS, ...settings.args],
  });
  try {
    const expectations: Expectation[] = [];
    const random = seededRandom(settings.seed);
    const world = { proxy, dns, origin, frozenOrigin, random, expectations };
    const atStart = holdingsOf(proxy);
    const tell = (done: number) => settings.onProgress?.(`${done} operations, ${describe(holdingsOf(proxy))}`);
    const load = { lanes: settings.lanes, rulesFile, onProgress: tell };
    const first = await runLoad(world, { ...load, firstId: 1, seconds: settings.seconds / 2 });
    const half = holdingsOf(proxy);
    const rest = await runLoad(world, { ...load, firstId: SECOND_PART_ID, seconds: settings.seconds / 2 });
    const faults = [...first.failures, ...rest.failures];
    const atEnd = await settle(proxy, atStart);
    if (atEnd.descriptors > atStart.descriptors + SPARE_DESCRIPTORS) {
      faults.push(`${atEnd.descriptors} descriptors are left, at the start there were ${atStart.descriptors}`);
    }
    if (atEnd.pipes > atStart.pipes + SPARE_PIPES) faults.push(`${atEnd.pipes} pipes are left`);
    const mostBytes = half.residentBytes * MOST_GROWTH + SPARE_BYTES;
    if (settings.seconds >= SETTLED_SECONDS && atEnd.residentBytes > mostBytes) {
      faults.push(`Memory grew: ${describe(atEnd)}, half way ${describe(half)}`);
    }
    proxy.signal("SIGTERM");
    const code = await proxy.exited;
    if (code !== 0) faults.push(`The exit code is ${code}`);
    if (proxy.lines.stderr !== "") faults.push(`It wrote to stderr: ${proxy.lines.stderr.slice(0, 500)}`);
    faults.push(...proxy.lines.faults.slice(0, 3).map((line) => `Not a line of JSON: ${line}`));
    faults.push(...auditLog(expectations, proxy.logs).slice(0, 10));
    const leaked = dns.queries.filter(({ name }) => name.toLowerCase().endsWith(".closed.test"));
    if (leaked.length > 0) faults.push(`${leaked.length} names that are denied were asked for: ${leaked[0]?.name}`);
    const counts = new Map(first.counts);
    for (const [name, count] of rest.counts) counts.set(name, (counts.get(name) ?? 0) + count);
    return {
      operations: [...counts.values()].reduce((sum, count) => sum + count, 0),
      counts,
      swaps: first.swaps + rest.swaps,
      reloads: proxy.logs.filter(({ message }) => message === "rules reloaded").length,
      logLines: proxy.logs.length,
      faults,
      atStart,
      half,
      atEnd,
    };
  } finally {
    await proxy.stop().catch(() => {});
    await rm(folder, { recursive: true, force: true });
  }
}

/** More than the first part has operations. */
const SECOND_PART_ID = 10_000_000;

/** Of the watch of the rules, and of what a runtime opens when it first has work. */
const SPARE_DESCRIPTORS = 8;
/** The pool keeps a few empty ones for the next tunnels: two descriptors each. */
const SPARE_PIPES = 32;
/** A heap takes a minute of this load to come to its size; from then on it is flat but for what is garbage at the moment. */
const SETTLED_SECONDS = 180;
const MOST_GROWTH = 1.2;
const SPARE_BYTES = 32 * 2 ** 20;

const SETTLE_MS = 15_000;

/** Waits until the descriptors are back, or as long as that may take: the last timeouts have to pass. */
async function settle(proxy: Proxy, atStart: Holdings): Promise<Holdings> {
  const untilMs = performance.now() + SETTLE_MS;
  for (;;) {
    const now = holdingsOf(proxy);
    const isBack = now.descriptors - now.pipes <= atStart.descriptors - atStart.pipes + SPARE_DESCRIPTORS;
    if (isBack || performance.now() > untilMs) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function holdingsOf(proxy: Proxy): Holdings {
  const folder = `/proc/${proxy.pid}/fd`;
  const links = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return ""; // Closed meanwhile.
    }
  });
  const status = readFileSync(`/proc/${proxy.pid}/status`, "latin1");
  return {
    descriptors: links.length,
    pipes: links.filter((link) => link.startsWith("pipe:")).length,
    residentBytes: Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1]) * 1024,
  };
}

/** Holdings in words. */
export function describe({ descriptors, pipes, residentBytes }: Holdings): string {
  return `${descriptors} descriptors (${pipes} of pipes), ${Math.round(residentBytes / 2 ** 20)} MiB resident`;
}
