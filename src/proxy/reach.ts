// Owns the way from a target to a connected upstream: judged, resolved, judged again, dialled, all under one deadline.
// Knows no message: its session asks for a target and hears of a connection or an error.
import type { Target } from "../address/target.ts";
import type { Answer } from "../dns/answer.ts";
import { ProxyError } from "../errors.ts";
import type { Exchange } from "../observe/exchange.ts";
import type { ConnectionId } from "../runtime/runtime.ts";
import { type Admission, admitAnswer, admitTarget, type Approval } from "./admit.ts";
import type { LookupWaiter, ProxyContext } from "./context.ts";
import { Dial, type DialOwner } from "./dial.ts";
import { Timer } from "./timers.ts";

/** Who wants to get somewhere. Exactly one of the two comes, at once or later, unless the reach is abandoned before. */
export interface ReachOwner {
  /** The connection belongs to the owner from now on; it must attach its endpoint at once. */
  onReached(id: ConnectionId, approval: Approval): void;
  refuse(error: ProxyError): void;
}

/** The admission, resolution and dial of one request at a time. Fills the exchange's decision and times. */
export class Reach extends Timer implements LookupWaiter, DialOwner {
  readonly #context: ProxyContext;
  readonly #owner: ReachOwner;
  #target: Target | undefined;
  #exchange: Exchange | undefined;
  #dial: Dial | undefined;
  #startMs = 0;

  constructor(context: ProxyContext, owner: ReachOwner) {
    super();
    this.#context = context;
    this.#owner = owner;
  }

  /** Judges a target as far as that goes without resolving. `pursue` goes on from there. */
  admit(exchange: Exchange, target: Target): Admission {
    this.#exchange = exchange;
    this.#target = target;
    return admitTarget(this.#context, exchange, target);
  }

  /** Goes on with what `admit` returned. */
  pursue(admission: Admission): void {
    const { connectTimeoutMs } = this.#context.settings;
    if (connectTimeoutMs > 0) this.#context.timers.set(this, this.#context.clock.nowMs() + connectTimeoutMs);
    this.#pursue(admission);
  }

  /** Gives up: nothing is called back, and what was begun is closed. */
  abandon(): void {
    this.#stop();
    this.#dial?.abandon();
    this.#dial = undefined;
  }

  onAnswer(answer: Answer): void {
    const exchange = this.#exchange;
    const target = this.#target;
    if (exchange === undefined || target === undefined) return;
    exchange.dnsMs = this.#context.clock.nowMs() - this.#startMs;
    this.#pursue(admitAnswer(this.#context, exchange, target, answer));
  }

  onDialled(id: ConnectionId, approval: Approval): void {
    const exchange = this.#exchange;
    this.#dial = undefined;
    this.#stop();
    if (exchange !== undefined) exchange.connectMs = this.#context.clock.nowMs() - this.#startMs;
    this.#owner.onReached(id, approval);
  }

  onDialFailed(error: ProxyError): void {
    this.#dial = undefined;
    this.#fail(error);
  }

  override onTimer(): void {
    const name = this.#target?.hostText ?? "";
    const error = this.#dial === undefined
      ? new ProxyError("dns_timeout", `${name}: no name server answered in time`)
      : new ProxyError("connection_timeout", `${name}: not connected in time`);
    this.#dial?.abandon();
    this.#dial = undefined;
    this.#fail(error);
  }

  #pursue(admission: Admission): void {
    this.#startMs = this.#context.clock.nowMs();
    const exchange = this.#exchange;
    if (admission.kind !== "resolve" && exchange !== undefined && exchange.decision !== "none") {
      this.#context.counters.countDecision(exchange.ruleLine);
    }
    switch (admission.kind) {
      case "refused":
        return this.#fail(admission.error);
      case "resolve": {
        const answer = this.#context.lookup(admission.name, this);
        if (answer !== undefined) this.onAnswer(answer);
        return;
      }
      case "approved":
        this.#dial = new Dial(this.#context, this, admission.approvals);
    }
  }

  #fail(error: ProxyError): void {
    this.#stop();
    this.#owner.refuse(error);
  }

  #stop(): void {
    this.#context.timers.remove(this);
    this.#context.forgetLookup(this);
    this.#exchange = undefined;
    this.#target = undefined;
  }
}
