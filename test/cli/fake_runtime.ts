// Owns a runtime whose process, files and network are a test's: what is written is kept, what is asked for is counted,
// signals come when the test says so.
import type { Engine, EngineHandler, Runtime, SocketAddress } from "../../src/runtime/runtime.ts";
import { CommandFailure } from "../../src/errors.ts";
import { IpAddress } from "../../src/address/ip_address.ts";

/** What a fake process is started with. */
export interface FakeOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File texts by path; an Error is thrown for its path. */
  readonly files?: Record<string, string | Error>;
  readonly stdoutIsTerminal?: boolean;
  readonly fileLimit?: number;
  readonly stdin?: string;
  readonly network?: Runtime["network"];
  readonly httpGet?: Runtime["http"]["get"];
}

/** A fake runtime with what came of it. */
export class FakeRuntime {
  stdout = "";
  stderr = "";
  /** Names and types asked of name servers do not matter here: each query counts. */
  queryCount = 0;
  /** The clock, which stands still. */
  nowMs = 0;
  readonly files: Record<string, string | Error>;
  readonly engines: FakeEngine[] = [];
  readonly runtime: Runtime;
  readonly #handlers: { readonly signal: string; readonly handler: () => void }[] = [];
  #onWrite: (() => void) | undefined;

  constructor(options: FakeOptions = {}) {
    this.files = options.files ?? {};
    this.runtime = {
      name: "bun",
      version: "0.0.0",
      createEngine: (handler) => {
        const engine = new FakeEngine(handler);
        this.engines.push(engine);
        return engine;
      },
      clock: { nowMs: () => this.nowMs, epochMs: () => 0 },
      dns: {
        exchangeUdp: () => {
          this.queryCount++;
          return Promise.reject(new Error("unreachable"));
        },
        exchangeTcp: () => Promise.reject(new Error("unreachable")),
      },
      files: {
        readText: (path) => {
          const text = this.files[path];
          return text instanceof Error ? Promise.reject(text) : Promise.resolve(text);
        },
        stamp: (path) => Promise.resolve(path in this.files ? "1" : undefined),
      },
      folders: { readLink: () => Promise.resolve(undefined), watch: () => () => {} },
      inputs: {
        readFile: async function* (this: void, path: string) {
          const text = options.files?.[path];
          if (typeof text !== "string") throw text ?? new Error("ENOENT");
          yield new TextEncoder().encode(text);
        },
        readStdin: async function* () {
          yield new TextEncoder().encode(options.stdin ?? "");
        },
      },
      http: {
        serve: () => Promise.reject(new CommandFailure("there is no machine below")),
        get: options.httpGet ?? (() => Promise.reject(new Error("there is no machine below"))),
      },
      threads: { unavailable: "there is no machine below" },
      network: options.network ?? { unavailable: "there is no machine below" },
      openTestBed: () => Promise.reject(new Error("there is no machine below")),
      process: {
        args: options.args ?? [],
        env: options.env ?? {},
        stdoutIsTerminal: options.stdoutIsTerminal ?? false,
        writeStdout: (text) => {
          this.stdout += text;
          this.#onWrite?.();
          return true;
        },
        writeStderr: (text) => {
          this.stderr += text;
          this.#onWrite?.();
        },
        flush: () => Promise.resolve(),
        readStdin: () => Promise.resolve(""),
        onSignal: (signal, handler) => void this.#handlers.push({ signal, handler }),
        localAddresses: () => [],
        usage: () => ({ cpuSeconds: 1.5, residentBytes: 50_000_000, openFiles: undefined }),
        fileLimit: () => Promise.resolve(options.fileLimit),
      },
    };
  }

  /** The log lines on stdout. */
  get lines(): readonly Record<string, unknown>[] {
    return this.stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Delivers a signal. */
  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    for (const { signal, handler } of this.#handlers) if (signal === name) handler();
  }

  /** Resolves once stdout holds a log line with this message; rejects after five seconds. */
  async message(message: string): Promise<Record<string, unknown>> {
    const find = () => this.lines.find((line) => line.message === message);
    const early = find();
    if (early !== undefined) return early;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`No line '${message}' in: ${this.stdout}${this.stderr}`)), 5_000);
        this.#onWrite = () => {
          const line = find();
          if (line !== undefined) resolve(line);
        };
      });
    } finally {
      clearTimeout(timer);
      this.#onWrite = undefined;
    }
  }
}

/** An engine without sockets: the test says who connects. */
export class FakeEngine implements Engine {
  readonly name = "bun";
  readonly handler: EngineHandler;
  /** Every listen() and stopListening() in order. */
  readonly events: string[] = [];
  readonly #open = new Set<number>();
  #lastId = 0;

  constructor(handler: EngineHandler) {
    this.handler = handler;
  }

  /** Lets a client connect and send the first octet of a request, so that the connection is not idle. */
  accept(): void {
    const id = ++this.#lastId;
    this.#open.add(id);
    const here = IpAddress.parse("127.0.0.1")!;
    this.handler.onAccept(id, { address: here, port: 40_000 + id });
    this.handler.onData(id, new TextEncoder().encode("G"));
  }

  /** Lets every client go away. */
  disconnectAll(): void {
    for (const id of [...this.#open]) {
      this.#open.delete(id);
      this.handler.onClose(id, false);
    }
  }

  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    this.events.push(`listen ${address?.text ?? "every address"} ${port}`);
    return Promise.resolve({ address: address ?? IpAddress.parse("::")!, port: port === 0 ? 54_321 : port });
  }

  stopListening(): void {
    this.events.push("stopListening");
  }

  connect(): number {
    return ++this.#lastId;
  }

  write(): boolean {
    return true;
  }

  closeWrite(): void {}

  close(id: number): void {
    this.#open.delete(id);
  }

  reset(id: number): void {
    this.#open.delete(id);
  }

  pause(): void {}

  resume(): void {}

  queuedBytes(): number {
    return 0;
  }

  localAddress(): undefined {
    return undefined;
  }

  wakeAt(): void {}
}
