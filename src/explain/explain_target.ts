// Owns the answer to "what would be decided on this target, and why": for the command and for the admin endpoint. It has a
// name resolved only where the rules need an address; a denied name is never asked for. Dials nothing.
import { parseTargetArgument, type Target } from "../address/target.ts";
import type { Answer } from "../dns/answer.ts";
import { decideAddress, decideName, decideNameAddress, type Decision } from "../policy/decide.ts";
import { formatDecision, formatRuleReference } from "../policy/explain.ts";
import type { Policy } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";

/** What was found out about one target or address. */
export interface Finding {
  readonly allowed: boolean;
  /** One line: what is decided, and by which rule. */
  readonly reason: string;
  readonly rule: Rule | undefined;
}

/** What was found out about a target, and about its addresses where they had to be judged. */
export interface TargetFinding extends Finding {
  readonly argument: string;
  readonly target: Target;
  readonly addresses: readonly (Finding & { readonly address: string })[];
}

/** Resolves a name; never rejects. */
export type LookUp = (name: string) => Promise<Answer>;

/** Says what is decided on a host, host:port or URL. Throws ProxyError where the text is none. */
export function explainTarget(policy: Policy, argument: string, lookUp: LookUp): Promise<TargetFinding> {
  return judge(policy, argument, parseTargetArgument(argument), lookUp);
}

/** Gives a look-up a limit in time; 0 is none. */
export async function lookUpWithin(limitMs: number, answer: Promise<Answer>): Promise<Answer> {
  if (limitMs === 0) return await answer;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve({ kind: "timeout" }), limitMs);
  });
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** A finding as JSON shows it. */
export function describeFinding(
  { argument, target, allowed, reason, rule, addresses }: TargetFinding,
): Record<string, unknown> {
  return {
    target: argument,
    host: target.hostText,
    port: target.port,
    allowed,
    reason,
    rule: describeRule(rule),
    addresses: addresses.map((one) => ({ ...one, rule: describeRule(one.rule) })),
  };
}

async function judge(policy: Policy, argument: string, target: Target, lookUp: LookUp): Promise<TargetFinding> {
  const { host, hostText } = target;
  if (host.kind === "address") {
    return { argument, target, ...find(decideAddress(policy, host.address), hostText), addresses: [] };
  }
  const decision = decideName(policy, host.name);
  if (decision.verdict !== "needs-address") {
    return { argument, target, ...find(decision, hostText), addresses: [] };
  }
  const answer = await lookUp(host.name);
  if (answer.kind !== "addresses") {
    const why = answer.kind === "timeout" ? "no name server answered in time" : answer.reason;
    const decider = decision.rule === undefined ? "an address rule" : formatRuleReference(decision.rule);
    const reason = `${hostText}: denied: ${decider} needs an address and there is none: ${why}`;
    return { argument, target, allowed: false, reason, rule: undefined, addresses: [] };
  }
  const addresses = answer.addresses.map((address) => ({
    address: address.text,
    ...find(decideNameAddress(policy, host.name, address), `${hostText} (${address.text})`),
  }));
  // What the proxy would report: the first address that may be dialled, else the first of all.
  const { allowed, reason, rule } = addresses.find((one) => one.allowed) ?? addresses[0]!;
  return { argument, target, allowed, reason, rule, addresses };
}

function find(decision: Decision, subject: string): Finding {
  return { allowed: decision.verdict === "allow", reason: formatDecision(decision, subject), rule: decision.rule };
}

function describeRule(rule: Rule | undefined): Record<string, unknown> | null {
  if (rule === undefined) return null;
  return { number: rule.number, line: rule.line, text: rule.text, action: rule.action };
}
