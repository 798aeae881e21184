// Owns `explain`: what would be decided on a target and why. It resolves a name only where the rules need an address;
// a denied name is never asked for. Dials nothing.
import { formatQuotedText } from "../address/quoted_text.ts";
import { parseTargetArgument, type Target } from "../address/target.ts";
import type { Answer } from "../dns/answer.ts";
import { ProxyError, UsageError } from "../errors.ts";
import { decideAddress, decideName, decideNameAddress, type Decision } from "../policy/decide.ts";
import { formatDecision, formatRuleReference } from "../policy/explain.ts";
import type { Policy } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";
import type { Command, CommandContext } from "./command.ts";
import { PROGRAM } from "./command_line.ts";
import { openResolver } from "./name_resolver.ts";
import { findRuleSource, formatRuleError, readRules } from "./rule_source.ts";

/** Explains decisions. */
export const EXPLAIN: Command = {
  name: "explain",
  summary: "Say for each target what is decided, and by which rule",
  operands: { name: "TARGET", help: "A host, host:port or URL" },
  notes: [
    "A name is resolved only where an address rule is reached before a name rule decides.",
    "",
    "With --json it prints one object:",
    "  targets   [{target, host, port, allowed, reason, rule, addresses}]",
    "            rule is {number, line, text, action} or null where none decided",
    "            addresses are those that had to be judged: [{address, allowed, reason, rule}]",
    "  allowed   whether all of them are",
    "",
    "Exit code: 0 where all are allowed, 1 where some are denied, 2 for wrong usage.",
  ].join("\n"),
  execute: explain,
};

/** What was found out about one target or address. */
interface Finding {
  readonly allowed: boolean;
  readonly reason: string;
  readonly rule: Rule | undefined;
}

interface TargetFinding extends Finding {
  readonly argument: string;
  readonly target: Target;
  readonly addresses: readonly (Finding & { readonly address: string })[];
}

type LookUp = (name: string) => Promise<Answer>;

async function explain(context: CommandContext): Promise<number> {
  const { runtime, settings, operands } = context;
  const { process: host } = runtime;
  const targets = parseTargets(operands);
  const { policy, errors } = await readRules(findRuleSource(context), runtime.files);
  if (policy === undefined) throw new UsageError(errors.map(formatRuleError));
  for (const warning of context.warnings) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  const findings = await judgeTargets(context, policy, targets);
  const allowed = findings.every((finding) => finding.allowed);
  if (settings.json) {
    host.writeStdout(`${JSON.stringify({ targets: findings.map(describeFinding), allowed }, undefined, 2)}\n`);
  } else {
    for (const finding of findings) host.writeStdout(formatFinding(finding));
  }
  return allowed ? 0 : 1;
}

function parseTargets(operands: readonly string[]): (readonly [string, Target])[] {
  const targets: (readonly [string, Target])[] = [];
  const problems: string[] = [];
  for (const operand of operands) {
    try {
      targets.push([operand, parseTargetArgument(operand)]);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      problems.push(`Bad target ${formatQuotedText(operand)}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return targets;
}

async function judgeTargets(
  { runtime, settings }: CommandContext,
  policy: Policy,
  targets: readonly (readonly [string, Target])[],
): Promise<TargetFinding[]> {
  using resolver = await openResolver(runtime, settings.resolvers);
  const lookUp: LookUp = (name) => within(settings.connectTimeoutMs, resolver.resolve(name));
  const findings: TargetFinding[] = [];
  for (const [argument, target] of targets) findings.push(await judge(policy, argument, target, lookUp));
  return findings;

  async function within(limitMs: number, answer: Promise<Answer>): Promise<Answer> {
    if (limitMs === 0) return await answer;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => resolve({ kind: "timeout" }), limitMs);
    });
    return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }
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

function formatFinding({ reason, addresses }: TargetFinding): string {
  // One address says what the target's own line says.
  const details = addresses.length > 1 ? addresses : [];
  return [reason, ...details.map((one) => `  ${one.reason}`), ""].join("\n");
}

function describeFinding(
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

function describeRule(rule: Rule | undefined): Record<string, unknown> | null {
  if (rule === undefined) return null;
  return { number: rule.number, line: rule.line, text: rule.text, action: rule.action };
}
