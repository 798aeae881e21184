// Owns `suggest`: access logs in, the rules for what they show out. Which rules those are is the suggest room's.
import { formatQuotedText } from "../address/quoted_text.ts";
import { CommandFailure } from "../errors.ts";
import type { Inputs } from "../runtime/runtime.ts";
import { loadDomains } from "../suggest/domains.ts";
import { formatProposal } from "../suggest/format_rules.ts";
import { readLines } from "../suggest/lines.ts";
import { proposeRules } from "../suggest/propose.ts";
import { Tally } from "../suggest/tally.ts";
import type { Command, CommandContext } from "./command.ts";
import { PROGRAM } from "./command_line.ts";

const STDIN = "-";

/** Suggests rules. */
export const SUGGEST: Command = {
  name: "suggest",
  summary: "Print the rules for what access logs show",
  operands: { name: "LOG", help: "A file of log lines, JSON or text; '-' or none is standard input", optional: true },
  notes: [
    "What the rules let through gets a rule, and so does what --report-only did where no rule matched: names and",
    "addresses exactly as they were seen. What a rule denied is never opened, and what was refused stays closed;",
    "both are named in comments. With --wildcard-from N a zone with N names and more becomes *.ZONE, never wider",
    "than a domain that somebody has registered, and never over a name that was denied or refused.",
    "",
    "The text is one that 'check' takes. Lines that are none of a log are counted and told.",
    "",
    "Exit code: 0 where there are rules, 1 where the logs show nothing to make one of, 2 for wrong usage.",
  ].join("\n"),
  execute: suggest,
};

async function suggest({ runtime, settings, operands, warnings }: CommandContext): Promise<number> {
  const { process: host, inputs } = runtime;
  for (const warning of warnings) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  const tally = new Tally();
  for (const path of operands.length === 0 ? [STDIN] : operands) {
    const firstBroken = await read(inputs, path, tally);
    if (firstBroken === undefined) continue;
    const { line, count } = firstBroken;
    const where = path === STDIN ? "standard input" : formatQuotedText(path);
    host.writeStderr(
      `${PROGRAM}: warning: ${count} of the lines of ${where} are none of a log, line ${line} the first\n`,
    );
  }
  const proposal = proposeRules(tally, await loadDomains(), settings.wildcardFrom);
  host.writeStdout(formatProposal(tally, proposal, settings.wildcardFrom > 0));
  if (tally.untoldCount > 0) {
    host.writeStderr(`${PROGRAM}: warning: too many hosts: ${tally.untoldCount} requests are left out\n`);
  }
  if (proposal.groups.length + proposal.addresses.length > 0) return 0;
  host.writeStderr(`${PROGRAM}: No rule can be made: the logs show no request that was let through\n`);
  return 1;
}

/** Reads one log into the tally; returns how many of its lines are none of a log, and which was the first. */
async function read(
  inputs: Inputs,
  path: string,
  tally: Tally,
): Promise<{ readonly line: number; readonly count: number } | undefined> {
  let line = 0;
  let first = 0;
  let count = 0;
  try {
    for await (const text of readLines(path === STDIN ? inputs.readStdin() : inputs.readFile(path))) {
      line++;
      if (tally.add(text)) continue;
      count++;
      first ||= line;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const where = path === STDIN ? "standard input" : formatQuotedText(path);
    throw new CommandFailure(`Cannot read the log from ${where}: ${formatQuotedText(reason).slice(1, -1)}`);
  }
  return count === 0 ? undefined : { line: first, count };
}
