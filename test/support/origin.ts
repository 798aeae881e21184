// Owns the test's own servers on loopback: raw listeners whose every connection a test drives step by step, or that
// answer each request with the same octets. Records exactly what came.
import { createServer, type Server } from "node:net";
import { Signal, within } from "./deadline.ts";
import { RawConnection } from "./raw_connection.ts";
import type { HttpRequest } from "./http_message.ts";

/** What an origin does by itself. */
export interface OriginOptions {
  /** The address to listen on; 127.0.0.1 unless told. */
  readonly address?: string;
  /** The port; a free one unless told. */
  readonly port?: number;
  /** Sent in answer to each complete request; without it the test drives each connection. */
  readonly answer?: string | ((request: HttpRequest) => string);
}

/** An answer of 200 with a body of known length. */
export const OK_ANSWER = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok";

/** A raw server on loopback. */
export class Origin implements AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** All connections that ever came, in order. */
  readonly connections: RawConnection[] = [];
  /** All complete requests that ever came to an answering origin, in order. */
  readonly requests: HttpRequest[] = [];
  readonly #server: Server;
  readonly #changed: Signal;
  #taken = 0;

  private constructor(server: Server, changed: Signal, address: string, port: number) {
    this.#server = server;
    this.#changed = changed;
    this.address = address;
    this.port = port;
  }

  /** Starts one. */
  static async start(options: OriginOptions = {}): Promise<Origin> {
    const address = options.address ?? "127.0.0.1";
    const changed = new Signal();
    const server = createServer({ allowHalfOpen: true });
    await within(
      `a listener on ${address}`,
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(options.port ?? 0, address, resolve);
      }),
    );
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("The listener has no port");
    const origin = new Origin(server, changed, address, bound.port);
    server.on("connection", (socket) => {
      const connection = new RawConnection(socket);
      origin.connections.push(connection);
      changed.notify();
      if (options.answer !== undefined) void origin.#answer(connection, options.answer);
    });
    return origin;
  }

  /** `address:port`, with brackets where they belong. */
  get authority(): string {
    return this.address.includes(":") ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`;
  }

  /** Everything that any connection ever got. */
  get received(): string {
    return this.connections.map((connection) => connection.received).join("");
  }

  /** Waits for the next connection. */
  accept(): Promise<RawConnection> {
    return this.#changed.wait("a connection at the origin", () => {
      const connection = this.connections[this.#taken];
      if (connection !== undefined) this.#taken++;
      return connection;
    });
  }

  /** Waits for the next connection and its first request. */
  async acceptRequest(): Promise<{ upstream: RawConnection; request: HttpRequest }> {
    const upstream = await this.accept();
    return { upstream, request: await upstream.readRequest() };
  }

  /** Closes the listener and every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const connection of this.connections) await connection[Symbol.asyncDispose]();
  }

  async #answer(connection: RawConnection, answer: string | ((request: HttpRequest) => string)): Promise<void> {
    try {
      while (connection.ending === undefined) {
        const request = await connection.readRequest();
        if (!request.complete) break;
        this.requests.push(request);
        this.#changed.notify();
        await connection.send(typeof answer === "string" ? answer : answer(request));
      }
      connection.finish();
    } catch {
      // The peer left, was silent to the deadline, or sent what is no request: the test sees it in `received`.
      connection.finish();
    }
  }
}
