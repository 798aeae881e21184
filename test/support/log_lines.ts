// Owns what a running proxy has written: its stdout as JSON objects, one a line, and its stderr as text.
import { Signal } from "./deadline.ts";

/** One log line. */
export type LogEntry = Readonly<Record<string, unknown>>;

/** Collects output as it comes. Text that is no JSON object a line is kept as a fault. */
export class LogLines {
  readonly entries: LogEntry[] = [];
  /** Lines of stdout that are not one JSON object. */
  readonly faults: string[] = [];
  /** Everything that was written to stdout and stderr, for searching. */
  text = "";
  stderr = "";
  readonly #changed = new Signal();
  #rest = "";
  #ended = false;

  addStdout(text: string): void {
    this.text += text;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#addLine(line);
    this.#changed.notify();
  }

  addStderr(text: string): void {
    this.text += text;
    this.stderr += text;
    this.#changed.notify();
  }

  /** Nothing more will come. */
  end(): void {
    if (this.#rest !== "") this.#addLine(this.#rest);
    this.#rest = "";
    this.#ended = true;
    this.#changed.notify();
  }

  /** Waits for a line, seen already or still to come. */
  wait(what: string, matches: (entry: LogEntry) => boolean, limitMs?: number): Promise<LogEntry> {
    return this.#changed.wait(
      `a log line: ${what}`,
      () => {
        const found = this.entries.find(matches);
        if (found === undefined && this.#ended) {
          throw new Error(`Wanted a log line (${what}): the program ended, having written ${this.text.slice(-3000)}`);
        }
        return found;
      },
      () => this.text.slice(-3000),
      limitMs,
    );
  }

  #addLine(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.faults.push(line);
      return;
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) this.entries.push(value as LogEntry);
    else this.faults.push(line);
  }
}

/** Whether a line tells of a request or tunnel, and not of the program. */
export function isAccess(entry: LogEntry): boolean {
  return "decision" in entry;
}

/** Finds the lines of one client's requests to one origin. Either's port alone may be that of an earlier one's. */
export function between(
  client: { readonly localPort: number },
  origin: { readonly port: number },
): (entry: LogEntry) => boolean {
  return (entry) => entry.port === origin.port && String(entry.client).endsWith(`:${client.localPort}`);
}
