// Owns the program run inside the test's own process: the real engine, clock, DNS and files of the runtime, and a
// process around it that is the test's: its arguments, environment, output and signals.
import { runCommand } from "../../src/cli/cli.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Process } from "../../src/runtime/runtime.ts";
import type { LogLines } from "./log_lines.ts";

/** A program as a test drives it, wherever it runs. */
export interface Program {
  /** Undefined where it has no process of its own. */
  readonly pid: number | undefined;
  /** The exit code. */
  readonly exited: Promise<number>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void;
  /** Ends it whatever it does, where that can be done. */
  kill(): void;
}

/** Starts the program with these arguments and this environment alone. */
export async function startInProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  lines: LogLines,
): Promise<Program> {
  const runtime = await detectRuntime();
  const handlers = new Map<string, (() => void)[]>();
  const real = runtime.process;
  const fake: Process = {
    args,
    env,
    stdoutIsTerminal: false,
    writeStdout(text) {
      lines.addStdout(text);
      return true;
    },
    writeStderr: (text) => lines.addStderr(text),
    flush: () => Promise.resolve(),
    readStdin: () => Promise.resolve(""),
    onSignal(signal, handler) {
      handlers.set(signal, [...handlers.get(signal) ?? [], handler]);
    },
    usage: () => real.usage(),
    localAddresses: () => real.localAddresses(),
    fileLimit: () => real.fileLimit(),
  };
  const exited = runCommand({ ...runtime, process: fake }).finally(() => lines.end());
  return {
    pid: undefined,
    exited,
    signal(name) {
      for (const handler of handlers.get(name) ?? []) handler();
    },
    kill() {},
  };
}
