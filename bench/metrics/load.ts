// Owns running one generator against one target and checking what it reports.
import { join } from "node:path";
import process from "node:process";
import type { LoadResult } from "../load/window.ts";
import type { Route } from "../load/tunnel.ts";
import type { Peer } from "../peers/peer.ts";
import { findProgram } from "../peers/program.ts";
import { readEndedChildrenSeconds, readTreeCpuSeconds } from "../proc_stat.ts";
import type { Bench, Target } from "./metric.ts";

const SLACK_MS = 15_000;

/** How a stream to an origin port is reached by a target. */
export function routeTo(target: Target, originPort: number): Route {
  if (target.peer === undefined) return { port: originPort };
  if (target.peer.tunnels === "fixed") return { port: target.port };
  return { port: target.port, connectTo: `127.0.0.1:${originPort}` };
}

/** Runs one of the generators in load/ for one window. Throws where it failed or counted failures. */
export async function runGenerator(
  bench: Bench,
  target: Target,
  file: string,
  originPort: number,
  settings: Readonly<Record<string, unknown>>,
  seconds = bench.seconds,
): Promise<LoadResult> {
  const order = {
    ...routeTo(target, originPort),
    warmSeconds: 0.3,
    seconds,
    ...(target.process === undefined ? {} : { proxyPid: target.process.pid }),
    ...settings,
  };
  const command = [process.execPath, join(import.meta.dir, "../load", file), JSON.stringify(order)];
  const { code, stdout, stderr } = await bench.group.run(command, seconds * 1000 + SLACK_MS);
  checkAlive(target);
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${firstError(stderr)}`);
  const result = JSON.parse(stdout) as LoadResult;
  if (result.failures > 0) throw new Error(`${file} counted ${result.failures} failures: ${result.firstFailure ?? ""}`);
  if (result.operations === 0) throw new Error(`${file} counted no operation`);
  return result;
}

/** Throws where the proxy itself has ended, which is why its clients failed. */
function checkAlive({ peer, process: proxy }: Target): void {
  if (proxy?.hasEnded() !== true) return;
  const words = proxy.stderrText().slice(-300).trim();
  throw new Error(`${peer?.name} has ended${words === "" ? "" : `: ${words}`}`);
}

function firstError(stderr: string): string {
  return stderr.split("\n").find((line) => line.startsWith("error:")) ?? stderr.slice(-300).trim();
}

const MOST_WARM_WINDOWS = 6;
/** What is not compiled as it runs is warm when its buffers and connections are there. */
const SHORT_WARM_SECONDS = 1;

/** Runs a load unmeasured until the peer is warm: for as many operations as it asks for, within some windows, or else shortly. */
export async function warmUp(
  bench: Bench,
  peer: Peer | undefined,
  run: (seconds: number) => Promise<LoadResult>,
): Promise<void> {
  if (peer === undefined) return;
  if (peer.warmOperations === undefined) return void await run(SHORT_WARM_SECONDS);
  let operations = 0;
  for (let window = 0; window < MOST_WARM_WINDOWS && operations < peer.warmOperations; window++) {
    operations += (await run(bench.warmSeconds)).operations;
  }
}

/** What wrk is to send. */
export interface HttpLoad {
  readonly connections: number;
  readonly path: string;
  readonly originPort: number;
  readonly close?: boolean;
  readonly uploadBytes?: number;
  readonly chunked?: boolean;
}

/** What wrk counted. */
export interface WrkResult extends LoadResult {
  readonly receivedBytes: number;
}

/** Runs wrk for one window; the proxy's CPU is read around the whole of its run. */
export async function runWrk(
  bench: Bench,
  target: Target,
  load: HttpLoad,
  seconds = bench.seconds,
): Promise<WrkResult> {
  const wrk = findProgram("wrk");
  if (wrk === undefined) throw new Error("wrk is not installed (apt-get install wrk)");
  const authority = `127.0.0.1:${load.originPort}`;
  const absolute = target.peer !== undefined;
  const args = [absolute ? `http://${authority}${load.path}` : load.path, authority, load.close ? "close" : "keep"];
  if (load.uploadBytes !== undefined) args.push(String(load.uploadBytes));
  if (load.chunked) args.push("chunked");
  const port = absolute ? target.port : load.originPort;
  const script = join(import.meta.dir, "../load/wrk.lua");
  const command = [wrk, "-t1", `-c${load.connections}`, `-d${Math.ceil(seconds)}s`, "--timeout", "5s", "--latency"];
  command.push("-s", script, `http://127.0.0.1:${port}`, "--", ...args);
  const cpu = () => target.process === undefined ? 0 : readTreeCpuSeconds(target.process.pid);
  const [before, endedBefore] = [cpu(), readEndedChildrenSeconds(process.pid)];
  const { code, stdout, stderr } = await bench.group.run(command, seconds * 1000 + SLACK_MS);
  const cpuSeconds = cpu() - before;
  const generatorSeconds = readEndedChildrenSeconds(process.pid) - endedBefore;
  checkAlive(target);
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  if (code !== 0 || line === undefined) {
    throw new Error(`wrk ended with ${code}: ${(stderr + stdout).slice(-300).trim()}`);
  }
  const result = JSON.parse(line) as WrkResult & { readonly failedReads: number };
  const readsFailed = target.peer?.closesEachAnswer ? 0 : result.failedReads;
  if (readsFailed > 0) throw new Error(`wrk counted ${readsFailed} connections that ended within an answer`);
  if (result.failures > 0) throw new Error(`wrk counted ${result.failures} failures: ${result.firstFailure}`);
  if (result.receivedBytes === 0) throw new Error("wrk received nothing");
  return { ...result, cpuSeconds, generatorSeconds };
}
