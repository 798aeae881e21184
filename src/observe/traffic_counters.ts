// Owns the counts of what one thread of the data plane did: plain numbers in memory that another thread may read at any
// time. Its thread alone writes, so nothing here is locked. Knows no metric's name.
import { ERROR_TABLE, type ErrorCode } from "../errors.ts";
import type { ConnectFailure } from "../runtime/runtime.ts";
import type { Exchange } from "./exchange.ts";

/** The kinds of method that are told apart: any other token is "other", and "none" is a request whose head was never read. */
export const METHOD_KINDS = [
  "CONNECT",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "other",
  "none",
] as const;

/** What was decided; `would_deny` is what --report-only let through. */
export const DECISION_KINDS = ["allow", "deny", "would_deny", "none"] as const;

/** The status codes that are told apart; one that is not among them counts under its class. "none": nothing was sent. */
export const STATUS_KINDS: readonly string[] = [
  "none",
  ...[101, 200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308].map(String),
  ...[400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425].map(String),
  ...[426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 511].map(String),
  ...["1xx", "2xx", "3xx", "4xx", "5xx", "other"],
];

/** Every code of an error, in the order of the table. */
export const ERROR_CODES = Object.keys(ERROR_TABLE) as readonly ErrorCode[];

/** What may become of one attempt to connect. */
export const DIAL_RESULTS = ["connected", "refused", "unreachable", "timeout", "limit", "failed"] as const;

/** Rules on lines behind this one are counted together. */
export const MAX_COUNTED_LINE = 1000;

/** The single counts. What is open is the difference of two. */
export const SCALARS = [
  "connectionsOpened",
  "connectionsClosed",
  "connectionsRefused",
  "tunnelsOpened",
  "tunnelsClosed",
  "bytesFromClient",
  "bytesToClient",
  "acceptLimits",
  "namesKept",
] as const;

/** The upper bounds of the histograms, in seconds. */
export const HISTOGRAM_BOUNDS = {
  lookup: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  dial: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  firstByte: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  tunnel: [0.1, 1, 10, 60, 300, 900, 3600, 14_400, 86_400],
} as const;

/** The name of a single count. */
export type Scalar = (typeof SCALARS)[number];

/** The name of a histogram. */
export type HistogramName = keyof typeof HISTOGRAM_BOUNDS;

/** A histogram as it stands: how many were at or below each bound, not counted again in the next; the last is those beyond. */
export interface HistogramSample {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

const REQUESTS_AT = SCALARS.length;
const ERRORS_AT = REQUESTS_AT + METHOD_KINDS.length * DECISION_KINDS.length * STATUS_KINDS.length;
const DIALS_AT = ERRORS_AT + ERROR_CODES.length;
/** At its start the decisions that no rule made, then the lines from 1, last the lines behind. */
const LINES_AT = DIALS_AT + DIAL_RESULTS.length;
const HISTOGRAMS_AT = LINES_AT + MAX_COUNTED_LINE + 2;
const HISTOGRAM_PLACES = placeHistograms();
const SIZE = HISTOGRAMS_AT + Object.values(HISTOGRAM_BOUNDS).reduce((sum, bounds) => sum + bounds.length + 2, 0);

const STATUS_INDEX = indexStatuses();
const SCALAR_INDEX = Object.fromEntries(SCALARS.map((name, index) => [name, index])) as Record<Scalar, number>;
const METHOD_INDEX = new Map<string, number>(METHOD_KINDS.slice(0, -2).map((name, index) => [name, index]));
const OTHER_METHOD = METHOD_KINDS.indexOf("other");
const NO_METHOD = METHOD_KINDS.indexOf("none");
const ERROR_INDEX = Object.fromEntries(ERROR_CODES.map((code, index) => [code, index])) as Record<ErrorCode, number>;
const DIAL_INDEX = Object.fromEntries(DIAL_RESULTS.map((result, index) => [result, index])) as Record<
  "connected" | ConnectFailure,
  number
>;
const DECISION_INDEX = { allow: 0, deny: 1, none: 3 } as const;
const WOULD_DENY = 2;

/** The counts of one thread, or the sum of several. */
export class TrafficCounters {
  readonly #values: Float64Array;

  /** Goes on with what is in the memory. */
  constructor(memory: SharedArrayBuffer = makeTrafficMemory()) {
    this.#values = new Float64Array(memory);
  }

  /** Adds up several; what is changed meanwhile may be in it or not. */
  static sum(memories: readonly SharedArrayBuffer[]): TrafficCounters {
    const sum = new TrafficCounters();
    for (const memory of memories) {
      new Float64Array(memory).forEach((value, at) => sum.#values[at]! += value);
    }
    return sum;
  }

  /** Takes the memory over from a thread that has died: what it had open is closed. */
  takeOver(): void {
    const values = this.#values;
    values[SCALAR_INDEX.connectionsClosed] = values[SCALAR_INDEX.connectionsOpened]!;
    values[SCALAR_INDEX.tunnelsClosed] = values[SCALAR_INDEX.tunnelsOpened]!;
  }

  /** Adds to a single count. */
  add(name: Scalar, count = 1): void {
    this.#values[SCALAR_INDEX[name]]! += count;
  }

  /** Reads a single count. */
  get(name: Scalar): number {
    return this.#values[SCALAR_INDEX[name]]!;
  }

  /** Counts a decision for the rule that made it; line 0 is none. */
  countDecision(line: number): void {
    this.#values[LINES_AT + Math.min(line, MAX_COUNTED_LINE + 1)]!++;
  }

  /** Starts the decisions anew: other rules are in force, and a line is another rule. */
  resetDecisions(): void {
    this.#values.fill(0, LINES_AT, HISTOGRAMS_AT);
  }

  /** Counts what became of one attempt to connect. */
  countDial(result: "connected" | ConnectFailure): void {
    this.#values[DIALS_AT + DIAL_INDEX[result]]!++;
  }

  /** Counts an exchange that has ended; so many of its octets were counted before. */
  countExchange(exchange: Exchange, countedFromClient = 0, countedToClient = 0): void {
    const values = this.#values;
    const method = exchange.method === "" ? NO_METHOD : METHOD_INDEX.get(exchange.method) ?? OTHER_METHOD;
    const decision = exchange.wouldDeny ? WOULD_DENY : DECISION_INDEX[exchange.decision];
    const status = STATUS_INDEX[exchange.status] ?? STATUS_KINDS.length - 1;
    values[REQUESTS_AT + (method * DECISION_KINDS.length + decision) * STATUS_KINDS.length + status]!++;
    values[SCALAR_INDEX.bytesFromClient]! += exchange.bytesFromClient - countedFromClient;
    values[SCALAR_INDEX.bytesToClient]! += exchange.bytesToClient - countedToClient;
    if (exchange.error !== undefined) values[ERRORS_AT + ERROR_INDEX[exchange.error]]!++;
    if (exchange.dnsMs !== undefined) this.#observe("lookup", exchange.dnsMs / 1000);
    if (exchange.connectMs !== undefined) this.#observe("dial", exchange.connectMs / 1000);
    if (exchange.firstByteMs !== undefined) this.#observe("firstByte", exchange.firstByteMs / 1000);
    if (!exchange.tunnel) return;
    values[SCALAR_INDEX.tunnelsClosed]!++;
    this.#observe("tunnel", (exchange.endMs - exchange.startMs) / 1000);
  }

  /** Calls `take` with each count of requests that is not 0. */
  forEachRequest(take: (method: string, decision: string, status: string, count: number) => void): void {
    let at = REQUESTS_AT;
    for (const method of METHOD_KINDS) {
      for (const decision of DECISION_KINDS) {
        for (const status of STATUS_KINDS) {
          const count = this.#values[at++]!;
          if (count > 0) take(method, decision, status, count);
        }
      }
    }
  }

  /** How many exchanges ended with an error. */
  errorCount(code: ErrorCode): number {
    return this.#values[ERRORS_AT + ERROR_INDEX[code]]!;
  }

  /** How many attempts to connect ended so. */
  dialCount(result: "connected" | ConnectFailure): number {
    return this.#values[DIALS_AT + DIAL_INDEX[result]]!;
  }

  /** How many decisions the rule on a line made; of line 0 none did, those behind MAX_COUNTED_LINE have one count. */
  decisionCount(line: number): number {
    return this.#values[LINES_AT + Math.min(line, MAX_COUNTED_LINE + 1)]!;
  }

  /** A histogram as it stands. */
  histogram(name: HistogramName): HistogramSample {
    const bounds = HISTOGRAM_BOUNDS[name];
    const at = HISTOGRAM_PLACES[name];
    const counts = Array.from(this.#values.subarray(at, at + bounds.length + 1));
    return { bounds, counts, sumSeconds: this.#values[at + bounds.length + 1]! };
  }

  #observe(name: HistogramName, seconds: number): void {
    const bounds: readonly number[] = HISTOGRAM_BOUNDS[name];
    const at = HISTOGRAM_PLACES[name];
    let index = 0;
    while (index < bounds.length && seconds > bounds[index]!) index++;
    this.#values[at + index]!++;
    this.#values[at + bounds.length + 1]! += seconds;
  }
}

/** Makes the memory that one thread counts in, all 0. */
export function makeTrafficMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SIZE * Float64Array.BYTES_PER_ELEMENT);
}

function placeHistograms(): Record<HistogramName, number> {
  let at = HISTOGRAMS_AT;
  const places: Partial<Record<HistogramName, number>> = {};
  for (const name of Object.keys(HISTOGRAM_BOUNDS) as HistogramName[]) {
    places[name] = at;
    at += HISTOGRAM_BOUNDS[name].length + 2; // one for what is beyond, one for the sum
  }
  return places as Record<HistogramName, number>;
}

function indexStatuses(): Uint8Array {
  const index = new Uint8Array(1000).fill(STATUS_KINDS.length - 1);
  // By class: one by one they took a start 2 ms.
  for (let first = 100; first < 600; first += 100) {
    index.fill(STATUS_KINDS.indexOf(`${first / 100}xx`), first, first + 100);
  }
  STATUS_KINDS.forEach((kind, at) => {
    const status = Number(kind);
    if (status > 0) index[status] = at;
  });
  index[0] = STATUS_KINDS.indexOf("none");
  return index;
}
