// Owns what the admin endpoint shows and where it comes from. Everything is read at the moment that it is asked for.
import type { Answer } from "../dns/answer.ts";
import type { ControlCounters } from "../observe/control_counters.ts";
import type { RuleStatus } from "../observe/rule_status.ts";
import type { TrafficCounters } from "../observe/traffic_counters.ts";
import type { Policy } from "../policy/policy.ts";
import type { ProcessUsage } from "../runtime/runtime.ts";
import type { Readiness } from "./readiness.ts";

/** What the resolver has counted. */
export interface ResolverCounts {
  readonly lookupCount: number;
  readonly hostsHitCount: number;
  readonly cacheHitCount: number;
  readonly queryCount: number;
  readonly inFlightCount: number;
  readonly failureCounts: ReadonlyMap<string, number>;
}

/** What never changes while the program runs. */
export interface BuildFacts {
  readonly version: string;
  /** "bun 1.4.5". */
  readonly runtime: string;
  readonly engine: string;
  readonly workers: number;
  readonly maxConnections: number;
  /** The soft limit of open files; undefined where it is unknown or there is none. */
  readonly fileLimit: number | undefined;
  readonly reportOnly: boolean;
  readonly startEpochMs: number;
  /** The file that the rules come from; undefined where they are a text. */
  readonly rulesFile: string | undefined;
}

/** The running proxy, as the admin endpoint sees it. */
export interface ProxyState {
  readonly facts: BuildFacts;
  readonly policy: Policy;
  readonly rules: RuleStatus;
  readonly control: ControlCounters;
  readonly resolver: ResolverCounts;
  readonly lostLogLines: number;
  readTraffic(): TrafficCounters;
}

/** What the admin endpoint is made with. */
export interface AdminParts {
  readonly readiness: Readiness;
  /** The running proxy; undefined while it starts. */
  readonly state: () => ProxyState | undefined;
  readonly usage: () => ProcessUsage;
  /** Resolves to whether every thread of the data plane answers; those that do have their counts up to date then. */
  readonly isAlive: () => Promise<boolean>;
  /** Resolves a name within the time that a request would have for it. */
  readonly lookUp: (name: string) => Promise<Answer>;
}
