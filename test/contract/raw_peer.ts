// Owns the other end of a connection in contract cases: a plain node:net socket that says exactly what it saw.
import { connect, createServer, type Server, type Socket } from "node:net";
import { DEADLINE_MS } from "./engine_watch.ts";

/** One end of a connection, outside the engine. */
export class RawPeer {
  readonly socket: Socket;
  readonly parts: Uint8Array[] = [];
  receivedCount = 0;
  hasEnded = false;
  isClosed = false;
  errorCode: string | undefined;
  #wake: (() => void)[] = [];

  /** Reads at once unless it is told to pause. */
  constructor(socket: Socket, options: { readonly isPaused?: boolean } = {}) {
    this.socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.parts.push(new Uint8Array(bytes));
      this.receivedCount += bytes.length;
      this.#changed();
    });
    socket.on("end", () => {
      this.hasEnded = true;
      this.#changed();
    });
    socket.on("error", (error: Error & { readonly code?: string }) => {
      this.errorCode = error.code ?? error.message;
      this.#changed();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#changed();
    });
    socket.on("connect", () => this.#changed());
    socket.on("drain", () => this.#changed());
    if (options.isPaused) socket.pause();
  }

  /** Connects; resolves when it is connected or has failed. */
  static async connect(host: string, port: number, options: { readonly isPaused?: boolean } = {}): Promise<RawPeer> {
    const peer = new RawPeer(connect({ host, port, allowHalfOpen: true, noDelay: true }), options);
    await peer.until("connection", () => !peer.socket.connecting || peer.errorCode !== undefined);
    return peer;
  }

  get received(): Uint8Array {
    const all = new Uint8Array(this.receivedCount);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Sends FIN, behind these bytes. */
  end(bytes?: Uint8Array | string): void {
    if (bytes === undefined) this.socket.end();
    else this.socket.end(bytes);
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves once the condition holds; asked whenever something happens to the socket. */
  until(what: string, condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen =
          `${this.receivedCount} bytes, end ${this.hasEnded}, error ${this.errorCode}, closed ${this.isClosed}`;
        reject(new Error(`Peer saw no ${what}: ${seen}`));
      }, DEADLINE_MS);
      const ask = () => {
        if (!condition()) return this.#wake.push(ask);
        clearTimeout(timer);
        resolve();
      };
      this.#wake.push(ask);
    });
  }

  untilEnd(): Promise<void> {
    return this.until("end", () => this.hasEnded);
  }

  untilReset(): Promise<void> {
    return this.until("reset", () => this.errorCode !== undefined);
  }

  untilReceived(count: number): Promise<void> {
    return this.until(`${count} bytes`, () => this.receivedCount >= count);
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const ask of wake) ask();
  }
}

/** A listener outside the engine; each client of it is a peer. */
export class RawServer {
  readonly server: Server;
  readonly peers: RawPeer[] = [];
  #waiting: ((peer: RawPeer) => void)[] = [];

  private constructor(options: { readonly isPaused?: boolean }) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: options.isPaused ?? false });
    this.server.on("connection", (socket: Socket) => {
      const peer = new RawPeer(socket, options);
      this.peers.push(peer);
      this.#waiting.shift()?.(peer);
    });
  }

  static listen(host: string, options: { readonly isPaused?: boolean } = {}): Promise<RawServer> {
    const raw = new RawServer(options);
    return new Promise((resolve, reject) => {
      raw.server.once("error", reject);
      raw.server.listen(0, host, () => resolve(raw));
    });
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("Not listening");
    return address.port;
  }

  /** The next client. */
  accepted(): Promise<RawPeer> {
    const accepted = new Promise<RawPeer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("Nobody connected")), DEADLINE_MS);
      this.#waiting.push((peer) => {
        clearTimeout(timer);
        resolve(peer);
      });
    });
    accepted.catch(() => {}); // A case that has failed no longer waits for it.
    return accepted;
  }

  close(): void {
    this.server.close();
    for (const peer of this.peers) peer.socket.destroy();
  }
}
