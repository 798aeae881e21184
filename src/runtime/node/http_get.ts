// Owns one question to an HTTP server by a plain socket: fetch() would obey HTTP_PROXY and follow redirects.
import { formatSocketAddress } from "../../address/ip_address.ts";
import type { HttpAnswer, SocketAddress } from "../runtime.ts";
import { builtin } from "./builtin.ts";

/** More than any answer that is asked for has. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks `GET path` and reads until the server closes. Rejects with an Error of a few words. */
export function getByHttp(server: SocketAddress, path: string, limitMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const socket = new (builtin("node:net").Socket)();
    const decoder = new TextDecoder();
    let text = "";
    const timer = setTimeout(() => settle("no answer in time"), limitMs);

    function settle(failure: string | undefined): void {
      clearTimeout(timer);
      socket.destroy();
      const answer = failure === undefined ? parseAnswer(text) : undefined;
      if (answer !== undefined) resolve(answer);
      else reject(new Error(failure ?? "the answer is not HTTP"));
    }

    socket.on("error", (error: NodeJS.ErrnoException) => {
      settle(error.code === "ECONNREFUSED" ? "connection refused" : error.message);
    });
    socket.on("data", (bytes: Uint8Array) => {
      text += decoder.decode(bytes, { stream: true });
      if (text.length > MAX_ANSWER_BYTES) settle("the answer is too long");
    });
    socket.on("end", () => settle(undefined));
    socket.on("close", () => settle(undefined));
    socket.connect({ host: server.address.text, port: server.port, family: server.address.family });
    const host = formatSocketAddress(server.address, server.port);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}

/** The status and what is behind the head; undefined where the head is not one or not whole. */
function parseAnswer(text: string): HttpAnswer | undefined {
  const [, status, body] = /^HTTP\/1\.[01] ([0-9]{3})[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([\s\S]*)$/.exec(text) ?? [];
  return status === undefined || body === undefined ? undefined : { status: Number(status), body };
}
