// Owns what the engine remembers of one socket. Knows neither the socket's events nor the core.
import type { Socket } from "node:net";
import { NoticeState } from "../node/notices.ts";
import type { ConnectionId } from "../runtime.ts";

/** One connection. */
export class Connection extends NoticeState {
  readonly socket: Socket;
  isConnecting: boolean;
  /** FIN came. */
  hasEnded = false;
  /** `closeWrite` was called. */
  isWriteClosing = false;
  /** `write` returned false, and `onDrain` has not come. */
  owesDrain = false;
  /** The system error that the socket told before its close. */
  errorCode: string | undefined;
  /** To be called when the kernel has what a write gave; tells the drain that is owed once it has all. */
  onWritten = (): void => {};
  lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: ConnectionId, socket: Socket, isConnecting: boolean) {
    super(id);
    this.socket = socket;
    this.isConnecting = isConnecting;
  }
}
