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

/** How many requests of one connection may wait for the answer to an earlier one: more could ask for more than memory holds. */
const MAX_WAITING = 8;

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
  // Who has shut its sending side still wants its answer; node's types leave the property out.
  Object.assign(server, { httpAllowHalfOpen: true });
  // The requests of a connection that have no answer yet (pipelining): the first is being answered, the others wait.
  const lines = new WeakMap<Socket, (() => void)[]>();
  server.on("request", (message, response) => {
    const { socket } = message;
    const line = lines.get(socket) ?? [];
    lines.set(socket, line);
    if (line.length > MAX_WAITING) return void socket.destroy();
    let timer: ReturnType<typeof setTimeout> | undefined;
    response.on("close", () => {
      clearTimeout(timer);
      places.end(socket);
      line.shift();
      line[0]?.();
    });
    line.push(() => {
      // It has closed, or the answer before this one was its last.
      if (socket.destroyed || !places.begin(socket)) return;
      void answer(message, response, handle).then(() => {
        // Whoever never takes its answer is not waited for.
        if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), patienceMs);
      });
    });
    if (line.length === 1) line[0]!();
  });
  server.on("connect", (_message, socket) => {
    // Nobody else listens to a socket that is handed over, and an error that nobody hears ends the process.
    socket.on("error", () => {});
    const { status, headers, body } = NOT_ALLOWED;
    const fields = [...headers, ["content-length", body.length], ["connection", "close"]];
    const head = [`HTTP/1.1 ${status} Method Not Allowed`, ...fields.map((field) => field.join(": ")), "", ""];
    socket.write(head.join("\r\n"));
    socket.end(body, () => socket.destroy());
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
  if (message.method === "TRACE") return NOT_ALLOWED;
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

/** To the methods that Fetch knows no request of; GET and HEAD are what every server has (RFC 9110 §9.1). */
const NOT_ALLOWED: Reply = (() => {
  const { headers, body } = plain(405, "method not allowed\n");
  return { status: 405, headers: [...headers, ["allow", "GET, HEAD"]], body };
})();

/** The request without its body; undefined where it is none that a URL can be made of, or its method is not allowed by Fetch. */
function requestOf({ method, url = "", headers, rawHeaders }: IncomingMessage): Request | undefined {
  const { host = "localhost" } = headers; // HTTP/1.0 has none.
  try {
    const hosts = rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === "host");
    if (hosts.length > 1 || !HOST.test(host)) return undefined; // RFC 9112 §3.2
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
