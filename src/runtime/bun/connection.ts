// Owns what the engine remembers of one socket. Knows neither the socket's events nor the core.
import { NoticeState } from "../node/notices.ts";
import { WriteQueue } from "../node/write_queue.ts";
import type { ConnectionId, SocketAddress } from "../runtime.ts";

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

/** One connection: the `data` of its Bun socket. */
export class Connection extends NoticeState {
  socket: Bun.Socket<Connection> | undefined;
  phase: Phase;
  readonly queue = new WriteQueue();
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

  constructor(id: ConnectionId, phase: Phase) {
    super(id);
    this.phase = phase;
  }
}
