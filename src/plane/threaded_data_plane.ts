// Owns the threads of the data plane: starts them, feeds them, replaces one that dies, and makes one proxy of them all.
import { IpAddress } from "../address/ip_address.ts";
import type { Answer, NameResolver } from "../dns/answer.ts";
import { CommandFailure } from "../errors.ts";
import { makeTrafficMemory, TrafficCounters } from "../observe/traffic_counters.ts";
import type { SocketAddress, ThreadHandle, Threads } from "../runtime/runtime.ts";
import { ConnectionBudget, makeBudgetMemory } from "../proxy/connection_budget.ts";
import type { CutCounts } from "../proxy/server.ts";
import type { RevokedCounts } from "../proxy/revocation.ts";
import type { CutReport, DataPlane, PingReport } from "./data_plane.ts";
import { type FromThread, type ThreadStart, toPlainAnswer, type ToThread } from "./thread_messages.ts";

/** Tokens of a thread are told from another's by their part of the number: 2^20 threads, 2^32 look-ups each. */
const TOKENS_PER_THREAD = 2 ** 32;

/** A thread that died is replaced after this time, so that one that dies at once does not spin. */
const REPLACE_DELAY_MS = 500;

/** A thread that has not cut its connections after this time hangs, and is left to the end of the process. */
const CUT_MS = 2_000;

/** No thread could be started, for a reason that lies in the threads and not in what they were asked for. */
export class ThreadStartError extends Error {
  override readonly name = "ThreadStartError";
}

/** What the threads report to. */
export interface ThreadedParts {
  readonly threads: Threads;
  readonly workers: number;
  readonly start: Omit<
    ThreadStart,
    "address" | "port" | "joinsPort" | "connections" | "traffic" | "threads" | "thread"
  >;
  /** Takes lines of the access log. */
  readonly writeLog: (lines: string) => void;
  readonly onAcceptLimit: () => void;
  readonly onRevoked: (counts: RevokedCounts) => void;
  /** A thread has died and is being replaced; its connections are lost. */
  readonly onThreadEnd: (reason: string) => void;
}

interface Worker {
  readonly index: number;
  handle: ThreadHandle | undefined;
  onStarted: ((message: FromThread | ThreadStartError) => void) | undefined;
  onEmpty: (() => void) | undefined;
  onCut: ((counts: CutCounts) => void) | undefined;
}

/** A proxy of several threads, each with its own listener on the one port (SO_REUSEPORT). */
export class ThreadedDataPlane implements DataPlane {
  readonly engineName = "posix";
  readonly workers: number;
  readonly #parts: ThreadedParts;
  readonly #memory: SharedArrayBuffer;
  readonly #budget: ConnectionBudget;
  readonly #threads: Worker[] = [];
  /** One for each thread, and for whoever takes its place. */
  readonly #traffic: readonly SharedArrayBuffer[];
  readonly #pings = new Map<number, (worker: Worker) => void>();
  #lastPing = 0;
  /** The names that threads have asked for, by the token that waits. */
  readonly #asked = new Map<number, string>();
  #rules: string;
  #listener: SocketAddress | undefined;
  #resolver: NameResolver | undefined;
  #stopping = false;

  constructor(parts: ThreadedParts) {
    this.#parts = parts;
    this.workers = parts.workers;
    this.#traffic = Array.from({ length: parts.workers }, makeTrafficMemory);
    this.#rules = parts.start.rules;
    this.#memory = makeBudgetMemory(parts.start.settings, parts.workers);
    this.#budget = new ConnectionBudget(this.#memory, parts.start.settings, parts.workers);
  }

  get openConnections(): number {
    return this.#budget.taken;
  }

  /** The resolver in use; to be set before `listen`. */
  set resolver(resolver: NameResolver) {
    this.#resolver = resolver;
  }

  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    // The first decides which port it is; the others join it there.
    const listener = await this.#spawn(0, address, port);
    this.#listener = { address: address ?? listener.address, port: listener.port };
    const others = Array.from({ length: this.workers - 1 }, (_, index) => index + 1);
    await Promise.all(others.map((index) => this.#spawn(index, address, listener.port)));
    return listener;
  }

  replaceRules(rules: string): void {
    this.#rules = rules;
    this.#post({ kind: "rules", rules });
  }

  onAnswer(token: number, answer: Answer): void {
    const name = this.#asked.get(token);
    if (name === undefined) return;
    this.#asked.delete(token);
    const message: ToThread = {
      kind: "answer",
      name,
      token: token % TOKENS_PER_THREAD,
      answer: toPlainAnswer(answer),
      keepMs: this.#resolver?.keepMs?.(name) ?? 0,
    };
    this.#threads[Math.floor(token / TOKENS_PER_THREAD)]?.handle?.post(message);
  }

  readTraffic(): TrafficCounters {
    return TrafficCounters.sum(this.#traffic);
  }

  async ping(limitMs: number): Promise<PingReport> {
    const token = ++this.#lastPing;
    const living = this.#living();
    const waiting = new Set(living);
    if (living.length === 0) return { asked: 0, answered: 0 };
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#pings.set(token, (worker) => {
        waiting.delete(worker);
        if (waiting.size > 0) return;
        clearTimeout(timer);
        resolve();
      });
      for (const { handle } of living) handle?.post({ kind: "ping", token } satisfies ToThread);
    });
    this.#pings.delete(token);
    return { asked: living.length, answered: living.length - waiting.size };
  }

  announceEnd(): void {
    this.#post({ kind: "announce-end" });
  }

  stopAccepting(): void {
    this.#stopping = true;
    this.#post({ kind: "stop-accepting" });
  }

  async whenEmpty(): Promise<void> {
    await Promise.all(this.#living().map((worker) => new Promise<void>((resolve) => worker.onEmpty = resolve)));
  }

  async cut(): Promise<CutReport> {
    const total = { requests: 0, tunnels: 0, untold: 0 };
    const answers = this.#living().map((worker) => this.#cutOne(worker));
    this.#post({ kind: "cut" });
    for (const { requests, tunnels, untold } of await Promise.all(answers)) {
      total.requests += requests;
      total.tunnels += tunnels;
      total.untold += untold;
    }
    return total;
  }

  /** Waits for a thread's word, but not for one that hangs. */
  #cutOne(worker: Worker): Promise<CutReport> {
    return new Promise((resolve) => {
      const late = () => resolve({ requests: 0, tunnels: 0, untold: this.#budget.takenIn(worker.index) });
      const timer = setTimeout(late, CUT_MS);
      worker.onCut = (counts) => {
        clearTimeout(timer);
        resolve({ ...counts, untold: 0 });
      };
    });
  }

  #living(): Worker[] {
    return this.#threads.filter(({ handle }) => handle !== undefined);
  }

  #post(message: ToThread): void {
    for (const { handle } of this.#threads) handle?.post(message);
  }

  /** Starts a thread and waits until it listens. Throws CommandFailure where it can't, ThreadStartError where it died. */
  async #spawn(index: number, address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    const worker: Worker = { index, handle: undefined, onStarted: undefined, onEmpty: undefined, onCut: undefined };
    this.#threads[index] = worker;
    const started = new Promise<FromThread | ThreadStartError>((resolve) => worker.onStarted = resolve);
    const start: ThreadStart = {
      ...this.#parts.start,
      rules: this.#rules,
      address: address?.text,
      port,
      joinsPort: this.#listener !== undefined,
      connections: this.#memory,
      traffic: this.#traffic[index]!,
      threads: this.workers,
      thread: index,
    };
    worker.handle = this.#parts.threads.spawn(start, {
      onMessage: (message) => this.#onMessage(worker, message as FromThread),
      onEnd: (reason) => this.#onEnd(worker, address, reason),
    });
    const message = await started;
    worker.onStarted = undefined;
    if (message instanceof ThreadStartError) throw message;
    if (message.kind === "listening") {
      return { address: IpAddress.parse(message.address) as IpAddress, port: message.port };
    }
    throw new CommandFailure(message.kind === "refused" ? message.reason : "");
  }

  #onMessage(worker: Worker, message: FromThread): void {
    switch (message.kind) {
      case "listening":
      case "refused":
        return worker.onStarted?.(message);
      case "log":
        return this.#parts.writeLog(message.lines);
      case "lookup":
        return this.#lookup(worker, message.name, message.token);
      case "forget":
        return this.#forget(worker.index * TOKENS_PER_THREAD + message.token);
      case "pong":
        return this.#pings.get(message.token)?.(worker);
      case "accept-limit":
        return this.#parts.onAcceptLimit();
      case "revoked":
        return this.#parts.onRevoked(message.counts);
      case "empty":
        return worker.onEmpty?.();
      case "cut":
        return worker.onCut?.(message.counts);
    }
  }

  #lookup(worker: Worker, name: string, token: number): void {
    const ownToken = worker.index * TOKENS_PER_THREAD + token;
    this.#asked.set(ownToken, name);
    const answer = this.#resolver?.lookup(name, ownToken);
    if (answer !== undefined) this.onAnswer(ownToken, answer);
  }

  #forget(token: number): void {
    this.#asked.delete(token);
    this.#resolver?.forget(token);
  }

  #onEnd(worker: Worker, address: IpAddress | undefined, reason: string): void {
    if (worker.handle === undefined) return;
    worker.handle = undefined;
    this.#budget.giveAll(worker.index);
    worker.onStarted?.(new ThreadStartError(reason));
    worker.onEmpty?.();
    worker.onCut?.({ requests: 0, tunnels: 0 });
    for (const onPong of this.#pings.values()) onPong(worker);
    const listener = this.#listener;
    if (this.#stopping || listener === undefined) return;
    this.#parts.onThreadEnd(reason);
    setTimeout(() => {
      if (this.#stopping) return;
      this.#spawn(worker.index, address, listener.port).catch((error) => this.#parts.onThreadEnd(String(error)));
    }, REPLACE_DELAY_MS);
  }
}
