// Owns the decision on a request: policy by name, one resolution, policy by address. It alone makes an Approval, the only
// thing that can be dialled, so what was judged is what is dialled. Knows no socket.
import type { IpAddress } from "../address/ip_address.ts";
import { specialRangeOf } from "../address/special_range.ts";
import type { Target } from "../address/target.ts";
import type { Answer } from "../dns/answer.ts";
import { ProxyError } from "../errors.ts";
import type { Exchange } from "../observe/exchange.ts";
import { decideAddress, decideName, decideNameAddress, type Decision } from "../policy/decide.ts";
import { formatDecision } from "../policy/explain.ts";
import type { ProxyContext } from "./context.ts";

/** An address that was judged and may be dialled. Only this file can make one. */
class Approval {
  readonly address: IpAddress;
  readonly port: number;
  readonly #madeHere = true;

  constructor(address: IpAddress, port: number) {
    this.address = address;
    this.port = port;
  }

  /** Proves that a value is one of ours, whatever a cast claims. */
  static isApproval(value: Approval): boolean {
    return #madeHere in value;
  }
}

export type { Approval };

/** What became of a request: approved addresses in the resolver's order, a refusal, or a name that must be resolved first. */
export type Admission =
  | { readonly kind: "approved"; readonly approvals: readonly Approval[] }
  | { readonly kind: "refused"; readonly error: ProxyError }
  | { readonly kind: "resolve"; readonly name: string };

/** What admission reads of the proxy. */
type AdmitContext = Pick<ProxyContext, "policy" | "settings" | "isOwnListener">;

/** Judges a target as far as it goes without resolving. Fills the exchange's decision. A denied name is never resolved. */
export function admitTarget(context: AdmitContext, exchange: Exchange, target: Target): Admission {
  if (target.host.kind === "address") {
    const address = target.host.address;
    const decision = decideAddress(context.policy.current, address);
    return conclude(context, exchange, target, [{ address, decision }]);
  }
  const decision = decideName(context.policy.current, target.host.name);
  if (decision.verdict !== "deny") return { kind: "resolve", name: target.host.name };
  note(exchange, "deny", decision);
  if (context.settings.reportOnly) {
    exchange.wouldDeny = true;
    return { kind: "resolve", name: target.host.name };
  }
  return { kind: "refused", error: new ProxyError("http_request_denied", formatDecision(decision, target.hostText)) };
}

/** Judges every address of a resolved name on its own; only the approved ones can be dialled. */
export function admitAnswer(context: AdmitContext, exchange: Exchange, target: Target, answer: Answer): Admission {
  const name = target.host.kind === "name" ? target.host.name : target.hostText;
  switch (answer.kind) {
    case "timeout":
      return refuse("dns_timeout", `${name}: no name server answered in time`);
    case "none":
      return refuse("dns_error", `${name}: ${answer.reason}`);
    case "addresses": {
      const policy = context.policy.current;
      const judged = answer.addresses.map((address) => ({
        address,
        decision: decideNameAddress(policy, name, address),
      }));
      return conclude(context, exchange, target, judged);
    }
  }
}

/** Judges a target again for an address that is connected already; undefined where the rules in force no longer allow it. */
export function admitConnected(
  context: AdmitContext,
  exchange: Exchange,
  target: Target,
  address: IpAddress,
): boolean {
  const decision = decideFor(context, target, address);
  if (decision.verdict !== "allow") return false;
  note(exchange, "allow", decision);
  return true;
}

/**
 * Says why what was let through would no longer be by the rules in force; undefined where it would. An exchange that is
 * given has the new decision noted.
 */
export function explainRevoked(
  context: AdmitContext,
  target: Target,
  address: IpAddress,
  exchange?: Exchange,
): string | undefined {
  const decision = decideFor(context, target, address);
  if (decision.verdict === "allow") return undefined;
  if (context.settings.reportOnly && specialRangeOf(address) === undefined) return undefined;
  if (exchange !== undefined) note(exchange, "deny", decision);
  return formatDecision(decision, describe(target, address));
}

interface JudgedAddress {
  readonly address: IpAddress;
  readonly decision: Decision;
}

function decideFor(context: AdmitContext, target: Target, address: IpAddress): Decision {
  return target.host.kind === "address"
    ? decideAddress(context.policy.current, address)
    : decideNameAddress(context.policy.current, target.host.name, address);
}

function conclude(
  context: AdmitContext,
  exchange: Exchange,
  target: Target,
  judged: readonly JudgedAddress[],
): Admission {
  let allowed = judged.filter(({ decision }) => decision.verdict === "allow");
  const first = allowed[0] ?? judged[0];
  if (first === undefined) return refuse("dns_error", `${target.hostText}: no data`);
  note(exchange, allowed.length > 0 ? "allow" : "deny", first.decision);
  if (allowed.length === 0 && context.settings.reportOnly) {
    allowed = judged.filter(({ address }) => specialRangeOf(address) === undefined);
    exchange.wouldDeny = allowed.length > 0;
    if (exchange.wouldDeny) exchange.decision = "allow";
  }
  const dialable = allowed.filter(({ address }) => !context.isOwnListener(address, target.port));
  if (dialable.length > 0) {
    return { kind: "approved", approvals: dialable.map(({ address }) => new Approval(address, target.port)) };
  }
  if (allowed.length > 0 || isOwnListenerPassedOver(context, target, judged)) {
    return refuse("proxy_loop_detected", `${target.hostText}: port ${target.port} there is this proxy's own listener`);
  }
  return refuse("http_request_denied", formatDecision(first.decision, describe(target, first.address)));
}

/** A `*` or an allowing name rule was passed over for an address that leads back here: the loop is the better answer. */
function isOwnListenerPassedOver(context: AdmitContext, target: Target, judged: readonly JudgedAddress[]): boolean {
  return judged.some(({ address, decision }) =>
    decision.rule === undefined && decision.passedOver !== undefined && context.isOwnListener(address, target.port)
  );
}

function describe(target: Target, address: IpAddress): string {
  return target.host.kind === "address" ? target.hostText : `${target.hostText} (${address.text})`;
}

function note(exchange: Exchange, verdict: "allow" | "deny", decision: Decision): void {
  exchange.decision = verdict;
  exchange.ruleLine = decision.rule?.line ?? 0;
  exchange.ruleText = decision.rule?.text ?? "";
}

function refuse(
  code: "dns_error" | "dns_timeout" | "proxy_loop_detected" | "http_request_denied",
  details: string,
): Admission {
  return { kind: "refused", error: new ProxyError(code, details) };
}

/** Throws unless `approval` was made here; the dialler's own check. */
export function assertApproval(approval: Approval): void {
  if (!Approval.isApproval(approval)) {
    throw new ProxyError("proxy_internal_error", "refused to dial what was not judged");
  }
}
