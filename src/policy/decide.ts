// Owns the verdict: first match in order, with what a name rule or "*" may not open. Waits for nothing and looks nothing
// up; the caller brings the addresses.
import type { IpAddress } from "../address/ip_address.ts";
import { type SpecialRange, specialRangeOf } from "../address/special_range.ts";
import { NO_RULE } from "./name_table.ts";
import type { AddressMatch, Policy } from "./policy.ts";
import type { Rule } from "./rule.ts";

/** "needs-address": an address or range rule is reached before the name is decided. */
export type Verdict = "allow" | "deny" | "needs-address";

/** A verdict and what it rests on. */
export interface Decision {
  readonly verdict: Verdict;
  /** The rule that decided; for "needs-address" the address rule that is reached first. Undefined: none matched, which denies. */
  readonly rule: Rule | undefined;
  /** The first allowing name rule or "*" that matched and was passed over: it does not open the way to what is not remote. */
  readonly passedOver: Rule | undefined;
  /** Why it was passed over; undefined with `passedOver` set: the rules before it deny every remote address. */
  readonly special: SpecialRange | undefined;
  /** The IPv4 address inside the IPv6 address on which the deny rule matched. */
  readonly embedded: IpAddress | undefined;
  /** The loopback address that a connection to the unspecified one reaches, on which the deny rule matched. */
  readonly loopback: IpAddress | undefined;
}

/**
 * Decides on a name (in normal form) before any look-up. "deny" wherever no address could be allowed, so that a denied
 * name is never resolved: DNS is itself a way out. "allow" still leaves each address to `decideNameAddress`.
 */
export function decideName(policy: Policy, name: string): Decision {
  const { reach } = policy;
  const match = policy.matchName(name);
  const allow = Math.min(match.allow, policy.anyRule);
  const { deny } = match;
  const decider = Math.min(allow, deny);
  const isOpenBefore = reach.firstAllow < decider;
  if (allow > deny || allow === NO_RULE) {
    if (isOpenBefore) return needsAddress(policy);
    return makeDecision("deny", policy.rule(deny));
  }
  const isOpenAt = reach.lastRemote > allow;
  const isOpenBehind = reach.firstSpecialAllow < deny;
  if (!isOpenBefore && !isOpenAt && !isOpenBehind) {
    return makeDecision("deny", policy.rule(deny), policy.rule(allow));
  }
  return reach.firstAddressRule < allow ? needsAddress(policy) : makeDecision("allow", policy.rule(allow));
}

/** Decides on an address that is itself the target: name rules say nothing about it, and nothing is looked up in reverse. */
export function decideAddress(policy: Policy, address: IpAddress): Decision {
  return judge(policy, policy.anyRule, NO_RULE, address);
}

/** Decides on one resolved address of a name (in normal form). Never "needs-address". */
export function decideNameAddress(policy: Policy, name: string, address: IpAddress): Decision {
  const match = policy.matchName(name);
  return judge(policy, Math.min(match.allow, policy.anyRule), match.deny, address);
}

/** First match among the first address rule, the first denying name rule and, for a remote address, the first allowing one. */
function judge(policy: Policy, allow: number, deny: number, address: IpAddress): Decision {
  const match = policy.matchAddress(address);
  const blocking = Math.min(match.rule, deny);
  if (allow > blocking || allow === NO_RULE) return decideBy(policy, blocking, match);
  const special = specialRangeOf(address);
  if (special === undefined) return makeDecision("allow", policy.rule(allow));
  const rest = decideBy(policy, blocking, match);
  return { ...rest, passedOver: policy.rule(allow), special };
}

function decideBy(policy: Policy, number: number, by: AddressMatch): Decision {
  const rule = policy.rule(number);
  const isByAddress = rule !== undefined && (rule.match.kind === "address" || rule.match.kind === "range");
  return {
    verdict: rule?.action ?? "deny",
    rule,
    passedOver: undefined,
    special: undefined,
    embedded: isByAddress ? by.embedded : undefined,
    loopback: isByAddress ? by.loopback : undefined,
  };
}

function needsAddress(policy: Policy): Decision {
  return makeDecision("needs-address", policy.rule(policy.reach.firstAddressRule));
}

function makeDecision(verdict: Verdict, rule: Rule | undefined, passedOver?: Rule): Decision {
  return { verdict, rule, passedOver, special: undefined, embedded: undefined, loopback: undefined };
}
