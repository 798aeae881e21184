// Owns HTTP for a few requests, on node:http, which either runtime brings. Knows nothing of what it serves.
//
// Bun.serve and Deno.serve say nothing of connections that have not asked yet, so their number can't be bounded there; and
// a descriptor that somebody holds here is one that the data plane does not have.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { IpAddress } from "../../address/ip_address.ts";
import type { Http, HttpHandler, HttpLimits, HttpListener } from "../runtime.ts";
import { builtin } from "./builtin.ts";
import { getByHttp } from "./http_get.ts";
import { HttpPlaces } from "./http_places.ts";
import { listenAnywhere } from "./listen_anywhere.ts";

/** A Host field's value that can stand in a URL and be nothing else there. */
const HOST = /^[^\s/?#@\\]+$/;

/** What a runtime has to do for a server that listens; returns what ends it. */
export type WatchServer = (server: Server) => () => void;

/** Makes HTTP of what the runtime's node:http needs. */
export function createHttp(watch: WatchServer = () => () => {}): Http {
  return {
    serve: (address, port, handle, limits) =>
      listenAnywhere(address, port, async (hostname) => {
        const server = createHttpServer(handle, limits);
        await listen(server, hostname, port);
        return listenerOf(server, hostname, watch(server));
      }),
    get: getByHttp,
  };
}

function listenerOf(server: Server, hostname: string, endWatch: () => void): HttpListener {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("Cannot read the listener's address");
  return {
    address: IpAddress.parse(hostname)!,
    port: bound.port,
    close() {
      endWatch();
      server.close();
      server.closeAllConnections();
    },
  };
}

function createHttpServer(handle: HttpHandler, { maxConnections, patienceMs }: HttpLimits): Server {
  const places = new HttpPlaces<Socket>(maxConnections);
  const server = builtin("node:http").createServer({
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    connectionsCheckingInterval: patienceMs / 2,
  });
  server.on("connection", (socket: Socket) => {
    places.take(socket);
    socket.on("close", () => places.drop(socket));
  });
  server.on("request", (message, response) => {
    const { socket } = message;
    // One that asks again before it has its answer (pipelining) could ask for more than memory holds.
    if (!places.begin(socket)) return void socket.destroy();
    let timer: ReturnType<typeof setTimeout> | undefined;
    response.on("close", () => {
      places.end(socket);
      clearTimeout(timer);
    });
    void answer(message, response, handle).then(() => {
      // Whoever never takes its answer is not waited for.
      if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), patienceMs);
    });
  });
  return server;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on("error", reject); // It stays: an error of a later accept() ends nothing.
    server.listen({ host, port }, resolve);
  });
}

/** Answers one request. Never rejects. */
async function answer(message: IncomingMessage, response: ServerResponse, handle: HttpHandler): Promise<void> {
  const { status, headers, body } = await replyTo(message, handle);
  for (const [name, value] of headers) response.setHeader(name, value);
  response.setHeader("content-length", body.length);
  // Nobody has a body to send: what comes of one is not waited for.
  if (hasBody(message)) response.setHeader("connection", "close");
  response.writeHead(status);
  response.end(body);
}

interface Reply {
  readonly status: number;
  readonly headers: Iterable<[string, string]>;
  readonly body: Uint8Array;
}

async function replyTo(message: IncomingMessage, handle: HttpHandler): Promise<Reply> {
  const request = requestOf(message);
  if (request === undefined) return plain(400, "bad request\n");
  try {
    const { status, headers, body } = await handle(request);
    return { status, headers, body: new Uint8Array(await new Response(body).arrayBuffer()) };
  } catch {
    return plain(500, "internal error\n");
  }
}

function plain(status: number, text: string): Reply {
  return { status, headers: [["content-type", "text/plain; charset=utf-8"]], body: new TextEncoder().encode(text) };
}

/** The request without its body; undefined where it is none that a URL can be made of, or its method is not allowed by Fetch. */
function requestOf({ method, url = "", headers }: IncomingMessage): Request | undefined {
  const { host = "localhost" } = headers; // HTTP/1.0 has none.
  try {
    if (!HOST.test(host)) return undefined;
    const fields = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one])
    );
    return new Request(url.startsWith("/") ? `http://${host}${url}` : url, { method: method!, headers: fields });
  } catch {
    return undefined;
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
