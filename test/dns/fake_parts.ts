// Owns stand-ins for what the resolver needs of the machine: a clock that is set, files in memory, a scripted transport.
import { IpAddress } from "../../src/address/ip_address.ts";
import type { Clock, DnsTransport, Files, SocketAddress } from "../../src/runtime/runtime.ts";
import { encodeStubAnswer, readStubQuery, type StubAnswer, type StubQuery } from "../support/dns_stub.ts";

export class FakeClock implements Clock {
  timeMs = 1_000_000.5;

  nowMs(): number {
    return this.timeMs;
  }

  epochMs(): number {
    return this.timeMs;
  }
}

export class FakeFiles implements Files {
  readonly #texts = new Map<string, { text: string; stamp: number }>();
  readonly broken = new Set<string>();
  /** Every call, in order: "stamp /etc/hosts", "read /etc/hosts". */
  readonly calls: string[] = [];
  #stamps = 0;

  constructor(texts: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries(texts)) this.write(path, text);
  }

  write(path: string, text: string): void {
    this.#texts.set(path, { text, stamp: ++this.#stamps });
  }

  remove(path: string): void {
    this.#texts.delete(path);
  }

  readText(path: string): Promise<string | undefined> {
    this.calls.push(`read ${path}`);
    if (this.broken.has(path)) return Promise.reject(new Error("EACCES: permission denied"));
    return Promise.resolve(this.#texts.get(path)?.text);
  }

  stamp(path: string): Promise<string | undefined> {
    this.calls.push(`stamp ${path}`);
    return Promise.resolve(this.#texts.get(path)?.stamp.toString());
  }
}

/** One exchange that was asked of the transport. */
export interface FakeExchange extends StubQuery {
  /** "192.0.2.53:53" */
  readonly server: string;
}

/** What the transport does: answers as a stub would, says nothing until it is given up, or fails. */
export type FakeReply = StubAnswer | "unreachable" | "throws" | "deaf" | Promise<StubAnswer>;

/** A transport whose servers are one function. It never answers in the same turn. */
export class FakeTransport implements DnsTransport {
  readonly exchanges: FakeExchange[] = [];
  readonly queries: Uint8Array[] = [];
  openCount = 0;
  mostOpen = 0;
  readonly #reply: (exchange: FakeExchange) => FakeReply;

  constructor(reply: (exchange: FakeExchange) => FakeReply) {
    this.#reply = reply;
  }

  exchangeUdp(
    server: SocketAddress,
    query: Uint8Array,
    accept: (answer: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#exchange(server, query, "udp", accept, signal);
  }

  exchangeTcp(server: SocketAddress, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return this.#exchange(server, query, "tcp", () => true, signal);
  }

  #exchange(
    server: SocketAddress,
    query: Uint8Array,
    transport: "udp" | "tcp",
    accept: (answer: Uint8Array) => boolean,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const read = readStubQuery(query, transport);
    if (read === undefined) throw new Error("The query is malformed");
    const exchange = { ...read, server: `${server.address.text}:${server.port}` };
    this.exchanges.push(exchange);
    this.queries.push(query);
    const reply = this.#reply(exchange);
    if (reply === "throws") throw new Error("EMFILE: too many open files");
    this.openCount += 1;
    this.mostOpen = Math.max(this.mostOpen, this.openCount);
    return new Promise<Uint8Array>((resolve, reject) => {
      if (reply === "deaf") return;
      if (reply === "unreachable") return queueMicrotask(() => reject(new Error("ECONNREFUSED")));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void Promise.resolve(reply).then((said) => {
        if (said.silent === true) return;
        for (const message of encodeStubAnswer(query, said, transport)) if (accept(message)) return resolve(message);
      });
    }).finally(() => this.openCount -= 1);
  }
}

/** An address of a test's own text. */
export function ip(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

/** A name server's socket address. */
export function server(text: string, port = 53): SocketAddress {
  return { address: ip(text), port };
}
