// Owns how packets go to a name server and come back. Knows nothing of what is in them but the length before a TCP message.
import { formatSocketAddress, IpAddress } from "../../address/ip_address.ts";
import type { DnsTransport, SocketAddress } from "../runtime.ts";
import { builtin } from "./builtin.ts";

/** Packets by node:dgram and node:net. */
export const systemDns: DnsTransport = { exchangeUdp, exchangeTcp };

/**
 * The socket is connected, so that the kernel drops what others send and reports a refusal. Deno 2.9 only pretends to
 * connect: there the check of the source is ours alone, and a refusal is not noticed before the deadline.
 */
function exchangeUdp(
  server: SocketAddress,
  query: Uint8Array,
  accept: (answer: Uint8Array) => boolean,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = builtin("node:dgram").createSocket(server.address.family === 4 ? "udp4" : "udp6");
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    let isSettled = false;

    function settle(how: () => void): void {
      if (isSettled) return;
      isSettled = true;
      signal.removeEventListener("abort", onAbort);
      try {
        socket.close();
      } catch {
        // It never was open.
      }
      how();
    }
    function fail(error: unknown): void {
      settle(() => reject(exchangeError(server, error)));
    }

    socket.on("error", fail);
    socket.on("message", (answer, source) => {
      if (isSettled || source.port !== server.port) return;
      if (IpAddress.parse(source.address)?.equals(server.address) !== true) return;
      try {
        if (accept(answer)) settle(() => resolve(new Uint8Array(answer)));
      } catch (error) {
        settle(() => reject(error));
      }
    });
    try {
      socket.connect(server.port, server.address.text, () => {
        if (isSettled) return;
        socket.send(query, (error) => {
          if (error !== null && error !== undefined) fail(error);
        });
      });
    } catch (error) {
      fail(error);
    }
  });
}

function exchangeTcp(server: SocketAddress, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = new (builtin("node:net").Socket)();
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    let received = new Uint8Array(0);
    let isSettled = false;

    function settle(how: () => void): void {
      if (isSettled) return;
      isSettled = true;
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      how();
    }

    socket.on("error", (error) => settle(() => reject(exchangeError(server, error))));
    socket.on("close", () => settle(() => reject(exchangeError(server, "connection closed before a whole answer"))));
    socket.on("data", (bytes: Uint8Array) => {
      received = joined(received, bytes);
      const message = lengthPrefixedMessage(received);
      if (message !== undefined) settle(() => resolve(message));
    });
    socket.connect({ host: server.address.text, port: server.port, family: server.address.family });
    socket.write(withLength(query));
  });
}

/** The message behind its two octets of length (RFC 1035 §4.2.2) once it is whole. */
function lengthPrefixedMessage(bytes: Uint8Array): Uint8Array | undefined {
  const [high, low] = bytes;
  if (high === undefined || low === undefined) return undefined;
  const lengthBytes = high * 256 + low;
  return bytes.length < 2 + lengthBytes ? undefined : bytes.slice(2, 2 + lengthBytes);
}

function withLength(message: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(message.length >> 8, message.length & 255), message);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function exchangeError(server: SocketAddress, cause: unknown): Error {
  const place = formatSocketAddress(server.address, server.port);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot ask name server "${place}": ${reason}`, { cause });
}
