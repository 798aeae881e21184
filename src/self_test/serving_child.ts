// Owns this executable as a child that serves: its arguments, where it listens, its end.
import type { OwnProcess, TestBed } from "../runtime/runtime.ts";

/** This executable as a proxy that may reach loopback alone. */
export class ServingChild {
  /** What it said last, for whoever looks for the reason of a failure. */
  lastLine = "";
  readonly #child: OwnProcess;
  readonly #listening = Promise.withResolvers<{ readonly port: number; readonly engine: string }>();

  constructor(bed: TestBed, dnsPort: number) {
    this.#listening.promise.catch(() => {});
    this.#child = bed.startSelf([
      ...["run", "--listen", "127.0.0.1:0", "--destination", "127.0.0.0/8", "--log-format", "json"],
      ...["--resolver", `127.0.0.1:${dnsPort}`, "--workers", "1"],
    ], (line) => this.#onLine(line));
    this.#child.exited.then(
      (code) => this.#listening.reject(new Error(`the proxy ended with exit code ${code}`)),
      (error: unknown) => this.#listening.reject(error),
    );
  }

  /** Resolves when it listens; rejects where it ends before. */
  listening(): Promise<{ readonly port: number; readonly engine: string }> {
    return this.#listening.promise;
  }

  /** Sends SIGTERM and resolves to its exit code. */
  end(): Promise<number> {
    this.#child.signal("SIGTERM");
    return this.#child.exited;
  }

  /** Ends it at once, if it has not ended yet. */
  kill(): void {
    this.#child.signal("SIGKILL");
  }

  #onLine(line: string): void {
    this.lastLine = line;
    const port = /"address":"127\.0\.0\.1:(\d+)"/.exec(line)?.[1];
    const engine = /"engine":"(\w+)"/.exec(line)?.[1];
    if (port !== undefined && engine !== undefined) this.#listening.resolve({ port: Number(port), engine });
  }
}
