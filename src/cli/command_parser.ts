// Owns the command line in full: which command is meant, its flags as text, its operands, what is wrong with them; help and
// version texts. Commander parses the flags and lays out help; it is kept from printing, exiting and reading the environment.
import { Command as Commander, CommanderError, type Help, Option as CommanderOption } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { formatQuotedText, formatShownCharacter } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import type { Command } from "./command.ts";
import { type CommandLine, type CommandSet, PROGRAM, VERSION } from "./command_line.ts";
import { nearest } from "./nearest.ts";
import { type CommandName, type Option, type OptionName, optionsOf } from "./options.ts";
import type { FlagTexts } from "./settings.ts";

const HELP_WIDTH = 110;

const HELP_STYLE: Partial<Help> = {
  helpWidth: HELP_WIDTH,
  styleTitle: (title) => title === "Options:" ? "Flags:" : title,
};

/** Parses the arguments after the program's name. Throws UsageError for what it does not know. */
export function parseCommandLine(args: readonly string[], set: CommandSet): CommandLine {
  const [first, ...rest] = args;
  if (first === undefined || first.startsWith("-")) return parseFlags(set.fallback, rootParser(set), args, set);
  if (first === "help") return parseCommandLine([...rest.slice(0, 1), "--help"], set);
  const command = set.commands.find((one) => one.name === first);
  if (command !== undefined) return parseFlags(command, commandParser(command), rest, set);
  const names = listed(set).map((one) => one.name);
  const suggestion = nearest(first, names);
  const hint = suggestion === undefined
    ? `expected one of ${names.map((name) => `'${name}'`).join(", ")}`
    : `did you mean '${suggestion}'?`;
  throw new UsageError([`Unknown command ${formatQuotedText(first)}: ${hint}`]);
}

function parseFlags(command: Command, parser: Commander, args: readonly string[], set: CommandSet): CommandLine {
  let printed = "";
  parser.configureOutput({
    writeOut: (text) => printed += text,
    writeErr: () => {},
    outputError: () => {},
    // Its own ways to find these read the process and its environment.
    getOutHelpWidth: () => HELP_WIDTH,
    getErrHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  try {
    parser.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "text", text: printed };
    throw usageErrorOf(error, command);
  }
  const unexpected = command.operands === undefined ? parser.args[0] : undefined;
  if (unexpected !== undefined) {
    const isCommand = set.commands.some((one) => one.name === unexpected);
    const hint = isCommand ? "a command comes before its flags" : `'${command.name}' takes no argument`;
    throw new UsageError([`Unexpected argument ${formatQuotedText(unexpected)}: ${hint}`]);
  }
  return { kind: "command", command, flags: flagTexts(command.name, parser), operands: parser.args };
}

function flagTexts(command: CommandName, parser: Commander): FlagTexts {
  const given = parser.opts<Record<string, string | true | undefined>>();
  const texts = new Map<OptionName, string>();
  for (const [name, option] of optionsOf(command)) {
    const text = given[attributeOf(option)];
    if (text !== undefined) texts.set(name, text === true ? option.kind.bareValue ?? "on" : text);
  }
  return texts;
}

function listed(set: CommandSet): readonly Command[] {
  return set.commands.filter(({ hidden }) => hidden !== true);
}

function rootParser(set: CommandSet): Commander {
  const parser = commandParser(set.fallback, PROGRAM)
    .usage("[COMMAND] [flags]")
    .description(`${manifest.description}.\nWithout a command it runs the proxy. Every command has its own --help.`)
    .version(`${PROGRAM} ${VERSION}`, "-V, --version", "Show the version");
  const visibleCommands = () => listed(set).map((command) => new Commander(command.name).description(command.summary));
  const subcommandTerm = (command: Commander) => command.name();
  return parser.configureHelp({ ...HELP_STYLE, visibleCommands, subcommandTerm });
}

function commandParser(command: Command, title = `${PROGRAM} ${command.name}`): Commander {
  const parser = new Commander(title)
    .usage(formatUsage(command))
    .description(command.summary)
    .helpOption("-h, --help", "Show this help")
    .helpCommand(false)
    .showSuggestionAfterError(false)
    .allowExcessArguments(true)
    .configureHelp(HELP_STYLE)
    .exitOverride();
  if (command.operands !== undefined) {
    const { name, help, optional } = command.operands;
    parser.argument(optional ? `[${name}...]` : `<${name}...>`, help);
  }
  for (const [, option] of optionsOf(command.name)) parser.addOption(commanderOption(option));
  if (command.notes !== undefined) parser.addHelpText("after", `\n${command.notes}`);
  return parser;
}

function formatUsage({ operands }: Command): string {
  if (operands === undefined) return "[flags]";
  return operands.optional ? `[flags] [${operands.name}...]` : `[flags] ${operands.name}...`;
}

function commanderOption(option: Option<unknown>): CommanderOption {
  const { placeholder, bareValue, repeatable } = option.kind;
  let flags = option.flag;
  if (placeholder !== undefined) flags += bareValue === undefined ? ` <${placeholder}>` : ` [${placeholder}]`;
  const notes = [
    ...(option.variable === undefined ? [] : [option.variable]),
    ...(placeholder === undefined ? [] : [`default: ${option.fallbackText}`]),
    ...(repeatable ? ["may be repeated"] : []),
  ];
  const description = notes.length === 0 ? option.help : `${option.help}\n${notes.join("; ")}`;
  const built = new CommanderOption(flags, description);
  if (repeatable) {
    built.argParser((text: string, earlier: string | undefined) => earlier === undefined ? text : `${earlier},${text}`);
  }
  return built;
}

function attributeOf(option: Option<unknown>): string {
  return new CommanderOption(option.flag).attributeName();
}

function usageErrorOf(error: CommanderError, command: Command): UsageError {
  const [, subject = ""] = /'(.*)'/s.exec(error.message) ?? [];
  const options = optionsOf(command.name).map(([, option]) => option);
  switch (error.code) {
    case "commander.unknownOption": {
      const [flag = ""] = subject.split("=", 1);
      if (options.some((option) => option.flag === flag)) {
        return new UsageError([`Unexpected value in ${formatQuotedText(subject)}: '${flag}' takes none`]);
      }
      const suggestion = nearest(flag, options.map((option) => option.flag));
      const hint = suggestion === undefined
        ? `'${command.name} --help' lists those there are`
        : `did you mean '${suggestion}'?`;
      return new UsageError([`Unknown flag ${formatQuotedText(flag)}: ${hint}`]);
    }
    case "commander.optionMissingArgument":
      return new UsageError([`Missing value for ${subject.split(" ", 1)[0]}: expected ${subject}`]);
    case "commander.missingArgument":
      return new UsageError([`Missing argument for '${command.name}': expected ${subject}`]);
    default:
      return new UsageError([[...error.message.replace(/^error: /, "")].map(formatShownCharacter).join("")]);
  }
}
