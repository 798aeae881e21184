// Owns the origin's process: its start, its stopping and going on as a whole, its end.
import { linesOf } from "../support/lines_of.ts";
import { within } from "../support/deadline.ts";

/** An origin that runs by itself. */
export class OriginProcess implements AsyncDisposable {
  /** Where it answers plain requests, and where it echoes. */
  readonly httpPort: number;
  readonly tunnelPort: number;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">, httpPort: number, tunnelPort: number) {
    this.#child = child;
    this.httpPort = httpPort;
    this.tunnelPort = tunnelPort;
  }

  static async start(): Promise<OriginProcess> {
    const script = new URL("faulty_origin.ts", import.meta.url).pathname;
    const child = Bun.spawn([process.execPath, "--no-env-file", script], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const { value = "" } = await within("the origin to start", linesOf(child.stdout).next());
    const [http, tunnel] = String(value).split(" ").map(Number);
    return new OriginProcess(child, http ?? 0, tunnel ?? 0);
  }

  /** Stops it in the middle of whatever it does; the kernel goes on accepting for it. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
