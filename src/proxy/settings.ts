// Owns the limits and times that an operator sets for the data path.

/** What the proxy pipeline is told at its start. Times in milliseconds; 0 means no limit. */
export interface ProxySettings {
  /** Name resolution and dialling together. */
  readonly connectTimeoutMs: number;
  /** From the first octet of a request head (or the accept) to its end. */
  readonly headerTimeoutMs: number;
  /** Without an octet either way on a tunnel or a body. */
  readonly idleTimeoutMs: number;
  /** From the last octet of a request to the first of its response. */
  readonly responseTimeoutMs: number;
  /** Client connections open at once; at least 1. */
  readonly maxConnections: number;
  /** The same for one client, an IPv4 address or an IPv6 network of 64 bits; 0 for no limit. */
  readonly maxConnectionsPerClient: number;
  /** Allow what `*` would allow, and record what the rules would have done. */
  readonly reportOnly: boolean;
}
