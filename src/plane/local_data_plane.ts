// Owns the data plane in the control plane's own thread: one proxy on the runtime's own sockets.
import type { IpAddress } from "../address/ip_address.ts";
import type { Answer, NameResolver } from "../dns/answer.ts";
import type { TrafficCounters } from "../observe/traffic_counters.ts";
import { parseRules } from "../policy/parse_rules.ts";
import { Policy } from "../policy/policy.ts";
import { PolicyStore } from "../policy/store.ts";
import { type ProxyParts, ProxyServer } from "../proxy/server.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import type { CutReport, DataPlane, PingReport } from "./data_plane.ts";
import { RuleSwap } from "./rule_swap.ts";

/** One proxy in this thread. */
export class LocalDataPlane implements DataPlane {
  /** The word of `--engine`, whichever runtime drives the sockets. */
  readonly engineName = "portable";
  readonly workers = 1;
  readonly #policy: PolicyStore;
  readonly #server: ProxyServer;
  readonly #swap: RuleSwap;

  constructor(rules: string, parts: Omit<ProxyParts, "policy">) {
    this.#policy = new PolicyStore(Policy.compile(parseRules(rules).rules));
    this.#server = new ProxyServer({ ...parts, policy: this.#policy });
    this.#swap = new RuleSwap(this.#policy, this.#server, parts.clock);
  }

  get openConnections(): number {
    return this.#server.openConnections;
  }

  /** The resolver in use; to be set before `listen`. */
  set resolver(resolver: NameResolver) {
    this.#server.resolver = resolver;
  }

  listen(address: IpAddress | undefined, port: number): Promise<SocketAddress> {
    return this.#server.listen(address, port);
  }

  replaceRules(rules: string): void {
    this.#swap.begin(rules);
  }

  onAnswer(token: number, answer: Answer): void {
    this.#server.onAnswer(token, answer);
  }

  readTraffic(): TrafficCounters {
    return this.#server.counters;
  }

  /** It is this thread that asks. */
  ping(): Promise<PingReport> {
    this.#server.countSoFar();
    return Promise.resolve({ asked: 1, answered: 1 });
  }

  announceEnd(): void {
    this.#server.draining = true;
  }

  stopAccepting(): void {
    this.#server.stopAccepting();
  }

  whenEmpty(): Promise<void> {
    return new Promise((resolve) => this.#server.onEmpty(resolve));
  }

  cut(): Promise<CutReport> {
    return Promise.resolve({ ...this.#server.cut(), untold: 0 });
  }
}
