// Owns a generator's window: warm-up, then a span in which work and the proxy's CPU are both counted. Also a generator's arguments and result.
import process from "node:process";
import { readTreeCpuSeconds } from "../proc_stat.ts";
import type { Route } from "./tunnel.ts";

/** What every generator is told, as JSON in its first argument. */
export interface LoadOrder extends Route {
  readonly warmSeconds: number;
  readonly seconds: number;
  /** The proxy whose tree's CPU is read; absent for a direct run. */
  readonly proxyPid?: number;
}

/** What a generator prints as one JSON line. Times in microseconds; a count of failures spoils the window. */
export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** The proxy's. */
  readonly cpuSeconds: number;
  readonly generatorSeconds: number;
  readonly failures: number;
  readonly firstFailure?: string;
  readonly p50Us?: number;
  readonly p99Us?: number;
}

/** Reads this generator's order. */
export function readOrder<Order extends LoadOrder>(): Order {
  return JSON.parse(process.argv[2] ?? "{}") as Order;
}

/** Latencies of one window. Holds the first two million. */
export class Latencies {
  readonly #values = new Float64Array(2_000_000);
  #count = 0;

  add(us: number): void {
    if (this.#count < this.#values.length) this.#values[this.#count++] = us;
  }

  percentiles(): { p50Us: number; p99Us: number } {
    const sorted = this.#values.subarray(0, this.#count).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    return { p50Us: at(0.5), p99Us: at(0.99) };
  }
}

/** Counts operations from the end of the warm-up to the end of the window; reads the proxy's CPU at both. */
export class Window {
  readonly latencies = new Latencies();
  readonly #order: LoadOrder;
  readonly #opensAtMs: number;
  #openedAtMs = 0;
  #cpuAtOpening = 0;
  #ownCpuAtOpening = process.cpuUsage();
  #operations = 0;
  #failures = 0;
  #firstFailure = "";

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#opensAtMs = performance.now() + order.warmSeconds * 1000;
  }

  /** Call once a turn of the loop: opens the window when it is time, and says when it is over. */
  isOver(nowMs: number): boolean {
    if (this.#openedAtMs === 0) {
      if (nowMs < this.#opensAtMs) return false;
      this.#cpuAtOpening = this.#cpu();
      this.#ownCpuAtOpening = process.cpuUsage();
      this.#openedAtMs = performance.now();
      return false;
    }
    return nowMs >= this.#openedAtMs + this.#order.seconds * 1000;
  }

  /** The time until the next thing that `isOver` would do. */
  leftMs(nowMs: number): number {
    return (this.#openedAtMs === 0 ? this.#opensAtMs : this.#openedAtMs + this.#order.seconds * 1000) - nowMs;
  }

  get isOpen(): boolean {
    return this.#openedAtMs !== 0;
  }

  count(operations: number): void {
    if (this.#openedAtMs !== 0) this.#operations += operations;
  }

  fail(what: string): void {
    if (this.#failures++ === 0) this.#firstFailure = what;
  }

  /** Prints the result. */
  report(withLatencies: boolean): void {
    const seconds = (performance.now() - this.#openedAtMs) / 1000;
    const own = process.cpuUsage(this.#ownCpuAtOpening);
    const result: LoadResult = {
      operations: this.#operations,
      seconds,
      cpuSeconds: this.#cpu() - this.#cpuAtOpening,
      generatorSeconds: (own.user + own.system) / 1e6,
      failures: this.#failures,
      ...(this.#failures > 0 ? { firstFailure: this.#firstFailure } : {}),
      ...(withLatencies ? this.latencies.percentiles() : {}),
    };
    console.log(JSON.stringify(result));
  }

  #cpu(): number {
    return this.#order.proxyPid === undefined ? 0 : readTreeCpuSeconds(this.#order.proxyPid);
  }
}
