// A program on the process part of the runtime. Its first argument says what it does; it reports on stderr.
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Process } from "../../src/runtime/runtime.ts";

const { process: host } = await detectRuntime();

function report(value: unknown): void {
  host.writeStderr(`report ${JSON.stringify(value)}.\n`);
}

/** Writes until stdout is broken, at most so many times. */
async function writeUntilBroken(host: Process): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (!host.writeStdout(`line ${turn}\n`)) return report("broken");
    await host.flush();
  }
  report("never broken");
}

/** Writes far more than anybody reads, in pieces of 64 KiB that begin with their number. */
function writeTooMuch(host: Process): void {
  for (let turn = 0; turn < 1024; turn++) {
    host.writeStdout(`${String(turn).padStart(7, "0")}${"x".repeat(64 * 1024 - 8)}\n`);
  }
  report("not blocked");
}

const ACTIONS: Readonly<Record<string, () => void | Promise<void>>> = {
  args: () => report(host.args),
  env: () => report([host.env["FROM_THE_CASE"], host.env["NOT_THERE"]]),
  terminal: () => report(host.stdoutIsTerminal),
  "file limit": async () => report(await host.fileLimit()),
  stdin: async () => report(await host.readStdin()),
  "write until broken": () => writeUntilBroken(host),
  "write too much": () => writeTooMuch(host),
  async "write and exit"() {
    for (let turn = 0; turn < 20_000; turn++) host.writeStdout(`line ${turn} é\n`);
    await host.flush();
    process.exit(0);
  },
  signals() {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) host.onSignal(signal, () => report(signal));
    setInterval(() => {}, 1000);
    report("listening");
  },
};

await ACTIONS[host.args[0] ?? ""]?.();
await host.flush();
