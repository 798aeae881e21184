// Owns the way of a new rule text into a proxy that serves: compiled in slices between its events, then put in force whole.
import { parseRulesInSteps } from "../policy/parse_rules.ts";
import { Policy } from "../policy/policy.ts";
import type { PolicyStore } from "../policy/store.ts";
import type { ProxyServer } from "../proxy/server.ts";
import { Timer } from "../proxy/timers.ts";
import type { Clock } from "../runtime/runtime.ts";

/** How long the loop is held at a time, and how long it then serves. */
const SLICE_MS = 4;
const REST_MS = 1;

/** Puts other rules in force. A text that comes while another is compiled takes its place. */
export class RuleSwap extends Timer {
  readonly #store: PolicyStore;
  readonly #server: ProxyServer;
  readonly #clock: Clock;
  #steps: Generator<void, Policy> | undefined;

  constructor(store: PolicyStore, server: ProxyServer, clock: Clock) {
    super();
    this.#store = store;
    this.#server = server;
    this.#clock = clock;
  }

  /** Begins with a text that parses. */
  begin(rules: string): void {
    this.#steps = compileInSteps(rules);
    this.#server.schedule(this, this.#clock.nowMs());
  }

  override onTimer(): void {
    const steps = this.#steps;
    if (steps === undefined) return;
    const untilMs = this.#clock.nowMs() + SLICE_MS;
    let step = steps.next();
    while (!step.done && this.#clock.nowMs() < untilMs) step = steps.next();
    if (!step.done) return this.#server.schedule(this, this.#clock.nowMs() + REST_MS);
    this.#steps = undefined;
    this.#store.replace(step.value);
    this.#server.enforcePolicy();
  }
}

function* compileInSteps(rules: string): Generator<void, Policy> {
  const parsed = yield* parseRulesInSteps(rules);
  return yield* Policy.compileInSteps(parsed.rules);
}
