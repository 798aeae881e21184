// Owns the process: finds the runtime, hands it to the command line, ends with its exit code. It alone exits.
import process from "node:process";
import { willProbablyServe } from "./cli/purpose.ts";
import { detectRuntime } from "./runtime/detect.ts";

// For an end that nobody saw coming, such as a loop with nothing left to wait for: never success.
process.exitCode = 1;

// Not awaited here: Bun (1.4.5) delivers no worker's message while the main module is still being evaluated.
void main();

async function main(): Promise<void> {
  try {
    const runtime = await detectRuntime(new URL("./worker.ts", import.meta.url));
    // It loads while the rest does: the proxy listens 5 ms earlier for it.
    if ("prepare" in runtime.threads && willProbablyServe(runtime.process)) runtime.threads.prepare();
    const { reportInternalError, runCommand } = await import("./cli/cli.ts");
    // One connection's fault must not end the others: it is told, and the proxy goes on.
    process.on("uncaughtException", (error) => reportInternalError(runtime.process, error));
    process.on("unhandledRejection", (reason) => reportInternalError(runtime.process, reason));
    process.exit(await runCommand(runtime));
  } catch (error) {
    process.stderr.write(`egress-http-proxy: internal error: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
