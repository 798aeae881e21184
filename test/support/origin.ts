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

/** Where the proxies of the tests listen. */
const PROXY_ADDRESS = "127.0.0.1";
/** How many ports are tried that are free for a proxy, for one that is free here too. */
const MOST_TRIES = 20;

async function listen(server: Server, port: number, address: string): Promise<number> {
  await within(
    `a listener on ${address}`,
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, () => {
        server.off("error", reject);
        resolve();
      });
    }),
  );
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The listener has no port");
  return bound.port;
}

/** A raw server on loopback. */
export class Origin implements AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** All connections that ever came, in order. */
  readonly connections: RawConnection[] = [];
  /** All complete requests that ever came to an answering origin, in order. */
  readonly requests: HttpRequest[] = [];
  readonly #servers: readonly Server[];
  readonly #changed: Signal;
  #taken = 0;

  private constructor(servers: readonly Server[], changed: Signal, address: string, port: number) {
    this.#servers = servers;
    this.#changed = changed;
    this.address = address;
    this.port = port;
  }

  /** Starts one. */
  static async start(options: OriginOptions = {}): Promise<Origin> {
    const address = options.address ?? PROXY_ADDRESS;
    const changed = new Signal();
    const server = createServer({ allowHalfOpen: true });
    const servers = [server];
    let port = options.port ?? 0;
    for (;;) {
      // The port is kept from a proxy's: one on another address of this machine with the same port is taken for the proxy.
      if (options.port === undefined && ![PROXY_ADDRESS, "0.0.0.0", "::"].includes(address)) {
        const keeper = createServer();
        port = await listen(keeper, 0, PROXY_ADDRESS);
        servers.push(keeper);
      }
      try {
        port = await listen(server, port, address);
        break;
      } catch (error) {
        if (servers.length === 1 || servers.length > MOST_TRIES) throw error;
      }
    }
    const origin = new Origin(servers, changed, address, port);
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
    for (const server of this.#servers) server.close();
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
