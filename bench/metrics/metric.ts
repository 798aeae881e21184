// Owns what a metric is, and what it may use to measure. Knows no particular proxy.
import type { Origins } from "../origins.ts";
import type { Peer, PeerLoad } from "../peers/peer.ts";
import type { ProcessGroup, Running } from "../process_group.ts";

/** One figure of a metric. */
export interface Column {
  readonly key: string;
  /** With its unit. */
  readonly text: string;
  readonly better: "higher" | "lower";
}

/** What one measurement yields, by column key. */
export type Values = Readonly<Record<string, number>>;

/** One measurement. */
export interface Measurement {
  readonly values: Values;
  /** Share of one core that the generator used in it. */
  readonly generatorPercent?: number;
}

/** A proxy that runs, or no proxy at all. */
export interface Target {
  readonly peer: Peer | undefined;
  readonly port: number;
  readonly process: Running | undefined;
}

/** What a peer is started for; without it ten rules and small messages. */
export interface StartOrder {
  readonly ruleCount?: number;
  readonly load?: PeerLoad;
}

/** What a metric measures with. */
export interface Bench {
  readonly group: ProcessGroup;
  readonly origins: Origins;
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Whether the run is a short one. */
  readonly quick: boolean;
  /** Starts a peer and waits until it answers. Throws with the reason where it does not within 8 s. */
  start(peer: Peer | undefined, originPort: number, order?: StartOrder): Promise<Target & { readonly startMs: number }>;
  /** Prints a remark into the report, once. */
  remark(text: string): void;
}

/** One peer being measured on one metric, over all rounds. */
export interface Session {
  /** Measures one window. Throws where anything in it failed: such a window has no figures. */
  measure(): Promise<Measurement>;
  close(): Promise<void>;
}

/** Something to measure: peers take turns in every round. */
export interface Metric {
  /** Unique; `--only` takes it, or its group. */
  readonly name: string;
  readonly group: string;
  /** Whether `--quick` runs it. */
  readonly quick: boolean;
  /** The most rounds that it is worth, where its figures hardly move. */
  readonly mostRounds?: number;
  readonly columns: readonly Column[];
  /** About how long a window takes with all that belongs to it, for the estimate of the whole. */
  readonly estimateSeconds: (run: { readonly seconds: number; readonly quick: boolean }) => number;
  /** Why a peer has no figures here, or undefined. `undefined` as peer is a direct connection. */
  excludes(peer: Peer | undefined): string | undefined;
  open(bench: Bench, peer: Peer | undefined): Promise<Session>;
}
