// Owns the grammar of the rule text: lines, comments, "!", "*" and the five kinds of destination. Reports every fault at
// once. Knows nothing of what the rules decide.
import { Cidr } from "../address/cidr.ts";
import { parseRuleName } from "../address/host.ts";
import { IpAddress } from "../address/ip_address.ts";
import { formatQuotedText } from "../address/quoted_text.ts";
import { explainBadDestination } from "./bad_destination.ts";
import type { Rule, RuleMatch } from "./rule.ts";
import type { RuleProblem } from "./rule_problem.ts";
import { finishSteps } from "./steps.ts";

/** What a rule text says. The rules count only where there are no errors. */
export interface ParsedRules {
  readonly rules: readonly Rule[];
  /** In the order of the text. Any one makes the text bad. */
  readonly errors: readonly RuleProblem[];
  /** Masked host bits. What makes a rule idle is found by `analyseRules`. */
  readonly warnings: readonly RuleProblem[];
}

const LINES_PER_STEP = 256;

const NOTHING_SPECIFIED = "No EGRESS_HTTP_PROXY_DESTINATION specified";
const WILDCARD_NOT_LAST = "Wildcard must be last rule, if present";

/**
 * Parses a rule text. Lines end in LF or CR LF; spaces and tabs around a line, empty lines, lines that begin with "#"
 * and a byte order mark before everything are skipped.
 */
export function parseRules(text: string): ParsedRules {
  return finishSteps(parseRulesInSteps(text));
}

/** The same in steps of a fraction of a millisecond, for a thread that serves meanwhile. */
export function* parseRulesInSteps(text: string): Generator<void, ParsedRules> {
  const rules: Rule[] = [];
  const errors: RuleProblem[] = [];
  const warnings: RuleProblem[] = [];
  let line = 0;
  let hasWildcard = false;
  let isEmpty = true;
  for (let start = text.startsWith("\ufeff") ? 1 : 0; start <= text.length;) {
    const lineEnd = endOfLine(text, start);
    const source = text.slice(start, text[lineEnd - 1] === "\r" && lineEnd > start ? lineEnd - 1 : lineEnd);
    start = lineEnd + 1;
    line++;
    if (line % LINES_PER_STEP === 0) yield;
    const indent = countBlanks(source);
    const ruleText = trimBlanks(source, indent);
    if (ruleText === "" || ruleText.startsWith("#")) continue;
    isEmpty = false;
    const report = (message: string, index: number): RuleProblem => {
      return { line, column: countCharacters(source.slice(0, indent + index)) + 1, text: source, message };
    };
    if (hasWildcard) errors.push(report(WILDCARD_NOT_LAST, 0));
    const action = ruleText.startsWith("!") ? "deny" : "allow";
    const destination = action === "deny" ? ruleText.slice(1) : ruleText;
    const parsed = ruleText === "*" ? ANY : parseDestination(destination);
    if (parsed === undefined) {
      const { why, index } = explainBadDestination(destination);
      const at = index + ruleText.length - destination.length;
      errors.push(report(`Bad destination ${formatQuotedText(ruleText)}: ${why}`, at));
      continue;
    }
    if (parsed.match.kind === "any") hasWildcard = true;
    const rule: Rule = {
      number: rules.length + 1,
      line,
      column: indent + 1,
      text: ruleText,
      action,
      match: parsed.match,
    };
    rules.push(rule);
    if (parsed.hostBitsMasked && parsed.match.kind === "range") {
      const message = `Masked the host bits of ${formatQuotedText(ruleText)}: it is read as ${parsed.match.cidr.text}`;
      warnings.push(report(message, 0));
    }
  }
  if (isEmpty) errors.push({ line: 0, column: 0, text: "", message: NOTHING_SPECIFIED });
  return { rules, errors, warnings };
}

interface ParsedDestination {
  readonly match: RuleMatch;
  readonly hostBitsMasked: boolean;
}

const ANY: ParsedDestination = { match: { kind: "any" }, hostBitsMasked: false };

function parseDestination(text: string): ParsedDestination | undefined {
  const address = IpAddress.parse(text);
  if (address !== undefined) return { match: { kind: "address", address }, hostBitsMasked: false };
  if (text.includes("/")) {
    const range = Cidr.parse(text);
    if (range === undefined) return undefined;
    return { match: { kind: "range", cidr: range.cidr }, hostBitsMasked: range.hostBitsMasked };
  }
  const isWildcard = text.startsWith("*.");
  const name = parseRuleName(isWildcard ? text.slice(2) : text);
  if (typeof name !== "string") return undefined;
  return { match: { kind: isWildcard ? "subdomains" : "name", name }, hostBitsMasked: false };
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end;
}

/** Spaces and tabs alone: trim() would drop VT, FF and NBSP too and take a line for good that shows otherwise. */
function countBlanks(text: string): number {
  let count = 0;
  while (isBlank(text.charCodeAt(count))) count++;
  return count;
}

function trimBlanks(text: string, start: number): string {
  let end = text.length;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
