// Owns how a test connects: over TCP, to an address, with nothing sent of itself.
import { connect } from "node:net";
import { within } from "./deadline.ts";
import { RawConnection } from "./raw_connection.ts";

/** Where to connect. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Connects, or rejects with the system's reason (`error.code` is ECONNREFUSED and the like). */
export async function connectRaw(endpoint: Endpoint): Promise<RawConnection> {
  const socket = connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true });
  // Made at once: a peer that speaks first must not lose its first octets.
  const connection = new RawConnection(socket);
  await within(
    `a connection to ${endpoint.host}:${endpoint.port}`,
    new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    }),
  );
  return connection;
}
