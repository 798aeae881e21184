// Owns what a metric is, and what it may use to measure. Knows no particular proxy.
import type { Origins } from "../origins.ts";
import type { Peer } from "../peers/peer.ts";
import type { ProcessGroup, Running } from "../process_group.ts";

/** One figure of a metric. */
export interface Column {
  readonly key: string;
  /** With its unit. */
  readonly text: string;
  readonly better: "higher" | "lower";
  /** The most that ours ÷ squid may be where lower is better, the least where higher is. */
  readonly bar?: number;
}

/** What one measurement yields, by column key. */
export type Values = Readonly<Record<string, number>>;

/** A proxy that runs, or no proxy at all. */
export interface Target {
  readonly peer: Peer | undefined;
  readonly port: number;
  readonly process: Running | undefined;
}

/** What a metric measures with. */
export interface Bench {
  readonly group: ProcessGroup;
  readonly origins: Origins;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly quick: boolean;
  /** Starts a peer with this many rules and waits until it answers. Throws with the reason where it does not within 8 s. */
  start(peer: Peer | undefined, originPort: number, ruleCount?: number): Promise<Target & { readonly startMs: number }>;
  /** Prints a remark into the report, once. */
  remark(text: string): void;
}

/** One peer being measured on one metric, over all rounds. */
export interface Session {
  measure(): Promise<Values>;
  close(): Promise<void>;
}

/** Something to measure: peers take turns in every round. */
export interface Metric {
  /** Unique; `--only` takes it, or its group. */
  readonly name: string;
  readonly group: string;
  /** Whether `--quick` runs it. */
  readonly quick: boolean;
  readonly columns: readonly Column[];
  /** Why a peer has no figures here, or undefined. `undefined` as peer is a direct connection. */
  excludes(peer: Peer | undefined): string | undefined;
  open(bench: Bench, peer: Peer | undefined): Promise<Session>;
}
