// Owns the record of one request or tunnel, from its head to its end. Each stage of the pipeline fills its own fields;
// it becomes one access-log line and the metric samples. It holds no path, no query and no header: they hold secrets.
import type { ErrorCode } from "../errors.ts";
import type { SocketAddress } from "../runtime/runtime.ts";

/** What was decided on a request. "none": it was refused before a decision (malformed, too late, over the limit). */
export type ExchangeDecision = "allow" | "deny" | "none";

/** One request and its answer, or one tunnel. Mutable while it runs; recorded once, when it ends. */
export interface Exchange {
  readonly startEpochMs: number;
  readonly startMs: number;
  readonly client: SocketAddress;
  /** The method as sent (a token), or "" where none was read. */
  method: string;
  /** The target's normalised host without brackets, or "" where none was read. */
  host: string;
  /** 0 where none was read. */
  port: number;
  decision: ExchangeDecision;
  /** The deciding rule's line and text; 0 and "" where no rule matched. */
  ruleLine: number;
  ruleText: string;
  /** In report-only mode: the rules would have denied it. */
  wouldDeny: boolean;
  /** The address that was dialled and connected. */
  upstream: SocketAddress | undefined;
  /** The status sent to the client; 0 where none could be sent. */
  status: number;
  /** Octets as they crossed the proxy: a tunnel's payload, or whole messages. */
  bytesFromClient: number;
  bytesToClient: number;
  /** Name resolution, dial, first response octet; undefined where it did not come to that. */
  dnsMs: number | undefined;
  connectMs: number | undefined;
  firstByteMs: number | undefined;
  endMs: number;
  /** Whether a tunnel was established (CONNECT, or an Upgrade that switched). */
  tunnel: boolean;
  error: ErrorCode | undefined;
  /** One line on what happened and why; "" where nothing failed. */
  details: string;
}

/** Makes the record of a request that begins now. */
export function startExchange(client: SocketAddress, startEpochMs: number, startMs: number): Exchange {
  return {
    startEpochMs,
    startMs,
    client,
    method: "",
    host: "",
    port: 0,
    decision: "none",
    ruleLine: 0,
    ruleText: "",
    wouldDeny: false,
    upstream: undefined,
    status: 0,
    bytesFromClient: 0,
    bytesToClient: 0,
    dnsMs: undefined,
    connectMs: undefined,
    firstByteMs: undefined,
    endMs: 0,
    tunnel: false,
    error: undefined,
    details: "",
  };
}
