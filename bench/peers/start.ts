// Owns starting a peer for a metric: its folder, its port, its output, and waiting until it answers. Knows no particular proxy.
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../metrics/metric.ts";
import type { Origins } from "../origins.ts";
import { findFreePort, waitForPort, waitForProxy } from "../ports.ts";
import type { ProcessGroup } from "../process_group.ts";
import { formatRuleText } from "../rule_text.ts";
import type { Peer } from "./peer.ts";

const START_TIMEOUT_MS = 8_000;
const BASE_RULES = 10;

/** Makes the function that starts peers. */
export function makeStart(group: ProcessGroup, origins: Origins): Bench["start"] {
  let instances = 0;
  return async (peer, originPort, { ruleCount = BASE_RULES, load = "small" } = {}) => {
    if (peer === undefined) return { peer, port: originPort, process: undefined, startMs: 0 };
    const port = findFreePort();
    const folder = join(group.folder, `${peer.name}-${++instances}`);
    mkdirSync(folder);
    const { command, stdout = "ignore" } = peer.launch({
      folder,
      port,
      rules: formatRuleText(ruleCount),
      originPort,
      load,
    });
    const output = stdout === "ignore" ? stdout : openEmptiedPipe(group, folder);
    const startedMs = performance.now();
    const running = group.start(command, output);
    if (typeof output === "number") closeSync(output);
    const isUp = peer.plainHttp
      ? await waitForProxy(port, `http://127.0.0.1:${origins.small}/`, START_TIMEOUT_MS, running.hasEnded)
      : await waitForPort(port, START_TIMEOUT_MS).then(() => true, () => false);
    const startMs = performance.now() - startedMs;
    if (isUp && !running.hasEnded()) return { peer, port, process: running, startMs };
    const reason = running.hasEnded()
      ? `ended: ${running.stderrText().slice(-300).trim()}`
      : `did not answer in ${START_TIMEOUT_MS} ms`;
    await running.stop();
    throw new Error(`${peer.name} did not start with ${ruleCount} rules: it ${reason}`);
  };
}

/** A pipe whose other end a process reads and throws away; it ends with the last writer. */
function openEmptiedPipe(group: ProcessGroup, folder: string): number {
  const path = join(folder, "log");
  spawnSync("mkfifo", [path]);
  group.start(["sh", "-c", 'exec cat "$0"', path], "ignore");
  return openSync(path, "w"); // waits until the reader has opened its end
}

/** Asks each of the project's own peers by its first log line which engine and threads it took, for the report. */
export async function describeOwn(
  group: ProcessGroup,
  peers: readonly (Peer | undefined)[],
): Promise<ReadonlyMap<string, string>> {
  const words = new Map<string, string>();
  for (const peer of peers) {
    if (peer === undefined || !peer.name.startsWith("ours")) continue;
    const folder = join(group.folder, `${peer.name}-asked`);
    mkdirSync(folder);
    const order = {
      folder,
      port: findFreePort(),
      rules: formatRuleText(BASE_RULES),
      originPort: 0,
      load: "small",
    } as const;
    const running = group.start([...peer.launch(order).command, "--log-format", "json"], "pipe");
    const line = await running.readLine();
    await running.stop();
    words.set(peer.name, line === undefined ? "" : formatEngine(line));
  }
  return words;
}

function formatEngine(line: string): string {
  try {
    const { engine, workers } = JSON.parse(line) as { readonly engine?: unknown; readonly workers?: unknown };
    return `; engine ${engine ?? "unknown"}, workers ${workers ?? "unknown"}`;
  } catch {
    return "";
  }
}
