// Owns TCP on Bun's own sockets (Bun 1.4.5, callbacks). Knows nothing of HTTP or of what the bytes mean.
//
// What Bun does and its documentation does not say; the engine's contract suite has a case for each: `write` takes what the
// kernel takes, and the rest is ours; `end` closes both directions; `shutdown` sends FIN, and the peer's FIN then comes as
// `close` without `end`; `terminate` sends RST; the peer's RST is `close` with an error, but where a `write` meets it first,
// that returns -1 and `end` and `close` without an error follow; `close` may come while one of our calls is on the stack.
import { IpAddress } from "../../address/ip_address.ts";
import { LINGER_MS } from "../../limits.ts";
import { ConnectionIds } from "../node/connection_ids.ts";
import { connectFailureOf, systemErrorCode } from "../node/system_error.ts";
import { WakeTimer } from "../node/wake_timer.ts";
import type { Clock, ConnectFailure, ConnectionId, Engine, EngineHandler, SocketAddress } from "../runtime.ts";
import { Acceptor } from "./acceptor.ts";
import { Connection, PHASE } from "./connection.ts";
import type { Libc } from "./libc.ts";

type Socket = Bun.Socket<Connection>;
type SocketEvents = Bun.SocketHandler<Connection, "uint8array">;

/** What the engine is made with. */
export interface BunEngineOptions {
  readonly clock: Clock;
  /** Undefined: dials go through Bun.connect, which can't give one up before the kernel does and calls most failures "refused". */
  readonly libc: Libc | undefined;
  /** The soft limit of open files, if there is one. */
  readonly fileLimit: number | undefined;
}

/** The engine on Bun.listen and Bun.connect. */
export class BunEngine implements Engine {
  readonly name = "bun";
  readonly #handler: EngineHandler;
  readonly #libc: Libc | undefined;
  readonly #wake: WakeTimer;
  readonly #ids = new ConnectionIds();
  readonly #connections: (Connection | undefined)[] = [];
  /** How many calls of ours into Bun are on the stack: what Bun calls back meanwhile is told later. */
  #depth = 0;
  #deferred: Connection[] = [];
  #isLimitUntold = false;
  #isTellingScheduled = false;

  constructor(handler: EngineHandler, options: BunEngineOptions) {
    this.#handler = handler;
    this.#libc = options.libc;
    this.#wake = new WakeTimer(options.clock, (nowMs) => handler.onWake(nowMs));
    const acceptEvents = { ...this.#events, open: this.#onAccept };
    this.#acceptor = new Acceptor(options.libc, options.fileLimit, acceptEvents, this.#onAcceptLimit);
  }

  // deno-lint-ignore require-await -- Bun listens at once.
  async listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return this.#acceptor.listen(address, port);
  }

  stopListening(): void {
    this.#acceptor.stop();
  }

  connect(address: IpAddress, port: number): ConnectionId {
    const connection = new Connection(this.#ids.take(), PHASE.CONNECTING);
    this.#connections[connection.id] = connection;
    this.#depth++;
    if (this.#libc === undefined) this.#dialByName(connection, address, port);
    else this.#dial(this.#libc, connection, address, port);
    this.#depth--;
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
    if (connection.untoldBytes !== undefined || connection.isEndUntold) this.#tellLater(connection);
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
    this.#handler.onAccept(connection.id, client, connection.local);
  };

  readonly #onOpen = (socket: Socket): void => {
    const connection = socket.data;
    connection.socket = socket;
    if (this.#libc !== undefined) return; // A dial by descriptor: `open` comes before it is connected.
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    else this.#callBun(() => socket.terminate()); // It was given up meanwhile.
  };

  #onConnected(connection: Connection): void {
    connection.phase = PHASE.OPEN;
    if (connection.isPaused) this.#setReading(connection, false);
    connection.isConnectUntold = true;
    this.#tellSoon(connection);
  }

  readonly #onConnectError = (socket: Socket, error: Error): void => {
    this.#onConnectFail(socket.data, connectFailureOf(systemErrorCode(error)));
  };

  #onConnectFail(connection: Connection, failure: ConnectFailure): void {
    if (connection.phase !== PHASE.CONNECTING) return;
    connection.phase = PHASE.DEAD;
    connection.untoldFailure = failure;
    this.#tellSoon(connection);
  }

  readonly #onData = (socket: Socket, bytes: Uint8Array): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    if (connection.phase !== PHASE.OPEN) return;
    if (this.#depth === 0 && !connection.isPaused && !connection.isDeferred && connection.untoldBytes === undefined) {
      return this.#handler.onData(connection.id, bytes);
    }
    if (connection.untoldBytes === undefined) connection.untoldBytes = [bytes];
    else connection.untoldBytes.push(bytes);
    if (!connection.isPaused) this.#tellLater(connection);
  };

  readonly #onEnd = (socket: Socket): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) this.#onConnected(connection);
    if (connection.phase !== PHASE.OPEN || connection.hasEnded) return;
    connection.hasEnded = true;
    connection.isEndUntold = true;
    this.#tellSoon(connection);
  };

  readonly #onDrain = (socket: Socket): void => {
    const connection = socket.data;
    if (connection.phase === PHASE.CONNECTING) return this.#onConnected(connection);
    if (connection.queue.byteCount === 0) return;
    this.#flush(connection);
    if (connection.isDrainUntold) this.#tellSoon(connection);
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
      connection.isEndUntold = true;
    }
    connection.untoldClose = isReset ? "reset" : "over";
    this.#tellSoon(connection);
  };

  /** Bun calls this with what one of these functions threw: a defect of the program, and nothing about the socket. */
  readonly #onError = (_socket: Socket, error: Error): void => {
    reportError(error);
  };

  readonly #onAcceptLimit = (): void => {
    this.#isLimitUntold = true;
    if (this.#depth > 0) this.#scheduleTelling();
    else this.#tellLimit();
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
  readonly #acceptor: Acceptor;

  // What calls Bun

  #dial(libc: Libc, connection: Connection, address: IpAddress, port: number): void {
    const start = libc.startDial(address, port);
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
    this.#depth++;
    const count = connection.socket?.write(bytes) ?? -1;
    this.#depth--;
    if (count < 0 && connection.phase !== PHASE.DEAD) {
      const wasOpen = connection.phase === PHASE.OPEN;
      this.#destroy(connection, false);
      if (wasOpen) {
        connection.untoldClose = "reset";
        this.#tellLater(connection);
      }
    }
    return count;
  }

  #flush(connection: Connection): void {
    for (let bytes = connection.queue.first(); bytes !== undefined; bytes = connection.queue.first()) {
      const count = this.#send(connection, bytes);
      if (count < 0) return;
      connection.queue.consume(count);
      if (count < bytes.length) return;
    }
    if (connection.phase === PHASE.LINGERING) return this.#destroy(connection, true);
    if (connection.isWriteClosing && !connection.isWriteClosed) this.#sendFin(connection);
    connection.isDrainUntold = connection.owesDrain;
    connection.owesDrain = false;
  }

  #sendFin(connection: Connection): void {
    connection.isWriteClosed = true;
    this.#callBun(() => connection.socket?.shutdown());
  }

  #setReading(connection: Connection, isReading: boolean): void {
    this.#depth++;
    if (isReading) connection.socket?.resume();
    else connection.socket?.pause();
    this.#depth--;
  }

  /** Closes the socket: in peace (FIN), else by RST. A dial is given up. */
  #destroy(connection: Connection, inPeace: boolean): void {
    if (connection.phase === PHASE.DEAD) return;
    clearTimeout(connection.lingerTimer);
    connection.phase = PHASE.DEAD;
    connection.queue.clear();
    this.#depth++;
    if (inPeace) connection.socket?.end();
    else connection.socket?.terminate();
    this.#depth--;
  }

  // What is told to the core

  #forget(connection: Connection): void {
    this.#connections[connection.id] = undefined;
    connection.isKnown = false;
    connection.untoldBytes = undefined;
  }

  #tellSoon(connection: Connection): void {
    if (this.#depth > 0 || connection.isDeferred) this.#tellLater(connection);
    else this.#tell(connection);
  }

  #tellLater(connection: Connection): void {
    if (connection.isDeferred) return;
    connection.isDeferred = true;
    this.#deferred.push(connection);
    this.#scheduleTelling();
  }

  #scheduleTelling(): void {
    if (this.#isTellingScheduled) return;
    this.#isTellingScheduled = true;
    // Not a microtask: Bun may run those while one of our calls into it is on the stack.
    setImmediate(this.#tellDeferred);
  }

  readonly #tellDeferred = (): void => {
    this.#isTellingScheduled = false;
    if (this.#isLimitUntold) this.#tellLimit();
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const connection of deferred) {
      connection.isDeferred = false;
      try {
        this.#tell(connection);
      } catch (error) {
        reportError(error);
      }
    }
  };

  #tellLimit(): void {
    this.#isLimitUntold = false;
    this.#handler.onAcceptLimit();
  }

  /** Tells the core what it may be told now, in order. Each call may change everything: it may close, pause, write. */
  #tell(connection: Connection): void {
    const { id } = connection;
    if (connection.isKnown && connection.untoldFailure !== undefined) {
      this.#forget(connection);
      this.#handler.onConnectFail(id, connection.untoldFailure);
      return this.#ids.release(id);
    }
    if (connection.isKnown && connection.isConnectUntold) {
      connection.isConnectUntold = false;
      this.#handler.onConnect(id);
      if (connection.phase === PHASE.OPEN) this.#flush(connection);
    }
    if (connection.untoldClose === "reset") {
      connection.untoldBytes = undefined;
      connection.isEndUntold = false;
      connection.isDrainUntold = false;
    }
    while (connection.isKnown && !connection.isPaused && connection.untoldBytes !== undefined) {
      const bytes = connection.untoldBytes.shift();
      if (bytes === undefined) connection.untoldBytes = undefined;
      else this.#handler.onData(id, bytes);
    }
    const hasAllBytes = connection.untoldBytes === undefined;
    if (connection.isKnown && !connection.isPaused && hasAllBytes && connection.isEndUntold) {
      connection.isEndUntold = false;
      this.#handler.onEnd(id);
    }
    if (connection.isKnown && connection.isDrainUntold) {
      connection.isDrainUntold = false;
      if (connection.queue.byteCount === 0) this.#handler.onDrain(id);
      else connection.owesDrain = true;
    }
    if (connection.isKnown && connection.untoldClose !== undefined && hasAllBytes && !connection.isEndUntold) {
      this.#forget(connection);
      this.#handler.onClose(id, connection.untoldClose === "reset");
      this.#ids.release(id);
    }
  }

  #callBun(call: () => void): void {
    this.#depth++;
    call();
    this.#depth--;
  }
}

function socketAddress(text: string, port: number): SocketAddress | undefined {
  const address = IpAddress.parse(text);
  return address === undefined ? undefined : { address, port };
}
