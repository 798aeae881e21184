// Owns the search for rules that never decide: duplicates and those that earlier rules cover. Near-linear in the number
// of rules. Changes nothing and decides nothing.
import { formatQuotedText } from "../address/quoted_text.ts";
import { formatRuleReference } from "./explain.ts";
import { NO_RULE } from "./name_table.ts";
import { Policy, prefixOf } from "./policy.ts";
import { formatRuleMatch, type Rule } from "./rule.ts";
import type { RuleProblem } from "./rule_problem.ts";
import { finishSteps } from "./steps.ts";

const RULES_PER_STEP = 512;

/** Finds the rules that can never decide, in order, each with the reason. */
export function analyseRules(rules: readonly Rule[], policy: Policy = Policy.compile(rules)): RuleProblem[] {
  return finishSteps(analyseRulesInSteps(rules, policy));
}

/** The same in steps of about a millisecond. */
export function* analyseRulesInSteps(rules: readonly Rule[], policy: Policy): Generator<void, RuleProblem[]> {
  const problems: RuleProblem[] = [];
  const isMet = new Uint8Array(rules.length);
  policy.markOwners(isMet);
  const firstOfMatch = new Map<string, Rule>();
  for (const rule of rules) {
    if (rule.number % RULES_PER_STEP === 0) yield;
    const key = matchKey(rule);
    const twin = firstOfMatch.get(key);
    if (twin === undefined) firstOfMatch.set(key, rule);
    const why = twin === undefined ? explainIdle(rule, policy, isMet) : explainTwin(rule, twin);
    if (why === undefined) continue;
    problems.push({
      line: rule.line,
      column: rule.column,
      text: " ".repeat(rule.column - 1) + rule.text,
      message: why,
    });
  }
  return problems;
}

/** A full-length range is the address; the rest differ in their normal text. */
function matchKey(rule: Rule): string {
  const prefix = prefixOf(rule);
  return prefix === undefined ? formatRuleMatch(rule.match) : `${prefix.network.text}/${prefix.prefixLength}`;
}

function explainTwin(rule: Rule, twin: Rule): string {
  if (rule.action === twin.action) return `Remove ${quote(rule)}: it repeats ${formatRuleReference(twin)}`;
  return `Check ${quote(rule)}: it is never reached, ${formatRuleReference(twin)} decides the opposite first`;
}

function explainIdle(rule: Rule, policy: Policy, isMet: Uint8Array): string | undefined {
  if (policy.reach.last < rule.number) {
    return `Check ${quote(rule)}: it is never reached, the rules before it match every address`;
  }
  const prefix = prefixOf(rule);
  if (prefix === undefined) {
    const first = policy.rule(firstNameCover(rule, policy));
    return first === undefined || first.number >= rule.number ? undefined : explainCover(rule, first);
  }
  if (isMet[rule.number - 1] === 1) return undefined;
  const owner = policy.rule(policy.matchAddress(prefix.network).rule);
  const ownerPrefix = owner === undefined ? undefined : prefixOf(owner);
  const isWhole = ownerPrefix !== undefined && ownerPrefix.prefixLength <= prefix.prefixLength;
  if (isWhole && owner !== undefined) return explainCover(rule, owner);
  return `Check ${quote(rule)}: it is never reached, several rules before it together match all its addresses`;
}

/** The first rule that matches every name that this one does: its own number where there is no earlier one. */
function firstNameCover({ match }: Rule, policy: Policy): number {
  if (match.kind === "subdomains") return policy.matchSubtree(match.name);
  if (match.kind !== "name") return NO_RULE;
  const { allow, deny } = policy.matchName(match.name);
  return Math.min(allow, deny);
}

function explainCover(rule: Rule, first: Rule): string {
  return `Check ${quote(rule)}: it is never reached, ${formatRuleReference(first)} matches first`;
}

function quote(rule: Rule): string {
  return formatQuotedText(rule.text);
}
