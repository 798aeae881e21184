// Owns `check`: the rules as they are understood, numbered, with what is wrong and what is odd about them.
import { formatQuotedText, formatShownCharacter } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { formatRuleMatch, type Rule, type RuleMatch } from "../policy/rule.ts";
import { formatRuleProblem, type RuleProblem } from "../policy/rule_problem.ts";
import { formatSquidAcls } from "../policy/squid_format.ts";
import type { Command, CommandContext } from "./command.ts";
import { PROGRAM } from "./command_line.ts";
import { findRuleSource, formatRuleError, type ReadRules, readRules, readRuleText } from "./rule_source.ts";

/** Checks the rules. */
export const CHECK: Command = {
  name: "check",
  summary: "Parse the rules and print them numbered, with warnings",
  notes: [
    "With --json it prints one object:",
    "  rules     [{number, line, text, action, match: {kind, value}, meaning}]",
    "            kind is address, range, name, subdomains or any; empty where there are errors",
    "  warnings  [{line, column, text, message}]",
    "  errors    [{line, column, text, message}]; line 0 is the text as a whole",
    "  digest    tells rule lists apart; null where there are errors",
    "",
    "Exit code: 0 where the rules are good, 2 where they are not.",
  ].join("\n"),
  execute: check,
};

async function check(context: CommandContext): Promise<number> {
  const { runtime, settings } = context;
  const { process: host } = runtime;
  if (settings.json && settings.format !== "text") {
    throw new UsageError([`Cannot print JSON and the format '${settings.format}' at once: leave one out`]);
  }
  const source = findRuleSource(context);
  if (settings.format === "squid") {
    const { stdout, stderr } = formatSquidAcls(await readRuleText(source, runtime.files));
    host.writeStdout(stdout);
    if (stderr !== "") {
      throw new UsageError([`The original refuses these rules: ${formatQuotedText(stderr.trimEnd()).slice(1, -1)}`]);
    }
    return 0;
  }
  const read = await readRules(source, runtime.files);
  for (const warning of context.warnings) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  // One line each, as every command tells them: no caret, which would need lines of its own.
  for (const problem of read.errors) host.writeStderr(`${PROGRAM}: ${formatRuleError(problem)}\n`);
  if (settings.json) host.writeStdout(`${JSON.stringify(describeRead(read), undefined, 2)}\n`);
  else if (read.policy !== undefined) host.writeStdout(formatPolicy(read.policy, read.warnings));
  return read.policy === undefined ? 2 : 0;
}

function formatPolicy(policy: Policy, warnings: readonly RuleProblem[]): string {
  const rows = policy.rules.map((rule) => [
    String(rule.number),
    `line ${rule.line}`,
    rule.action,
    [...rule.text].map(formatShownCharacter).join(""),
    formatMeaning(rule),
  ]);
  const lines = alignColumns(rows);
  if (policy.rules.at(-1)?.match.kind !== "any") lines.push("", "What no rule matches is denied.");
  lines.push("", `${countOf(policy.rules.length, "rule")}, digest ${policy.digest}`);
  for (const problem of warnings) {
    const [, ...display] = formatRuleProblem(problem);
    lines.push("", `warning: ${formatRuleError(problem)}`, ...display);
  }
  return `${lines.join("\n")}\n`;
}

/** Columns beyond this width are not waited for: one long name would push every meaning off the screen. */
const MAX_COLUMN_CHARACTERS = 40;

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      if (cell.length <= MAX_COLUMN_CHARACTERS) widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, at) => at === 0 ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0));
    return cells.join("  ").replace(/ +$/, "");
  });
}

function formatMeaning({ match }: Rule): string {
  switch (match.kind) {
    case "address":
      return `the address ${match.address.text}`;
    case "range":
      return `every address in ${match.cidr.text}`;
    case "name":
      return `${match.name} alone`;
    case "subdomains":
      return `${match.name} and every name under it`;
    case "any":
      return "everything remote that no rule above decided";
  }
}

function describeRead({ policy, errors, warnings }: ReadRules): Record<string, unknown> {
  return {
    rules: policy === undefined ? [] : policy.rules.map((rule) => ({
      number: rule.number,
      line: rule.line,
      text: rule.text,
      action: rule.action,
      match: describeMatch(rule.match),
      meaning: formatMeaning(rule),
    })),
    warnings: warnings.map(describeProblem),
    errors: errors.map(describeProblem),
    digest: policy?.digest ?? null,
  };
}

function describeMatch(match: RuleMatch): Record<string, string> {
  return { kind: match.kind, value: formatRuleMatch(match) };
}

function describeProblem({ line, column, text, message }: RuleProblem): Record<string, string | number> {
  return { line, column, text, message };
}

function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
