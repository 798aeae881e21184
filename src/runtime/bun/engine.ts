// Owns TCP on Bun's own sockets (Bun 1.4.5, callbacks). Knows nothing of HTTP or of what the bytes mean.
//
// What Bun does and its documentation does not say; the engine's contract suite has a case for each: `write` takes what the
// kernel takes, and the rest is ours; `end` closes both directions; `shutdown` sends FIN, and the peer's FIN then comes as
// `close` without `end`; `terminate` sends RST; the peer's RST is `close` with an error, but where a `write` meets it first,
// that returns -1 and `end` and `close` without an error follow; `close` may come while one of our calls is on the stack.
import { IpAddress } from "../../address/ip_address.ts";
import { LINGER_MS } from "../../limits.ts";
import { ConnectionIds } from "../node/connection_ids.ts";
import { Notices } from "../node/notices.ts";
import { connectFailureOf, systemErrorCode } from "../node/system_error.ts";
import { WakeTimer } from "../node/wake_timer.ts";
import type { Clock, ConnectFailure, ConnectionId, Engine, EngineHandler, SocketAddress } from "../runtime.ts";
import { Acceptor } from "./acceptor.ts";
import { Connection, PHASE } from "./connection.ts";
import type { Descriptors } from "./descriptors.ts";

type Socket = Bun.Socket<Connection>;
type SocketEvents = Bun.SocketHandler<Connection, "uint8array">;

/** What the engine is made with. */
export interface BunEngineOptions {
  readonly clock: Clock;
  /** Undefined: dials go through Bun.connect, which can't give one up before the kernel does and calls most failures "refused". */
  readonly descriptors: Descriptors | undefined;
  /** The soft limit of open files, if there is one. */
  readonly fileLimit: number | undefined;
}

/** The engine on Bun.listen and Bun.connect. */
export class BunEngine implements Engine {
  readonly name = "bun";
  readonly #handler: EngineHandler;
  readonly #descriptors: Descriptors | undefined;
  readonly #wake: WakeTimer;
  readonly #ids = new ConnectionIds();
  readonly #connections: (Connection | undefined)[] = [];
  readonly #notices: Notices<Connection>;
  readonly #acceptor: Acceptor;

  constructor(handler: EngineHandler, options: BunEngineOptions) {
    this.#handler = handler;
    this.#descriptors = options.descriptors;
    this.#wake = new WakeTimer(options.clock, (nowMs) => handler.onWake(nowMs));
    this.#notices = new Notices(handler, {
      onConnectTold: (connection) => this.#flush(connection),
      forget: (connection) => this.#forget(connection),
      release: (id) => this.#ids.release(id),
    });
    const acceptEvents = { ...this.#events, open: this.#onAccept };
    const onLimit = () => this.#notices.limit();
    this.#acceptor = new Acceptor(options.descriptors, options.fileLimit, acceptEvents, onLimit);
  }

  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return this.#acceptor.listen(address, port);
  }

  stopListening(): void {
    this.#acceptor.stop();
  }

  connect(address: IpAddress, port: number): ConnectionId {
    const connection = new Connection(this.#ids.take(), PHASE.CONNECTING);
    this.#connections[connection.id] = connection;
    this.#notices.depth++;
    if (this.#descriptors === undefined) this.#dialByName(connection, address, port);
    else this.#dial(this.#descriptors, connection, address, port);
    this.#notices.depth--;
    return connection.id;
  }

  write(id: ConnectionId, bytes: Uint8Array): boolean {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isWriteClosing || bytes.length === 0) return true;
    if (connection.phase === PHASE.DEAD) return true;
    let count = 0;
    if (connection.phase === PHASE.OPEN && connection.queue.byteCount === 0) {
      count = this.#send(connection, bytes);
      if (count === bytes.length || count < 0) return true;
    }
    connection.queue.push(bytes.subarray(count));
    connection.owesDrain = true;
    return false;
  }

  closeWrite(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isWriteClosing) return;
    connection.isWriteClosing = true;
    if (connection.phase === PHASE.OPEN && connection.queue.byteCount === 0) this.#sendFin(connection);
  }

  close(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined) return;
    this.#forget(connection);
    this.#ids.release(id);
    if (connection.phase !== PHASE.OPEN || connection.queue.byteCount === 0) {
      return this.#destroy(connection, connection.phase === PHASE.OPEN);
    }
    connection.phase = PHASE.LINGERING;
    connection.lingerTimer = setTimeout(() => this.#destroy(connection, false), LINGER_MS);
    // What comes is read and dropped: closing with unread bytes would be a reset, which takes back what was sent.
    this.#setReading(connection, true);
  }

  reset(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined) return;
    this.#forget(connection);
    this.#ids.release(id);
    this.#destroy(connection, false);
  }

  pause(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isPaused) return;
    connection.isPaused = true;
    if (connection.phase === PHASE.OPEN) this.#setReading(connection, false);
  }

  resume(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || !connection.isPaused) return;
    connection.isPaused = false;
    if (connection.phase === PHASE.OPEN) this.#setReading(connection, true);
    this.#notices.resumed(connection);
  }

  queuedBytes(id: ConnectionId): number {
    return this.#connections[id]?.queue.byteCount ?? 0;
  }

  localAddress(id: ConnectionId): SocketAddress | undefined {
    const connection = this.#connections[id];
    if (connection?.socket === undefined || connection.phase !== PHASE.OPEN) return connection?.local;
    connection.local ??= socketAddress(connection.socket.localAddress, connection.socket.localPort);
    return connection.local;
  }

  wakeAt(timeMs: number): void {
    this.#wake.wakeAt(timeMs);
  }

  // What Bun calls: one set of functions for all sockets. `socket.data` says which connection it is.

  readonly #onAccept = (socket: Socket): void => {
    const connection = new Connection(this.#ids.take(), PHASE.OPEN);
    connection.socket = socket;
    socket.data = connection;
    const client = socketAddress(socket.remoteAddress, socket.remotePort);
    connection.local = socketAddress(socket.localAddress, socket.localPort);
    const hasRoom = this.#acceptor.noteDescriptor((socket as unknown as { readonly fd: number }).fd);
    if (!hasRoom || client === undefined || connection.local === undefined) {
      this.#ids.release(connection.id);
      return this.#destroy(connection, false);
    }
    this.#connections[connection.id] = connection;
    this.#handler.onAccept(connection.id, client);
  };

  readonly #onOpen = (socket: Socket): void => {
    const connection = socket.data;
    connection.socket = socket;
    if (this.#descriptors !== undefined) return; // A dial by descriptor: `open` comes before it is connected.
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    else socket.terminate(); // It was given up meanwhile.
  };

  #onConnected(connection: Connection): void {
    connection.phase = PHASE.OPEN;
    if (connection.isPaused) this.#setReading(connection, false);
    this.#notices.connected(connection);
  }

  readonly #onConnectError = (socket: Socket, error: Error): void => {
    this.#onConnectFail(socket.data, connectFailureOf(systemErrorCode(error)));
  };

  #onConnectFail(connection: Connection, failure: ConnectFailure): void {
    if (connection.phase !== PHASE.CONNECTING) return;
    connection.phase = PHASE.DEAD;
    this.#notices.failed(connection, failure);
  }

  readonly #onData = (socket: Socket, bytes: Uint8Array): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    if (connection.phase === PHASE.OPEN) this.#notices.data(connection, bytes);
  };

  readonly #onEnd = (socket: Socket): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    if (connection.phase !== PHASE.OPEN || connection.hasEnded) return;
    connection.hasEnded = true;
    this.#notices.ended(connection);
  };

  readonly #onDrain = (socket: Socket): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    else if (connection.queue.byteCount > 0) this.#flush(connection);
  };

  readonly #onClose = (socket: Socket, error?: Error): void => {
    const connection = socket.data;
    const phase = connection.phase;
    if (phase === PHASE.CONNECTING) return this.#onConnectFail(connection, connectFailureOf(systemErrorCode(error)));
    clearTimeout(connection.lingerTimer);
    connection.phase = PHASE.DEAD;
    connection.queue.clear();
    if (phase !== PHASE.OPEN) return;
    // Both sides are over only if our FIN is sent: else a close without an error is some failure that Bun does not name.
    const isReset = error !== undefined || !connection.isWriteClosed;
    if (!isReset && !connection.hasEnded) {
      connection.hasEnded = true;
      this.#notices.ended(connection);
    }
    if (connection.isKnown) this.#notices.closed(connection, isReset);
  };

  /** Bun calls this with what one of these functions threw: a defect of the program, and nothing about the socket. */
  readonly #onError = (_socket: Socket, error: Error): void => {
    reportError(error);
  };

  readonly #events: SocketEvents = {
    binaryType: "uint8array",
    data: this.#onData,
    end: this.#onEnd,
    drain: this.#onDrain,
    close: this.#onClose,
    error: this.#onError,
  };
  readonly #dialEvents: SocketEvents = { ...this.#events, open: this.#onOpen, connectError: this.#onConnectError };

  // What calls Bun. Whatever it calls back meanwhile is told later.

  #dial(descriptors: Descriptors, connection: Connection, address: IpAddress, port: number): void {
    const start = descriptors.startDial(address, port);
    if ("errorCode" in start) return this.#onConnectFail(connection, connectFailureOf(start.errorCode));
    this.#acceptor.noteDescriptor(start.fd);
    // Bun takes over the connecting descriptor: `drain` says that it is connected, `close` why it is not.
    const options = { fd: start.fd, allowHalfOpen: true, data: connection, socket: this.#dialEvents };
    Bun.connect<Connection>(options as unknown as Bun.TCPSocketConnectOptions<Connection>)
      .catch(() => this.#onConnectFail(connection, "failed"));
  }

  #dialByName(connection: Connection, address: IpAddress, port: number): void {
    const socket = this.#dialEvents as unknown as Bun.SocketHandler<Connection>;
    Bun.connect({ hostname: address.text, port, allowHalfOpen: true, data: connection, socket })
      .catch(() => this.#onConnectFail(connection, "failed"));
  }

  /** Hands bytes to the kernel: how many it took, or -1 where the connection turns out to be gone. */
  #send(connection: Connection, bytes: Uint8Array): number {
    this.#notices.depth++;
    const count = connection.socket?.write(bytes) ?? -1;
    if (count < 0 && connection.phase !== PHASE.DEAD) {
      this.#destroy(connection, false);
      if (connection.isKnown) this.#notices.closed(connection, true);
    }
    this.#notices.depth--;
    return count;
  }

  #flush(connection: Connection): void {
    if (connection.phase === PHASE.DEAD) return;
    for (let bytes = connection.queue.first(); bytes !== undefined; bytes = connection.queue.first()) {
      const count = this.#send(connection, bytes);
      if (count < 0) return;
      connection.queue.consume(count);
      if (count < bytes.length) return;
    }
    if (connection.phase === PHASE.LINGERING) return this.#destroy(connection, true);
    if (connection.isWriteClosing && !connection.isWriteClosed) this.#sendFin(connection);
    if (!connection.owesDrain) return;
    connection.owesDrain = false;
    this.#notices.drained(connection);
  }

  #sendFin(connection: Connection): void {
    connection.isWriteClosed = true;
    this.#notices.depth++;
    connection.socket?.shutdown();
    this.#notices.depth--;
  }

  #setReading(connection: Connection, isReading: boolean): void {
    this.#notices.depth++;
    if (isReading) connection.socket?.resume();
    else connection.socket?.pause();
    this.#notices.depth--;
  }

  /** Closes the socket: in peace (FIN), else by RST. A dial is given up. */
  #destroy(connection: Connection, inPeace: boolean): void {
    if (connection.phase === PHASE.DEAD) return;
    clearTimeout(connection.lingerTimer);
    connection.phase = PHASE.DEAD;
    connection.queue.clear();
    this.#notices.depth++;
    if (inPeace) connection.socket?.end();
    else connection.socket?.terminate();
    this.#notices.depth--;
  }

  #forget(connection: Connection): void {
    this.#connections[connection.id] = undefined;
    connection.isKnown = false;
    connection.untoldBytes = undefined;
  }
}

/** Undefined where Bun has no text: of a socket that its peer had reset before it was accepted, whatever its types say. */
function socketAddress(text: string | undefined, port: number): SocketAddress | undefined {
  const address = text === undefined ? undefined : IpAddress.parse(text);
  return address === undefined ? undefined : { address, port };
}
