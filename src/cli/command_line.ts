// Owns what a command line comes to, and the short way to it: flags that are spelt out need no parser. Loads the parser for
// all others, and for help.
import manifest from "../../package.json" with { type: "json" };
import type { Command } from "./command.ts";
import { type CommandName, type OptionName, optionsOf } from "./options.ts";
import type { FlagTexts } from "./settings.ts";

/** The name by which the program speaks of itself. */
export const PROGRAM = "egress-http-proxy";

/** The version in package.json, which the executable has built in. */
export const VERSION: string = manifest.version;

/** What a command line asks for: a command to be executed, or a text to be printed. */
export type CommandLine =
  | {
    readonly kind: "command";
    readonly command: Command;
    readonly flags: FlagTexts;
    readonly operands: readonly string[];
  }
  | { readonly kind: "text"; readonly text: string };

/** The commands there are, and the one that is meant where none is named. */
export interface CommandSet {
  readonly commands: readonly Command[];
  readonly fallback: Command;
}

/**
 * Reads the arguments after the program's name. Throws UsageError for what is not known. Commander is loaded for what is
 * not plain alone: loading and asking it takes a start 6 ms and 9 MB.
 */
export async function readCommandLine(args: readonly string[], set: CommandSet): Promise<CommandLine> {
  const isNamed = args[0] !== undefined && !args[0].startsWith("-");
  const command = isNamed ? set.commands.find(({ name }) => name === args[0]) : set.fallback;
  const flags = command === undefined || command.operands !== undefined
    ? undefined
    : readPlainFlags(command.name, isNamed ? args.slice(1) : args);
  if (command !== undefined && flags !== undefined) return { kind: "command", command, flags, operands: [] };
  const { parseCommandLine } = await import("./command_parser.ts");
  return parseCommandLine(args, set);
}

/** Reads known flags with their values, one way or the other; undefined where there is anything else to be judged. */
function readPlainFlags(command: CommandName, args: readonly string[]): FlagTexts | undefined {
  const rows = optionsOf(command);
  const texts = new Map<OptionName, string>();
  for (let at = 0; at < args.length; at++) {
    const [flag = "", ...values] = (args[at] ?? "").split("=");
    const [name, option] = rows.find(([, row]) => row.flag === flag) ?? [];
    if (name === undefined || option === undefined) return undefined;
    const { placeholder, bareValue, repeatable } = option.kind;
    let text: string;
    if (values.length > 0) {
      if (placeholder === undefined) return undefined;
      text = values.join("=");
    } else if (placeholder === undefined) {
      text = bareValue ?? "on";
    } else {
      const next = args[at + 1];
      const isBare = bareValue !== undefined && (next === undefined || next.startsWith("--"));
      if (!isBare && (bareValue !== undefined || next === undefined || next.startsWith("-"))) return undefined;
      text = isBare ? bareValue : next ?? "";
      if (!isBare) at++;
    }
    const earlier = repeatable ? texts.get(name) : undefined;
    texts.set(name, earlier === undefined ? text : `${earlier},${text}`);
  }
  return texts;
}
