// Owns what the data plane tells that belongs into the process log and the counts, and how often it is said.
import type { ControlCounters } from "../observe/control_counters.ts";
import type { ProcessLog } from "../observe/process_log.ts";
import type { RevokedCounts } from "../proxy/revocation.ts";
import type { Clock } from "../runtime/runtime.ts";

/** A want of descriptors is told once in this time, however often accepting rests. */
const ACCEPT_LIMIT_MS = 1_000;

/** Writes the data plane's news to the log. */
export class DataPlaneNews {
  readonly #log: ProcessLog;
  readonly #clock: Clock;
  readonly #counters: ControlCounters;
  #acceptLimitMs = -Infinity;

  constructor(log: ProcessLog, clock: Clock, counters: ControlCounters) {
    this.#log = log;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** No descriptor was left to accept with; accepting goes on by itself. */
  onAcceptLimit(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#acceptLimitMs < ACCEPT_LIMIT_MS) return;
    this.#acceptLimitMs = nowMs;
    this.#log.warn("cannot accept connections: no file descriptor is left", {
      details: "clients wait until one is free; raise the limit of open files, or lower --max-connections",
    });
  }

  /** Other rules have closed connections. */
  onRevoked({ tunnels, requests, keptAlive }: RevokedCounts): void {
    const { revoked } = this.#counters;
    revoked.tunnels += tunnels;
    revoked.requests += requests;
    revoked.keptAlive += keptAlive;
    this.#log.info("closed what the rules in force deny", { tunnels, requests, kept_alive: keptAlive });
  }

  onThreadEnd(reason: string): void {
    this.#counters.threadEnds++;
    this.#log.error("a thread has died, its connections with it; another takes its place", { details: reason });
  }
}
