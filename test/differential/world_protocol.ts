// Owns what the test and the process in the namespace say to each other: one JSON line each way for each rule text.

/** One request through both proxies. */
export interface Case {
  readonly method: "GET" | "CONNECT";
  /** As it stands in the request line. "SELF" in it becomes the port of the proxy that is asked. */
  readonly target: string;
}

/** A rule text and what to ask under it. Each proxy is started afresh for it. */
export interface Order {
  readonly rules: string;
  readonly cases: readonly Case[];
}

/**
 * What became of a request, seen from outside: "reached ADDRESS" (an origin answered there), "denied" (refused by
 * rule), "tunnelled" (a tunnel to no origin), "failed STATUS" (0: no answer), or "not started" (the proxy itself).
 */
export type Outcome = "denied" | "tunnelled" | "not started" | `reached ${string}` | `failed ${number}`;

/** What one proxy did. */
export interface Account {
  /** Why it did not start. */
  readonly refusal: string | undefined;
  /** One for each case. */
  readonly outcomes: readonly Outcome[];
  /** Names that it asked the name server for, sorted, reverse look-ups among them. */
  readonly queries: readonly string[];
}

/** The answer to an order. */
export interface Accounts {
  readonly squid: Account;
  readonly ours: Account;
}
