// Owns what one thread of the data plane runs: a proxy whose names are resolved, whose log is written and whose rules are
// read by the control plane. Waits for nobody.
import { IpAddress } from "../address/ip_address.ts";
import { CommandFailure } from "../errors.ts";
import { AccessLog } from "../observe/access_log.ts";
import { TrafficCounters } from "../observe/traffic_counters.ts";
import { parseRules } from "../policy/parse_rules.ts";
import { Policy } from "../policy/policy.ts";
import { PolicyStore } from "../policy/store.ts";
import { ProxyServer } from "../proxy/server.ts";
import type { SocketAddress, ThreadSide } from "../runtime/runtime.ts";
import { ConnectionBudget } from "../proxy/connection_budget.ts";
import { LineBatch } from "./line_batch.ts";
import { RuleSwap } from "./rule_swap.ts";
import { ThreadNames } from "./thread_names.ts";
import { fromPlainAnswer, type FromThread, type ThreadStart, type ToThread } from "./thread_messages.ts";

/** The proxy of one thread. */
export class ThreadProgram {
  readonly #side: ThreadSide;
  readonly #start: ThreadStart;
  readonly #policy: PolicyStore;
  readonly #server: ProxyServer;
  readonly #swap: RuleSwap;
  readonly #batch: LineBatch;
  readonly #names: ThreadNames;

  constructor(side: ThreadSide, start: ThreadStart) {
    this.#side = side;
    this.#start = start;
    this.#policy = new PolicyStore(compile(start.rules));
    const counters = new TrafficCounters(start.traffic);
    counters.takeOver();
    const accessLog = { log: undefined as AccessLog | undefined };
    this.#server = new ProxyServer({
      createEngine: (handler) => side.createEngine(handler, start.joinsPort),
      clock: side.clock,
      policy: this.#policy,
      settings: start.settings,
      instance: start.instance,
      budget: new ConnectionBudget(start.connections, start.settings, start.threads, start.thread),
      record: (exchange) => accessLog.log?.record(exchange),
      counters,
      adminListener: parseAdmin(start),
      localAddresses: () => side.localAddresses(),
      onAcceptLimit: () => this.#post({ kind: "accept-limit" }),
      onRevoked: (counts) => this.#post({ kind: "revoked", counts }),
    });
    this.#names = new ThreadNames(side.clock, {
      ask: (name, token) => this.#post({ kind: "lookup", token, name }),
      forget: (token) => this.#post({ kind: "forget", token }),
      onKept: () => counters.add("namesKept"),
    }, (token, answer) => this.#server.onAnswer(token, answer));
    this.#server.resolver = this.#names;
    this.#swap = new RuleSwap(this.#policy, this.#server, side.clock);
    this.#batch = new LineBatch(this.#server.timers, side.clock, (lines) => this.#post({ kind: "log", lines }));
    accessLog.log = new AccessLog(this.#batch, start.logFormat, start.accessLog);
  }

  /** Starts listening, and tells how that went. */
  async listen(): Promise<void> {
    const { address, port } = this.#start;
    try {
      const actual = await this.#server.listen(address === undefined ? undefined : IpAddress.parse(address), port);
      this.#post({ kind: "listening", address: actual.address.text, port: actual.port });
    } catch (error) {
      const reason = error instanceof CommandFailure ? error.message : String(error);
      this.#post({ kind: "refused", reason });
    }
  }

  /** Takes a message of the control plane. */
  onMessage(message: ToThread): void {
    switch (message.kind) {
      case "rules":
        return this.#swap.begin(message.rules);
      case "answer":
        return this.#names.onAnswer(message.name, message.token, fromPlainAnswer(message.answer), message.keepMs);
      case "ping":
        this.#server.countSoFar();
        return this.#post({ kind: "pong", token: message.token });
      case "announce-end":
        this.#server.draining = true;
        return;
      case "stop-accepting":
        this.#server.onEmpty(() => {
          this.#batch.flush();
          this.#post({ kind: "empty" });
        });
        return this.#server.stopAccepting();
      case "cut": {
        const counts = this.#server.cut();
        this.#batch.flush();
        return this.#post({ kind: "cut", counts });
      }
    }
  }

  #post(message: FromThread): void {
    this.#side.post(message);
  }
}

function parseAdmin({ admin }: ThreadStart): SocketAddress | undefined {
  const address = admin === undefined ? undefined : IpAddress.parse(admin.address);
  return admin === undefined || address === undefined ? undefined : { address, port: admin.port };
}

function compile(rules: string): Policy {
  return Policy.compile(parseRules(rules).rules);
}
