// Owns what the control plane may ask of the data plane, whether that runs in this thread or in others.
import type { IpAddress } from "../address/ip_address.ts";
import type { Answer } from "../dns/answer.ts";
import type { TrafficCounters } from "../observe/traffic_counters.ts";
import type { CutCounts } from "../proxy/server.ts";
import type { SocketAddress } from "../runtime/runtime.ts";

/** What was cut. */
export interface CutReport extends CutCounts {
  /** Connections of threads that did not say what became of them: the end of the process cuts them. */
  readonly untold: number;
}

/** How many threads were asked whether they are alive, and how many answered in time. */
export interface PingReport {
  readonly asked: number;
  readonly answered: number;
}

/** The running proxy, as the control plane sees it. */
export interface DataPlane {
  readonly engineName: "posix" | "portable";
  readonly workers: number;
  /** Client connections that are open now. */
  readonly openConnections: number;
  /** Starts listening; returns the actual address. Throws CommandFailure. */
  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress>;
  /** Puts other rules in force, and ends what they no longer allow. The text is one that parses. */
  replaceRules(rules: string): void;
  /** Hands over a late answer of the resolver. */
  onAnswer(token: number, answer: Answer): void;
  /** What it has counted so far, all threads together. */
  readTraffic(): TrafficCounters;
  /**
   * Asks every thread whether it is alive, but for those that are being replaced, and has it bring its counts up to date.
   * Takes no longer than the limit.
   */
  ping(limitMs: number): Promise<PingReport>;
  /** Says to each client with its next answer that the connection ends, so that it asks elsewhere; goes on accepting. */
  announceEnd(): void;
  /** Stops accepting and ends what is idle. */
  stopAccepting(): void;
  /** Resolves when nothing is open any more. To be called after `stopAccepting`. */
  whenEmpty(): Promise<void>;
  /** Cuts what is open; resolves to what was in the middle of something, and soon, whatever state a thread is in. */
  cut(): Promise<CutReport>;
}
