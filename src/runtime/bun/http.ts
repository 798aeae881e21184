// Owns the server for a few requests, on Bun. Knows nothing of what it serves.
import { IpAddress } from "../../address/ip_address.ts";
import { getByHttp } from "../node/http_get.ts";
import { listenAnywhere } from "../node/listen_anywhere.ts";
import type { Http, HttpHandler, HttpListener } from "../runtime.ts";

/** A connection that is silent for so long is closed. */
const SILENCE_SECONDS = 10;

/** Nobody has a body to send. */
const MAX_BODY_BYTES = 1024;

/** HTTP on Bun. */
export const bunHttp: Http = {
  serve: (address, port, handle) => listenAnywhere(address, port, (hostname) => open(hostname, port, handle)),
  get: getByHttp,
};

function open(hostname: string, port: number, handle: HttpHandler): HttpListener {
  const server = Bun.serve({
    hostname,
    port,
    idleTimeout: SILENCE_SECONDS,
    maxRequestBodySize: MAX_BODY_BYTES,
    development: false,
    reusePort: false, // Outside development Bun (1.4.5) shares the port with whoever else does, and a taken one is no error.
    fetch: handle,
    error: () => new Response("internal error\n", { status: 500 }),
  });
  return {
    address: IpAddress.parse(hostname)!,
    port: server.port ?? port,
    close: () => void server.stop(true),
  };
}
