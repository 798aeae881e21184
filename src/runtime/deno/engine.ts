// Owns TCP on Deno, by its node:net (2.9). Knows nothing of HTTP or of what the bytes mean.
//
// Why not Deno.listen and Deno.connect: their connections can't send RST, a dial can't be given up, a read that waits can't be
// called off, and a reset of a paused one is not noticed. node:net does all of that here, with the same permission, --allow-net.
import { Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { IpAddress } from "../../address/ip_address.ts";
import { LINGER_MS } from "../../limits.ts";
import { ConnectionIds } from "../node/connection_ids.ts";
import { Notices } from "../node/notices.ts";
import { connectFailureOf, systemErrorCode } from "../node/system_error.ts";
import { WakeTimer } from "../node/wake_timer.ts";
import type { Clock, ConnectionId, Engine, EngineHandler, SocketAddress } from "../runtime.ts";
import { Acceptor } from "./acceptor.ts";
import { Connection } from "./connection.ts";

/** What the engine is made with. */
export interface DenoEngineOptions {
  readonly clock: Clock;
  /** The soft limit of open files, if there is one. */
  readonly fileLimit: number | undefined;
}

/** The engine on Deno's node:net. */
export class DenoEngine implements Engine {
  readonly name = "deno";
  readonly #handler: EngineHandler;
  readonly #wake: WakeTimer;
  readonly #acceptor: Acceptor;
  readonly #notices: Notices<Connection>;
  readonly #ids = new ConnectionIds();
  readonly #connections: (Connection | undefined)[] = [];
  #socketCount = 0;

  constructor(handler: EngineHandler, options: DenoEngineOptions) {
    this.#handler = handler;
    this.#wake = new WakeTimer(options.clock, (nowMs) => handler.onWake(nowMs));
    this.#notices = new Notices(handler, {
      onConnectTold() {},
      forget: (connection) => this.#forget(connection),
      release: (id) => this.#ids.release(id),
    });
    this.#acceptor = new Acceptor(options.fileLimit, {
      onSocket: (socket) => this.#onAccept(socket),
      onLimit: () => this.#notices.limit(),
      countSockets: () => this.#socketCount,
    });
  }

  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return this.#acceptor.listen(address, port);
  }

  stopListening(): void {
    this.#acceptor.stop();
  }

  connect(address: IpAddress, port: number): ConnectionId {
    const socket = new Socket({ allowHalfOpen: true });
    const connection = this.#adopt(socket, true);
    this.#notices.depth++;
    try {
      const { family, text: host } = address;
      socket.connect({ host, port, family, autoSelectFamily: false });
      this.#acceptor.noteSocket();
    } catch (error) {
      connection.errorCode = systemErrorCode(error);
      socket.destroy();
    } finally {
      this.#notices.depth--;
    }
    return connection.id;
  }

  write(id: ConnectionId, bytes: Uint8Array): boolean {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isWriteClosing || bytes.length === 0) return true;
    if (connection.socket.destroyed) return true;
    // The socket keeps what it is given until the kernel has it, and the caller's bytes are the caller's.
    // It tells a drain only of what filled it; for what waits for the connection, and what follows that, the write tells it.
    if (connection.isConnecting) connection.owesDrain = true;
    if (connection.owesDrain) {
      connection.socket.write(new Uint8Array(bytes), connection.onWritten);
      return false;
    }
    connection.owesDrain = !connection.socket.write(new Uint8Array(bytes));
    return !connection.owesDrain;
  }

  closeWrite(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isWriteClosing) return;
    connection.isWriteClosing = true;
    connection.socket.end();
  }

  close(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined) return;
    this.#forget(connection);
    this.#ids.release(id);
    const { socket } = connection;
    if (connection.isConnecting || socket.writableLength === 0) return void socket.destroy();
    connection.lingerTimer = setTimeout(() => socket.resetAndDestroy(), LINGER_MS);
    socket.once("finish", () => socket.destroy());
    socket.end();
    // What comes is read and dropped: closing with unread bytes would be a reset, which takes back what was sent.
    socket.resume();
  }

  reset(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined) return;
    this.#forget(connection);
    this.#ids.release(id);
    // A reset of a dial would wait for its success.
    if (connection.isConnecting) connection.socket.destroy();
    else connection.socket.resetAndDestroy();
  }

  pause(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || connection.isPaused) return;
    connection.isPaused = true;
    connection.socket.pause();
  }

  resume(id: ConnectionId): void {
    const connection = this.#connections[id];
    if (connection === undefined || !connection.isPaused) return;
    connection.isPaused = false;
    connection.socket.resume();
    this.#notices.resumed(connection);
  }

  queuedBytes(id: ConnectionId): number {
    // What a write that returned true left with the socket is on its way and tells no drain: who saw it here and waited
    // for one would wait for ever.
    const connection = this.#connections[id];
    return connection?.owesDrain === true ? connection.socket.writableLength : 0;
  }

  localAddress(id: ConnectionId): SocketAddress | undefined {
    const socket = this.#connections[id]?.socket;
    return socketAddress(socket?.localAddress, socket?.localPort);
  }

  wakeAt(timeMs: number): void {
    this.#wake.wakeAt(timeMs);
  }

  #onAccept(socket: Socket): void {
    const client = socketAddress(socket.remoteAddress, socket.remotePort);
    const local = socketAddress(socket.localAddress, socket.localPort);
    if (client === undefined || local === undefined) return void socket.destroy(); // It is gone already.
    const { id } = this.#adopt(socket, false);
    this.#handler.onAccept(id, client);
    this.#acceptor.noteSocket();
  }

  /** Gives a socket its id and hears it to its end. */
  #adopt(socket: Socket, isConnecting: boolean): Connection {
    const connection = new Connection(this.#ids.take(), socket, isConnecting);
    this.#connections[connection.id] = connection;
    this.#socketCount++;
    socket.on("connect", () => {
      connection.isConnecting = false;
      socket.setNoDelay(true);
      if (connection.isKnown) this.#notices.connected(connection);
    });
    socket.on("data", (bytes: Uint8Array) => {
      // No Buffer: its slice() would be a view, where the core means a copy.
      const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (connection.isKnown) this.#notices.data(connection, plain);
    });
    socket.on("end", () => {
      connection.hasEnded = true;
      if (connection.isKnown) this.#notices.ended(connection);
    });
    connection.onWritten = () => {
      if (!connection.owesDrain || !connection.isKnown || socket.destroyed || socket.writableLength > 0) return;
      connection.owesDrain = false;
      this.#notices.drained(connection);
    };
    socket.on("drain", connection.onWritten);
    socket.on("finish", connection.onWritten); // After end() there is no `drain`.
    socket.on("error", (error) => connection.errorCode = systemErrorCode(error));
    socket.on("close", (hadError: boolean) => {
      this.#socketCount--;
      clearTimeout(connection.lingerTimer);
      if (!connection.isKnown) return;
      if (connection.isConnecting) return this.#notices.failed(connection, connectFailureOf(connection.errorCode));
      this.#notices.closed(connection, hadError || !connection.hasEnded || !connection.isWriteClosing);
    });
    return connection;
  }

  #forget(connection: Connection): void {
    this.#connections[connection.id] = undefined;
    connection.isKnown = false;
    connection.untoldBytes = undefined;
  }
}

function socketAddress(text: string | undefined, port: number | undefined): SocketAddress | undefined {
  const address = text === undefined ? undefined : IpAddress.parse(text);
  return address === undefined || port === undefined ? undefined : { address, port };
}
