// Owns how a contract case runs a script of its own in another process, on the same runtime.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { DEADLINE_MS } from "./engine_watch.ts";

/** How a script is run. */
export interface ChildOptions {
  /** Soft and hard limit of descriptors. */
  readonly openFilesLimit?: number;
  /** Where its stdout goes, if not to us. */
  readonly stdoutFile?: string;
  /** Its stdout is not read before `readStdout` is called. */
  readonly isStdoutUnread?: boolean;
  /** Variables beside those that it inherits. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A child that talks in lines. */
export class ChildScript {
  readonly child: ChildProcess;
  /** The exit code, or null where a signal ended it. */
  readonly exited: Promise<number | null>;
  #stdout = "";
  #stderr = "";
  #wake: (() => void)[] = [];

  /** Starts the script beside this file. */
  constructor(name: string, args: readonly string[], options: ChildOptions = {}) {
    const script = fileURLToPath(new URL(name, import.meta.url));
    const run = "Deno" in globalThis ? ["run", "--no-lock", "--quiet", "--no-check", "-A", script] : [script];
    const limit = options.openFilesLimit === undefined ? "" : `ulimit -n ${options.openFilesLimit} && `;
    const redirection = options.stdoutFile === undefined ? "" : ` > ${options.stdoutFile}`;
    this.child = spawn(
      "/bin/sh",
      ["-c", `${limit}exec "$0" "$@"${redirection}`, process.execPath, ...run, ...args],
      { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.env } },
    );
    if (options.isStdoutUnread !== true) this.readStdout();
    const decoder = new TextDecoder();
    this.child.stderr?.on("data", (bytes: Uint8Array) => {
      this.#stderr += decoder.decode(bytes, { stream: true });
      this.#changed();
    });
    this.exited = new Promise((resolve) => {
      this.child.on("close", (code) => {
        resolve(code);
        this.#changed();
      });
    });
  }

  /** All that it has said on stdout. */
  get text(): string {
    return this.#stdout;
  }

  /** Begins to read what it says on stdout. */
  readStdout(): void {
    const decoder = new TextDecoder();
    this.child.stdout?.on("data", (bytes: Uint8Array) => {
      this.#stdout += decoder.decode(bytes, { stream: true });
      this.#changed();
    });
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Resolves to the match once what it has said on stdout matches. */
  until(wanted: RegExp): Promise<RegExpExecArray> {
    return this.#until(wanted, () => this.#stdout);
  }

  /** The same for stderr. */
  untilError(wanted: RegExp): Promise<RegExpExecArray> {
    return this.#until(wanted, () => this.#stderr);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  #until(wanted: RegExp, said: () => string): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`The child never said ${wanted}:\n${this.#stdout.slice(-2000)}${this.#stderr}`)),
        DEADLINE_MS,
      );
      const ask = () => {
        const found = wanted.exec(said());
        if (found === null) return void this.#wake.push(ask);
        clearTimeout(timer);
        resolve(found);
      };
      ask();
    });
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const ask of wake) ask();
  }
}
