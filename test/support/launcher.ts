// Owns starting the program under test with rules and settings, on whichever target this run has, and what a test can
// see and do from outside: where it listens, what it logs, its signals, its exit code.
import { readdirSync, readFileSync } from "node:fs";
import { startChild } from "./child_process.ts";
import { DEADLINE_MS, within } from "./deadline.ts";
import type { Program } from "./in_process.ts";
import { isAccess, type LogEntry, LogLines } from "./log_lines.ts";
import { programCommand, TEST_ENGINE, TEST_TARGET, TEST_WORKERS, type TestTarget } from "./target.ts";

/** How the program is started. */
export interface LaunchOptions {
  /** The rules, one an element. Undefined: none are given. */
  readonly rules?: readonly string[];
  /** More arguments, behind the launcher's own. */
  readonly args?: readonly string[];
  /** The program's environment; nothing of the test's own EGRESS_ variables reaches it. */
  readonly env?: Readonly<Record<string, string>>;
  /** The name server; without one a port is named where nobody answers, so that no test asks a real one. */
  readonly dns?: { readonly address: string; readonly port: number; readonly stop?: () => Promise<void> };
  /** Where it listens; a free port of 127.0.0.1 unless told. */
  readonly listen?: string;
  readonly target?: TestTarget;
}

/** A running program, or one that has ended. */
export class Proxy implements AsyncDisposable {
  /** The address that clients connect to. */
  readonly host: string = "127.0.0.1";
  #port = 0;
  readonly lines: LogLines;
  readonly #program: Program;
  #exitCode: number | undefined;

  constructor(program: Program, lines: LogLines) {
    this.#program = program;
    this.lines = lines;
    void program.exited.then((code) => this.#exitCode = code, () => this.#exitCode = -1);
  }

  get port(): number {
    return this.#port;
  }

  /** All log lines so far. */
  get logs(): readonly LogEntry[] {
    return this.lines.entries;
  }

  /** The process id, or undefined where the program runs inside the test's process. */
  get pid(): number | undefined {
    return this.#program.pid;
  }

  /** Resolves with the exit code. */
  get exited(): Promise<number> {
    return within("the program to exit", this.#program.exited);
  }

  /** Waits for the line that says where it listens. */
  async ready(): Promise<LogEntry> {
    const entry = await this.lines.wait("listening", (line) => Object.values(line).some(saysListening));
    this.#port = Number(/:([0-9]+)$/.exec(listeningAddress(entry))?.[1] ?? 0);
    if (!(this.#port > 0)) throw new Error(`The listening line has no port: ${JSON.stringify(entry)}`);
    return entry;
  }

  waitForLog(what: string, matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    return this.lines.wait(what, matches);
  }

  /** Waits for the line of one request or tunnel. */
  waitForAccess(what: string, matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    return this.lines.wait(what, (entry) => isAccess(entry) && matches(entry));
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    this.#program.signal(name);
  }

  /** How many descriptors its process holds. Needs a process of its own. */
  countDescriptors(): number {
    return readdirSync(`/proc/${this.#needPid()}/fd`).length;
  }

  /** Its resident memory. Needs a process of its own. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#needPid()}/status`, "latin1");
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Ends it at once by two signals, and checks that it wrote nothing but JSON lines. */
  async stop(): Promise<number> {
    if (this.#exitCode === undefined) {
      this.signal("SIGTERM");
      this.signal("SIGTERM");
    }
    try {
      const code = await within("the program to exit after two signals", this.#program.exited, DEADLINE_MS);
      if (this.lines.faults.length > 0) {
        throw new Error(`Every line of stdout is one JSON object: ${JSON.stringify(this.lines.faults.slice(0, 3))}`);
      }
      return code;
    } finally {
      if (this.#exitCode === undefined) this.#program.kill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #needPid(): number {
    if (this.pid === undefined) throw new Error("The program has no process of its own");
    return this.pid;
  }
}

/** Starts the proxy and waits until it listens. */
export async function startProxy(options: LaunchOptions): Promise<Proxy> {
  const proxy = await launch([
    "--listen",
    options.listen ?? "127.0.0.1:0",
    "--log-format",
    "json",
    "--resolver",
    `${options.dns?.address ?? "127.0.0.1"}:${options.dns?.port ?? 9}`,
    ...(options.rules === undefined ? [] : ["--destination", options.rules.join("\n")]),
    ...(TEST_ENGINE === undefined ? [] : ["--engine", TEST_ENGINE]),
    ...(TEST_WORKERS === undefined ? [] : ["--workers", TEST_WORKERS]),
    ...options.args ?? [],
  ], options);
  try {
    await proxy.ready();
  } catch (error) {
    await proxy.stop().catch(() => {});
    throw error;
  }
  return proxy;
}

/** Starts the program with exactly these arguments; what becomes of it is the test's to see. */
export async function launch(
  args: readonly string[],
  options: Pick<LaunchOptions, "env" | "target"> = {},
): Promise<Proxy> {
  const target = options.target ?? TEST_TARGET;
  const lines = new LogLines();
  const env = options.env ?? {};
  if (target !== "bun") return new Proxy(startChild([...programCommand(target), ...args], env, lines), lines);
  const { startInProcess } = await import("./in_process.ts");
  return new Proxy(await startInProcess(args, env, lines), lines);
}

function saysListening(value: unknown): boolean {
  return typeof value === "string" && /^listening\b/i.test(value);
}

/** The address in the listening line, whatever its key. */
function listeningAddress(entry: LogEntry): string {
  for (const value of Object.values(entry)) {
    if (typeof value !== "string") continue;
    const match = /(?:[0-9.]+|\[[0-9a-f:]*\]|\*)?:[0-9]+$/.exec(value);
    if (match !== null && !/^\d{4}-\d\d-\d\dT/.test(value)) return match[0];
  }
  return "";
}
