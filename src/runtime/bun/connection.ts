// Owns what the engine remembers of one socket. Knows neither the socket's events nor the core.
import { WriteQueue } from "../node/write_queue.ts";
import type { ConnectFailure, ConnectionId, SocketAddress } from "../runtime.ts";

/** Where a socket is in its life. */
export const PHASE = {
  /** The dial is under way. */
  CONNECTING: 0,
  OPEN: 1,
  /** The core has closed it; the engine still hands the kernel what is queued. */
  LINGERING: 2,
  DEAD: 3,
} as const;

export type Phase = (typeof PHASE)[keyof typeof PHASE];

/** One connection: the `data` of its Bun socket. Its fields are plain, for the data path. */
export class Connection {
  readonly id: ConnectionId;
  socket: Bun.Socket<Connection> | undefined;
  phase: Phase;
  readonly queue = new WriteQueue();
  /** The core knows the id: it has neither closed it nor been told of its end. */
  isKnown = true;
  /** The core wants no `onData` and no `onEnd`. */
  isPaused = false;
  /** FIN came. */
  hasEnded = false;
  /** `closeWrite` was called. */
  isWriteClosing = false;
  /** FIN was sent. */
  isWriteClosed = false;
  /** `write` returned false, and `onDrain` has not come. */
  owesDrain = false;
  lingerTimer: ReturnType<typeof setTimeout> | undefined;
  local: SocketAddress | undefined;

  // What the core is yet to be told, in this order.
  untoldFailure: ConnectFailure | undefined;
  isConnectUntold = false;
  untoldBytes: Uint8Array[] | undefined;
  isEndUntold = false;
  isDrainUntold = false;
  untoldClose: "over" | "reset" | undefined;
  /** It waits in the engine's list of connections that have something to tell. */
  isDeferred = false;

  constructor(id: ConnectionId, phase: Phase) {
    this.id = id;
    this.phase = phase;
  }
}
