// Owns precedence: a flag, else its variable, else the default. Reports every bad value at once.
import { formatQuotedText } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import { type CommandName, type Option, type OptionName, OPTIONS, optionsOf, type Settings } from "./options.ts";
import { trimBlanks } from "./value_kind.ts";

/** The texts that flags gave, by option. */
export type FlagTexts = ReadonlyMap<OptionName, string>;

/** Where a value came from. */
export type Source = "flag" | "variable" | "default";

/** The environment, as the process has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of one command, with where each came from. */
export interface GivenSettings {
  readonly settings: Settings;
  sourceOf(name: OptionName): Source;
}

/**
 * Reads the settings of `command`; options that it does not take have their default.
 * Throws UsageError with one line for each bad value, naming flag or variable, value, reason and what is expected.
 */
export function readSettings(command: CommandName, flags: FlagTexts, env: Environment): GivenSettings {
  const values = new Map<OptionName, unknown>();
  const sources = new Map<OptionName, Source>();
  const problems: string[] = [];
  for (const [name, option] of Object.entries(OPTIONS) as [OptionName, Option<unknown>][]) {
    values.set(name, option.fallback);
  }
  for (const [name, option] of optionsOf(command)) {
    const given = givenText(name, option, flags, env);
    if (given === undefined) continue;
    sources.set(name, given.source);
    const parsed = option.kind.parse(given.text);
    if ("why" in parsed) {
      problems.push(
        `Bad value ${formatQuotedText(given.text)} for ${given.where}: ${parsed.why}; expected ${option.kind.expected}`,
      );
    } else {
      values.set(name, parsed.value);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return {
    settings: Object.fromEntries(values) as Settings,
    sourceOf: (name) => sources.get(name) ?? "default",
  };
}

interface GivenText {
  readonly text: string;
  readonly where: string;
  readonly source: Source;
}

function givenText(
  name: OptionName,
  option: Option<unknown>,
  flags: FlagTexts,
  env: Environment,
): GivenText | undefined {
  // Rules are taken as they are: blanks round a line are the rule grammar's to judge, and an empty text is an error of its own.
  const asIs = name === "destination";
  const flagText = flags.get(name);
  if (flagText !== undefined) {
    return { text: asIs ? flagText : trimBlanks(flagText), where: option.flag, source: "flag" };
  }
  if (option.variable === undefined) return undefined;
  const variableText = env[option.variable];
  const text = variableText === undefined || asIs ? variableText : trimBlanks(variableText);
  return text === undefined || text === "" ? undefined : { text, where: option.variable, source: "variable" };
}
