// Owns the server for a few requests, on Deno. Knows nothing of what it serves.
import { IpAddress } from "../../address/ip_address.ts";
import { getByHttp } from "../node/http_get.ts";
import { listenAnywhere } from "../node/listen_anywhere.ts";
import type { Http, HttpHandler, HttpListener } from "../runtime.ts";

/** HTTP on Deno. */
export const denoHttp: Http = {
  serve: (address, port, handle) => listenAnywhere(address, port, (hostname) => open(hostname, port, handle)),
  get: getByHttp,
};

function open(hostname: string, port: number, handle: HttpHandler): HttpListener {
  const ended = new AbortController();
  const server = Deno.serve({
    hostname,
    port,
    signal: ended.signal,
    onListen: () => {}, // It would print a line.
    onError: () => new Response("internal error\n", { status: 500 }),
  }, handle);
  return {
    address: IpAddress.parse(hostname)!,
    port: server.addr.port,
    close: () => ended.abort(),
  };
}
