// Owns resolution: names to answers by /etc/hosts, cache and name servers, one look-up in flight for each name and a
// bounded number in all. Decides nothing about what is allowed; whoever calls has judged the name already.
import type { Clock, DnsTransport, Files, SocketAddress } from "../runtime/runtime.ts";
import type { Answer, NameResolver } from "./answer.ts";
import { AnswerCache } from "./answer_cache.ts";
import { combineFamilies } from "./combine_families.ts";
import { FILE_CHECK_INTERVAL_MS, LocalNames } from "./local_names.ts";
import { isAskable, RECORD_TYPE } from "./message.ts";
import { NameServers, type Outcome } from "./name_servers.ts";
import { DEFAULT_ATTEMPT_TIMEOUT_MS, DEFAULT_ATTEMPTS, type ServerSettings } from "./resolv_conf.ts";

/**
 * How long IPv6 addresses are waited for once the IPv4 ones are there. RFC 8305 §3 says 50 ms for hosts that take late
 * addresses into a race already begun; here what is late is missed, and behind DNS64 the only usable addresses are the
 * later ones. IPv4 is always waited for: a pod without IPv6 can do nothing with the other family alone.
 */
export const RESOLUTION_DELAY_MS = 250;

/** The most look-ups at name servers at one time; each has up to two sockets. */
export const MAX_LOOKUPS_IN_FLIGHT = 1_000;

/** The end of a look-up that resolv.conf's own figures would let run on. */
export const MAX_LOOKUP_MS = 30_000;

/** What a resolver needs of the machine. */
export interface ResolverParts {
  readonly dns: DnsTransport;
  readonly files: Files;
  readonly clock: Clock;
}

/** What can be set; each has a default. */
export interface ResolverSettings {
  /** Asked in place of those of /etc/resolv.conf, which is then not read at all; /etc/hosts still comes first. */
  readonly servers?: readonly SocketAddress[] | undefined;
  /** With `servers` only: how long one is waited for, and how often the list is gone through. */
  readonly attemptTimeoutMs?: number | undefined;
  readonly attempts?: number | undefined;
  /** How long IPv6 is waited for once IPv4 is there. */
  readonly resolutionDelayMs?: number | undefined;
  readonly maxInFlight?: number | undefined;
  readonly maxCachedNames?: number | undefined;
}

/** Who waits: a token of `lookup`, or the function of a `resolve`. */
type Waiter = number | ((answer: Answer) => void);

/** One look-up that is under way. */
interface Flight {
  readonly name: string;
  readonly waiters: Set<Waiter>;
  readonly controller: AbortController;
  /** Set once the waiters had to be content with IPv4, while IPv6 is still asked for. */
  partial: Answer | undefined;
}

const TOO_MANY: Answer = { kind: "none", reason: "too many look-ups at once" };
const NOT_ASKABLE: Answer = { kind: "none", reason: "not a name that DNS can hold" };
const CLOSED: Answer = { kind: "none", reason: "the resolver is closed" };

/** The resolver of one process. Its counters only grow. */
export class Resolver implements NameResolver {
  readonly #local: LocalNames;
  readonly #cache: AnswerCache;
  readonly #servers: NameServers;
  readonly #maxInFlight: number;
  readonly #resolutionDelayMs: number;
  readonly #onAnswer: (token: number, answer: Answer) => void;
  readonly #flights = new Map<string, Flight>();
  readonly #flightOf = new Map<number, Flight>();
  /** Those whose look-up waits for the files to be looked at. */
  readonly #held = new Map<Waiter, string>();
  readonly #failureCounts = new Map<string, number>();
  #cachedFrom: ServerSettings;
  #closed = false;
  #inFlightCount = 0;
  #lookupCount = 0;
  #hostsHitCount = 0;
  #cacheHitCount = 0;

  private constructor(
    parts: ResolverParts,
    settings: ResolverSettings,
    local: LocalNames,
    onAnswer: (token: number, answer: Answer) => void,
  ) {
    this.#local = local;
    this.#cachedFrom = local.servers;
    this.#cache = new AnswerCache(parts.clock, settings.maxCachedNames);
    this.#servers = new NameServers(parts.dns);
    this.#maxInFlight = settings.maxInFlight ?? MAX_LOOKUPS_IN_FLIGHT;
    this.#resolutionDelayMs = settings.resolutionDelayMs ?? RESOLUTION_DELAY_MS;
    this.#onAnswer = onAnswer;
  }

  /** Makes a resolver once the files are read. Throws an Error of one line where one of them is there and can't be read. */
  static async create(
    parts: ResolverParts,
    settings: ResolverSettings = {},
    onAnswer: (token: number, answer: Answer) => void = () => {},
  ): Promise<Resolver> {
    const { servers } = settings;
    const given = servers === undefined || servers.length === 0 ? undefined : {
      servers,
      attemptTimeoutMs: settings.attemptTimeoutMs ?? DEFAULT_ATTEMPT_TIMEOUT_MS,
      attempts: settings.attempts ?? DEFAULT_ATTEMPTS,
      rotate: false,
    };
    const local = await LocalNames.open(parts.files, parts.clock, given);
    return new Resolver(parts, settings, local, onAnswer);
  }

  /** Calls of `lookup` and `resolve`. */
  get lookupCount(): number {
    return this.#lookupCount;
  }

  /** Calls that /etc/hosts answered, `localhost` included. */
  get hostsHitCount(): number {
    return this.#hostsHitCount;
  }

  /** Calls that the cache answered. */
  get cacheHitCount(): number {
    return this.#cacheHitCount;
  }

  /** Messages sent to name servers. */
  get queryCount(): number {
    return this.#servers.queryCount;
  }

  /** Look-ups at name servers now. */
  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Failed look-ups by reason, "timeout" among them, however many waited; a failure out of the cache is not counted again. */
  get failureCounts(): ReadonlyMap<string, number> {
    return this.#failureCounts;
  }

  /** How often a changed /etc/hosts or /etc/resolv.conf could not be read, and the old text stayed in force. */
  get readFailureCount(): number {
    return this.#local.readFailureCount;
  }

  lookup(name: string, token: number): Answer | undefined {
    this.forget(token);
    return this.#start(name, token);
  }

  /** No longer than until the files would be looked at again: what they say comes before any server's answer. */
  keepMs(name: string): number {
    if (this.#local.lookup(name) !== undefined) return FILE_CHECK_INTERVAL_MS;
    return Math.min(this.#cache.remainingMs(name), FILE_CHECK_INTERVAL_MS);
  }

  /** The same as a promise, for commands and the admin endpoint; it never rejects. */
  resolve(name: string): Promise<Answer> {
    return new Promise((resolve) => {
      const answer = this.#start(name, resolve);
      if (answer !== undefined) resolve(answer);
    });
  }

  /** Drops what the token waits for. A look-up that nobody waits for any more is given up, and its place is free. */
  forget(token: number): void {
    if (this.#held.size > 0) this.#held.delete(token);
    const flight = this.#flightOf.get(token);
    if (flight === undefined) return;
    this.#flightOf.delete(token);
    flight.waiters.delete(token);
    if (flight.waiters.size === 0) this.#giveUp(flight);
  }

  /** Gives up every look-up. No token is told any more; a pending `resolve` ends as a failure. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const waiters = [...this.#held.keys()];
    for (const flight of [...this.#flights.values()]) {
      waiters.push(...flight.waiters);
      flight.waiters.clear();
      this.#giveUp(flight);
    }
    this.#held.clear();
    this.#flightOf.clear();
    this.#cache.clear();
    for (const waiter of waiters) if (typeof waiter === "function") waiter(CLOSED);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Goes on at once while the files were looked at lately, else holds the waiter until they have been. */
  #start(name: string, waiter: Waiter): Answer | undefined {
    this.#lookupCount += 1;
    if (this.#closed) return CLOSED;
    const refreshing = this.#local.refresh();
    if (refreshing === undefined) return this.#proceed(name, waiter);
    if (this.#held.size === 0) void refreshing.then(() => this.#release());
    this.#held.set(waiter, name);
    return undefined;
  }

  #release(): void {
    if (this.#cachedFrom !== this.#local.servers) {
      this.#cachedFrom = this.#local.servers;
      this.#cache.clear(); // other servers may know other names
    }
    for (const [waiter, name] of this.#held) {
      this.#held.delete(waiter);
      const answer = this.#proceed(name, waiter);
      if (answer !== undefined) this.#tell(waiter, answer);
    }
  }

  #proceed(name: string, waiter: Waiter): Answer | undefined {
    const local = this.#local.lookup(name);
    if (local !== undefined) {
      this.#hostsHitCount += 1;
      return local;
    }
    const cached = this.#cache.get(name);
    if (cached !== undefined) {
      this.#cacheHitCount += 1;
      return cached;
    }
    let flight = this.#flights.get(name);
    if (flight?.partial !== undefined) return flight.partial;
    if (flight === undefined) {
      if (!isAskable(name)) return this.#countFailure(NOT_ASKABLE);
      if (this.#inFlightCount >= this.#maxInFlight) return this.#countFailure(TOO_MANY);
      flight = { name, waiters: new Set(), controller: new AbortController(), partial: undefined };
      this.#flights.set(name, flight);
      void this.#fly(flight);
    }
    flight.waiters.add(waiter);
    if (typeof waiter === "number") this.#flightOf.set(waiter, flight);
    return undefined;
  }

  /** Asks for both families at once and tells the waiters; ends within MAX_LOOKUP_MS. */
  async #fly(flight: Flight): Promise<void> {
    const { name, controller } = flight;
    const settings = this.#local.servers;
    const plan = this.#servers.plan(settings);
    const deadline = setTimeout(() => controller.abort(), MAX_LOOKUP_MS);
    this.#inFlightCount += 1;
    const askingIpv4 = this.#servers.ask(name, RECORD_TYPE.A, plan, controller.signal);
    const askingIpv6 = this.#servers.ask(name, RECORD_TYPE.AAAA, plan, controller.signal);
    const ipv4 = await askingIpv4;
    if (ipv4.kind === "addresses" && await isLate(askingIpv6, this.#resolutionDelayMs)) {
      flight.partial = combineFamilies(ipv4, { kind: "timeout" }).answer;
      this.#tellAll(flight, flight.partial);
    }
    const ipv6 = await askingIpv6;
    clearTimeout(deadline);
    this.#inFlightCount -= 1;
    if (this.#flights.get(name) !== flight) return; // given up
    this.#flights.delete(name);
    const { answer, ttlMs } = combineFamilies(ipv4, ipv6);
    if (settings === this.#local.servers) this.#cache.set(name, answer, ttlMs);
    this.#countFailure(answer);
    this.#tellAll(flight, answer);
  }

  /** Its sockets are closed soon after, and then its place is free. */
  #giveUp(flight: Flight): void {
    this.#flights.delete(flight.name);
    flight.controller.abort();
  }

  /** A waiter's callback may forget others: those are gone from the set before the loop comes to them. */
  #tellAll(flight: Flight, answer: Answer): void {
    for (const waiter of flight.waiters) {
      flight.waiters.delete(waiter);
      if (typeof waiter === "number") this.#flightOf.delete(waiter);
      this.#tell(waiter, answer);
    }
  }

  #tell(waiter: Waiter, answer: Answer): void {
    if (typeof waiter === "function") return waiter(answer);
    try {
      this.#onAnswer(waiter, answer);
    } catch (error) {
      queueMicrotask(() => {
        throw error; // a fault of the caller's: it surfaces as one, and the other waiters are told all the same
      });
    }
  }

  /** Counts the answer if it is a failure, and returns it. */
  #countFailure(answer: Answer): Answer {
    if (answer.kind === "addresses") return answer;
    const reason = answer.kind === "none" ? answer.reason : "timeout";
    this.#failureCounts.set(reason, (this.#failureCounts.get(reason) ?? 0) + 1);
    return answer;
  }
}

/** Resolves to whether the outcome takes longer than `delayMs`. */
function isLate(asking: Promise<Outcome>, delayMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), delayMs);
    void asking.then(() => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}
