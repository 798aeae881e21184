// Owns `explain`: its words and its exit code. What is decided, and when a name is resolved for it, is found elsewhere.
import { formatQuotedText } from "../address/quoted_text.ts";
import { parseTargetArgument } from "../address/target.ts";
import { ProxyError, UsageError } from "../errors.ts";
import {
  describeFinding,
  explainTarget,
  type LookUp,
  lookUpWithin,
  type TargetFinding,
} from "../explain/explain_target.ts";
import type { Policy } from "../policy/policy.ts";
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

async function explain(context: CommandContext): Promise<number> {
  const { runtime, settings, operands } = context;
  const { process: host } = runtime;
  checkTargets(operands);
  const { policy, errors } = await readRules(findRuleSource(context), runtime.files);
  if (policy === undefined) throw new UsageError(errors.map(formatRuleError));
  for (const warning of context.warnings) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  const findings = await judgeTargets(context, policy);
  const allowed = findings.every((finding) => finding.allowed);
  if (settings.json) {
    host.writeStdout(`${JSON.stringify({ targets: findings.map(describeFinding), allowed }, undefined, 2)}\n`);
  } else {
    for (const finding of findings) host.writeStdout(formatFinding(finding));
  }
  return allowed ? 0 : 1;
}

function checkTargets(operands: readonly string[]): void {
  const problems: string[] = [];
  for (const operand of operands) {
    try {
      parseTargetArgument(operand);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      problems.push(`Bad target ${formatQuotedText(operand)}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
}

async function judgeTargets({ runtime, settings, operands }: CommandContext, policy: Policy): Promise<TargetFinding[]> {
  using resolver = await openResolver(runtime, settings.resolvers);
  const lookUp: LookUp = (name) => lookUpWithin(settings.connectTimeoutMs, resolver.resolve(name));
  const findings: TargetFinding[] = [];
  for (const operand of operands) findings.push(await explainTarget(policy, operand, lookUp));
  return findings;
}

function formatFinding({ reason, addresses }: TargetFinding): string {
  // One address says what the target's own line says.
  const details = addresses.length > 1 ? addresses : [];
  return [reason, ...details.map((one) => `  ${one.reason}`), ""].join("\n");
}
