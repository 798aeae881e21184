// Owns name servers on loopback that do as a case says, by node:dgram and node:net. They know no DNS.
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../../src/runtime/runtime.ts";
import { address } from "./engine_kit.ts";

/** Where a datagram came from. */
export interface Source {
  readonly address: string;
  readonly port: number;
}

/** A server of datagrams. */
export class UdpServer {
  readonly #socket: Datagrams;
  readonly sources: Source[] = [];

  private constructor(socket: Datagrams) {
    this.#socket = socket;
  }

  /** `onQuery` is called with each datagram. */
  static listen(
    host: string,
    onQuery: (server: UdpServer, query: Uint8Array, source: Source) => void = () => {},
  ): Promise<UdpServer> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const server = new UdpServer(socket);
    socket.on("message", (query: Uint8Array, source: Source) => {
      server.sources.push(source);
      onQuery(server, new Uint8Array(query), source);
    });
    return new Promise((resolve) => socket.bind(0, host, () => resolve(server)));
  }

  get at(): SocketAddress {
    const bound = this.#socket.address();
    return { address: address(bound.address), port: bound.port };
  }

  send(bytes: Uint8Array, to: Source): void {
    this.#socket.send(bytes, to.port, to.address);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

/** A server of TCP connections. */
export class TcpServer {
  readonly #server: Server;
  readonly sockets: Socket[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `onQuery` is called with each piece of what is received. */
  static listen(host: string, onQuery: (socket: Socket, bytes: Uint8Array) => void = () => {}): Promise<TcpServer> {
    const raw = createServer((socket: Socket) => {
      server.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (bytes: Uint8Array) => onQuery(socket, new Uint8Array(bytes)));
    });
    const server = new TcpServer(raw);
    return new Promise((resolve) => raw.listen(0, host, () => resolve(server)));
  }

  get at(): SocketAddress {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error("Not listening");
    return { address: address(bound.address), port: bound.port };
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
