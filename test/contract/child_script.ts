// Owns how a contract case runs a script of its own in another process, on the same runtime.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { DEADLINE_MS } from "./engine_watch.ts";

/** A child that talks in lines. */
export class ChildScript {
  readonly child: ChildProcess;
  #text = "";
  #errors = "";
  #wake: (() => void)[] = [];

  /** Starts the script beside this file; `openFilesLimit` is its soft and hard limit of descriptors. */
  constructor(name: string, args: readonly string[], options: { readonly openFilesLimit?: number } = {}) {
    const script = fileURLToPath(new URL(name, import.meta.url));
    const run = "Deno" in globalThis ? ["run", "--no-lock", "--quiet", "-A", script] : [script];
    const command = [process.execPath, ...run, ...args];
    const { openFilesLimit } = options;
    this.child = openFilesLimit === undefined
      ? spawn(command[0] as string, command.slice(1), { stdio: ["pipe", "pipe", "pipe"] })
      : spawn("/bin/sh", ["-c", `ulimit -n ${openFilesLimit} && exec "$0" "$@"`, ...command], {
        stdio: ["pipe", "pipe", "pipe"],
      });
    this.child.stdout?.on("data", (bytes: Uint8Array) => {
      this.#text += new TextDecoder().decode(bytes);
      this.#changed();
    });
    this.child.stderr?.on("data", (bytes: Uint8Array) => this.#errors += new TextDecoder().decode(bytes));
    this.child.on("exit", () => this.#changed());
  }

  /** All that it has said. */
  get text(): string {
    return this.#text;
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Resolves to the match once what it has said matches. */
  until(wanted: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`The child never said ${wanted}:\n${this.#text}${this.#errors}`)),
        DEADLINE_MS,
      );
      const ask = () => {
        const found = wanted.exec(this.#text);
        if (found === null) return void this.#wake.push(ask);
        clearTimeout(timer);
        resolve(found);
      };
      ask();
    });
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const ask of wake) ask();
  }
}
