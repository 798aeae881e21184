// Owns every process that the benchmark starts, each in a process group of its own. Ends all of them, on Ctrl-C too.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

/** How a command ended that was run to its end. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that goes on running. */
export interface Running {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  /** Resolves to the next line of stdout, or undefined at its end or after 30 s. Only where stdout is read. */
  readonly readLine: () => Promise<string | undefined>;
  readonly writeStdin: (text: string) => void;
  /** What it has written to stderr, the last 2,000 characters. */
  readonly stderrText: () => string;
  /** Kills its whole group and resolves when it has been waited for. */
  readonly stop: () => Promise<void>;
}

const LINE_TIMEOUT_MS = 30_000;
const STDERR_KEPT = 2_000;

/** Starts processes and is the one place that ends them. */
export class ProcessGroup {
  /** Where files go; whoever made it removes it. */
  readonly folder: string;
  readonly #live = new Set<ChildProcess>();

  constructor(folder: string) {
    this.folder = folder;
    process.on("exit", () => this.#clear());
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
      process.on(signal, () => process.exit(code));
    }
  }

  #clear(): void {
    for (const child of this.#live) killGroup(child);
  }

  #spawn(
    command: readonly string[],
    stdout: "pipe" | "ignore" | number,
  ): ChildProcess {
    const [file = "", ...args] = command;
    const child = spawn(file, args, {
      detached: true,
      stdio: ["pipe", stdout, "pipe"],
      cwd: this.folder,
    });
    this.#live.add(child);
    child.on("exit", () => this.#live.delete(child));
    child.on("error", () => this.#live.delete(child));
    child.stdin?.on("error", () => {});
    return child;
  }

  /** Starts a process that goes on. `stdout: "ignore"` is /dev/null; a number is a descriptor of this process. */
  start(command: readonly string[], stdout: "pipe" | "ignore" | number): Running {
    const child = this.#spawn(command, stdout);
    let ended = false;
    const exit = new Promise<void>((resolve) => {
      const end = () => {
        ended = true;
        resolve();
      };
      child.on("exit", end);
      child.on("error", end);
    });
    let stderr = "";
    child.stderr?.on("data", (bytes) => stderr = (stderr + bytes).slice(-STDERR_KEPT));
    const nextLine = lineReader(child, exit);
    return {
      pid: child.pid ?? -1,
      hasEnded: () => ended,
      readLine: nextLine,
      writeStdin: (text) => void child.stdin?.write(text),
      stderrText: () => stderr,
      stop: async () => {
        killGroup(child);
        if (child.pid !== undefined) await exit;
      },
    };
  }

  /** Runs a command to its end, or kills it after `timeoutMs`. */
  async run(command: readonly string[], timeoutMs: number): Promise<Ended> {
    const child = this.#spawn(command, "pipe");
    let [stdout, stderr] = ["", ""];
    child.stdout?.on("data", (bytes) => stdout += bytes);
    child.stderr?.on("data", (bytes) => stderr += bytes);
    const timer = setTimeout(() => killGroup(child), timeoutMs);
    const code = await new Promise<number | null>((resolve) => {
      child.on("close", resolve);
      child.on("error", (error) => {
        stderr += String(error);
        resolve(null);
      });
    });
    clearTimeout(timer);
    if (code === null) stderr += `ended by a signal, or not within ${timeoutMs} ms`;
    return { code, stdout, stderr };
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it has ended already
  }
}

function lineReader(child: ChildProcess, exit: Promise<void>): () => Promise<string | undefined> {
  let buffered = "";
  let wake = () => {};
  let over = child.stdout === null;
  child.stdout?.on("data", (bytes) => {
    buffered += bytes;
    wake();
  });
  child.stdout?.on("close", () => {
    over = true;
    wake();
  });
  exit.then(() => wake());
  return async () => {
    const deadline = Date.now() + LINE_TIMEOUT_MS;
    while (!buffered.includes("\n") && !over && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const end = buffered.indexOf("\n");
    if (end < 0) return undefined;
    const line = buffered.slice(0, end);
    buffered = buffered.slice(end + 1);
    return line;
  };
}
