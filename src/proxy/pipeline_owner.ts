// Owns what the pipeline of requests shares with others: what it asks of the session whose they are, and the request in hand.
import type { Target } from "../address/target.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { ConnectionId, SocketAddress } from "../runtime/runtime.ts";
import type { ClientInput } from "./client_input.ts";

/** The session whose requests they are. */
export interface PipelineOwner {
  readonly clientId: ConnectionId;
  readonly client: SocketAddress;
  readonly input: ClientInput;
  /** The client has sent FIN. */
  readonly clientEnded: boolean;
  /** The answer is complete and handed over; `keepAlive` as the client was told. */
  onAnswered(keepAlive: boolean): void;
  /** The answer broke off: the client connection is to end so that it is seen. */
  onAnswerCut(how: "close" | "reset"): void;
  /** The body of the request in hand is wanted now. */
  onBodyWanted(): void;
  /** The connection is a tunnel's from now on, and the session over. */
  onTunnelStart(): void;
}

/** The request in hand. */
export interface Request {
  readonly head: RequestHead;
  readonly exchange: Exchange;
  readonly target: Target;
  readonly originForm: string;
}
