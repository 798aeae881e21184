// Owns what a peer is: how one proxy is configured and started for a run. Measures nothing.

/** Whether a peer is to carry much on few connections, or little on many: haproxy is set for one of the two. */
export type PeerLoad = "bulk" | "small";

/** What a peer is started for. */
export interface LaunchOrder {
  /** A folder of this instance's own. */
  readonly folder: string;
  /** The free port that it is to listen on. */
  readonly port: number;
  /** The rule text, in the product's grammar. */
  readonly rules: string;
  /** The one origin port that a peer without CONNECT or policy is pointed at. */
  readonly originPort: number;
  readonly load: PeerLoad;
}

/** A command line, and where its stdout goes: to /dev/null, or into a pipe that another process empties, as in a pod. */
export interface Launch {
  readonly command: readonly string[];
  readonly stdout?: "ignore" | "emptied-pipe";
}

/** One proxy to measure. A new peer is one record of this type in a file of its own, listed in registry.ts. */
export interface Peer {
  readonly name: string;
  /** What it is and how it is set, one line for the report. */
  readonly text: string;
  /** What it can be measured on. */
  readonly plainHttp: boolean;
  readonly tunnels: "connect" | "fixed" | "none";
  readonly rules: boolean;
  /** The metrics that it is measured on; without it all. */
  readonly only?: readonly string[];
  /** It closes after every answer in a way that wrk counts as a failed read; such failures are not held against it. */
  readonly closesEachAnswer?: boolean;
  /** How many operations it takes to be as fast as it gets, where it compiles as it runs. */
  readonly warmOperations?: number;
  /** Why it can't be run here, or undefined. */
  unavailable(): string | undefined;
  /** Its version, for the report. */
  version(): string;
  /** Writes its configuration and returns how it is started. */
  launch(order: LaunchOrder): Launch;
}
