// Owns where the rules come from, a text or a file, and their way from there to a compiled policy. All that is wrong
// with them is reported at once. Watches nothing: whoever wants them again asks again.
import { formatQuotedText } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import { analyseRulesInSteps } from "../policy/analyse.ts";
import { type ParsedRules, parseRulesInSteps } from "../policy/parse_rules.ts";
import { Policy } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";
import type { RuleProblem } from "../policy/rule_problem.ts";
import { finishSteps } from "../policy/steps.ts";
import type { Files } from "../runtime/runtime.ts";
import { OPTIONS } from "./options.ts";
import type { GivenSettings } from "./settings.ts";

/** Where the rules are: the text itself, or a file. */
export type RuleSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** What was made of a rule text. A policy is there only where nothing is wrong. */
export interface ReadRules {
  readonly text: string;
  readonly policy: Policy | undefined;
  readonly errors: readonly RuleProblem[];
  readonly warnings: readonly RuleProblem[];
}

const NO_RULES = `No ${OPTIONS.destination.variable} specified`;

/** Finds the source that the settings name. Throws UsageError where there is none, or where there are two of equal right. */
export function findRuleSource({ settings, sourceOf }: GivenSettings): RuleSource {
  const textFrom = sourceOf("destination");
  const fileFrom = sourceOf("destinationFile");
  if (textFrom !== "default" && textFrom === fileFrom) {
    const key = textFrom === "flag" ? "flag" : "variable";
    const names = `${OPTIONS.destination[key]} and ${OPTIONS.destinationFile[key]}`;
    throw new UsageError([`Cannot use both ${names}: the rules come from one of them`]);
  }
  const path = settings.destinationFile;
  if (path !== undefined && textFrom !== "flag") {
    if (path === "") throw new UsageError([`Bad value '' for ${OPTIONS.destinationFile.flag}: expected a path`]);
    return { kind: "file", path };
  }
  if (settings.destination === undefined) throw new UsageError([NO_RULES]);
  return { kind: "text", text: settings.destination };
}

/** Reads and parses the rules. Throws UsageError where there is no text to parse; faults in a text are returned. */
export async function readRules(source: RuleSource, files: Files): Promise<ReadRules> {
  const text = await readRuleText(source, files);
  const { rules, errors, warnings } = finishSteps(parseRuleText(text, source));
  return errors.length > 0 ? { text, policy: undefined, errors, warnings } : new GoodRules(text, rules, warnings);
}

/** Parses the text of a source, in steps. */
export function* parseRuleText(text: string, source: RuleSource): Generator<void, ParsedRules> {
  const parsed = yield* parseRulesInSteps(text);
  return { ...parsed, errors: parsed.errors.map((error) => placed(error, source)) };
}

/** Finds all that is odd about good rules, in the order of the text, in steps. */
export function* findRuleWarnings(
  { rules, warnings }: Pick<ParsedRules, "rules" | "warnings">,
  policy: Policy,
): Generator<void, readonly RuleProblem[]> {
  const idle = yield* analyseRulesInSteps(rules, policy);
  return [...warnings, ...idle].sort((one, other) => one.line - other.line);
}

/** Rules that parse. What is made of them is made when first asked for: with 100,000 of them a start should not wait for its warnings. */
class GoodRules implements ReadRules {
  readonly text: string;
  readonly errors: readonly RuleProblem[] = [];
  readonly #rules: readonly Rule[];
  readonly #parseWarnings: readonly RuleProblem[];
  #policy: Policy | undefined;
  #warnings: readonly RuleProblem[] | undefined;

  constructor(text: string, rules: readonly Rule[], parseWarnings: readonly RuleProblem[]) {
    this.text = text;
    this.#rules = rules;
    this.#parseWarnings = parseWarnings;
  }

  get policy(): Policy {
    this.#policy ??= Policy.compile(this.#rules);
    return this.#policy;
  }

  get warnings(): readonly RuleProblem[] {
    const parsed = { rules: this.#rules, warnings: this.#parseWarnings };
    this.#warnings ??= finishSteps(findRuleWarnings(parsed, this.policy));
    return this.#warnings;
  }
}

/** What is wrong with a text as a whole names its file. */
function placed(problem: RuleProblem, source: RuleSource): RuleProblem {
  if (problem.line !== 0 || source.kind === "text") return problem;
  return { ...problem, message: `${problem.message}: ${formatQuotedText(source.path)} has no rule` };
}

/** Formats a fault of the rules as its one line. */
export function formatRuleError({ line, message }: Pick<RuleProblem, "line" | "message">): string {
  return line === 0 ? message : `line ${line}: ${message}`;
}

/** Reads the rule text alone. Throws UsageError where there is none to read; a pipe is none where `mayWait` is false. */
export async function readRuleText(source: RuleSource, files: Files, mayWait = true): Promise<string> {
  if (source.kind === "text") return source.text;
  const shownPath = formatQuotedText(source.path);
  let text: string | undefined;
  try {
    text = await files.readText(source.path, mayWait);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError([`Cannot read the rules from ${shownPath}: ${formatQuotedText(reason).slice(1, -1)}`]);
  }
  if (text === undefined) throw new UsageError([`Cannot read the rules from ${shownPath}: there is no such file`]);
  return text;
}
