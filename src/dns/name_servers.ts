// Owns asking: which server next, for how long, UDP or TCP. Knows no cache and no waiter.
import type { IpAddress } from "../address/ip_address.ts";
import type { DnsTransport, SocketAddress } from "../runtime/runtime.ts";
import { encodeQuery, isAnswerTo, parseAnswer, type ParsedAnswer, type Query, type RecordType } from "./message.ts";
import type { ServerSettings } from "./resolv_conf.ts";

/** What all servers together said about one name and type. `failed`: the last of those that answered. */
export type Outcome =
  | { readonly kind: "addresses"; readonly addresses: readonly IpAddress[]; readonly ttlSeconds: number }
  | { readonly kind: "none"; readonly reason: "NXDOMAIN" | "no data" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "unreachable" };

/** What became of one exchange with one server. */
type Exchanged = Uint8Array | "timeout" | "unreachable";

/** The asking of name servers. */
export class NameServers {
  readonly #dns: DnsTransport;
  #rotation = 0;
  #queryCount = 0;

  constructor(dns: DnsTransport) {
    this.#dns = dns;
  }

  /** Messages sent so far, repeats and TCP included. */
  get queryCount(): number {
    return this.#queryCount;
  }

  /** The settings for one look-up, the same for its two families: the servers begin with the next one where they rotate. */
  plan(settings: ServerSettings): ServerSettings {
    const { servers, rotate } = settings;
    if (!rotate) return settings;
    const first = this.#rotation++ % servers.length;
    return { ...settings, servers: [...servers.slice(first), ...servers.slice(0, first)] };
  }

  /**
   * Asks one server after the other until one has the last word; NXDOMAIN and "no data" are such. Silence, SERVFAIL,
   * REFUSED, an unreachable server and a broken answer send it on to the next. `name` is askable. Ends soon after `signal`.
   * The order is kept whatever happened before: were a silent server put behind the others, a slow name chosen by a
   * client could move every look-up to a server that the operator put last.
   */
  async ask(name: string, type: RecordType, plan: ServerSettings, signal: AbortSignal): Promise<Outcome> {
    let outcome: Outcome = { kind: "unreachable" };
    for (let attempt = 0; attempt < plan.attempts; attempt++) {
      for (const server of plan.servers) {
        if (signal.aborted) return outcome.kind === "failed" ? outcome : { kind: "timeout" };
        const next = await this.#askServer(server, name, type, plan.attemptTimeoutMs, signal);
        if (next.kind === "addresses" || next.kind === "none") return next;
        if (next.kind === "failed" || outcome.kind === "unreachable") outcome = next;
      }
    }
    return outcome;
  }

  async #askServer(
    server: SocketAddress,
    name: string,
    type: RecordType,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Outcome> {
    let said = await this.#askByUdp(server, name, type, true, timeoutMs, signal);
    if (said.kind === "failed" && (said.reason === "FORMERR" || said.reason === "NOTIMP")) {
      said = await this.#askByUdp(server, name, type, false, timeoutMs, signal); // it knows no EDNS (RFC 6891 §7)
    }
    if (said.kind !== "truncated") return said;
    const query = makeQuery(name, type, true);
    const overTcp = await this.#exchange(
      (own) => this.#dns.exchangeTcp(server, query.bytes, own),
      timeoutMs,
      signal,
    );
    const full = readExchanged(query, overTcp);
    return full.kind === "truncated" ? { kind: "failed", reason: "malformed answer" } : full;
  }

  async #askByUdp(
    server: SocketAddress,
    name: string,
    type: RecordType,
    edns: boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Outcome | ParsedAnswer> {
    const query = makeQuery(name, type, edns);
    const exchanged = await this.#exchange(
      (own) => this.#dns.exchangeUdp(server, query.bytes, (answer) => isAnswerTo(query, answer), own),
      timeoutMs,
      signal,
    );
    return readExchanged(query, exchanged);
  }

  /** Ends at the time limit whatever the transport does: a promise that never settles must hold up nobody. */
  #exchange(
    start: (signal: AbortSignal) => Promise<Uint8Array>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Exchanged> {
    if (signal.aborted) return Promise.resolve("timeout");
    this.#queryCount += 1;
    return new Promise((resolve) => {
      const own = new AbortController();
      const timer = setTimeout(() => end("timeout"), timeoutMs);
      signal.addEventListener("abort", stop);
      Promise.try(start, own.signal).then(end, () => end("unreachable"));

      function stop(): void {
        end("timeout");
      }
      function end(exchanged: Exchanged): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        resolve(exchanged);
        own.abort();
      }
    });
  }
}

/** Each message has an id of its own, so that no answer to one attempt is of use against another (RFC 5452 §9.2). */
function makeQuery(name: string, type: RecordType, edns: boolean): Query {
  const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
  const query = encodeQuery(name, type, id, edns);
  if (query === undefined) throw new Error(`Asking for "${name}": the name has no wire form`);
  return query;
}

function readExchanged(query: Query, exchanged: Exchanged): Outcome | ParsedAnswer {
  return typeof exchanged === "string" ? { kind: exchanged } : parseAnswer(query, exchanged);
}
