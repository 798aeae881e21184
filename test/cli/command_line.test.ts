// The command line: which command is meant, its flags and operands, help of every command, and what is refused.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CommandLine, readCommandLine, VERSION } from "../../src/cli/command_line.ts";
import { parseCommandLine } from "../../src/cli/command_parser.ts";
import { COMMAND_SET } from "../../src/cli/commands.ts";
import { optionsOf } from "../../src/cli/options.ts";
import { UsageError } from "../../src/errors.ts";

function parse(...args: string[]): CommandLine {
  return parseCommandLine(args, COMMAND_SET);
}

function parsed(...args: string[]): unknown {
  const line = parse(...args);
  if (line.kind === "text") return line.text;
  return { command: line.command.name, flags: Object.fromEntries(line.flags), operands: line.operands };
}

function refusal(...args: string[]): readonly string[] {
  try {
    parse(...args);
  } catch (error) {
    if (error instanceof UsageError) return error.lines;
    throw error;
  }
  throw new Error(`Not refused: ${args.join(" ")}`);
}

describe("parseCommandLine()", () => {
  const good = [
    { name: "nothing", args: [], expected: { command: "run", flags: {}, operands: [] } },
    { name: "run", args: ["run"], expected: { command: "run", flags: {}, operands: [] } },
    {
      name: "a flag alone",
      args: ["--listen", ":1"],
      expected: { command: "run", flags: { listen: ":1" }, operands: [] },
    },
    {
      name: "a flag with an equals sign",
      args: ["run", "--listen=:1"],
      expected: { command: "run", flags: { listen: ":1" }, operands: [] },
    },
    {
      name: "a flag twice, of which the last counts",
      args: ["--listen", ":1", "--listen", ":2"],
      expected: { command: "run", flags: { listen: ":2" }, operands: [] },
    },
    {
      name: "a repeatable flag twice",
      args: ["--resolver", "10.0.0.1", "--resolver=10.0.0.2,10.0.0.3"],
      expected: { command: "run", flags: { resolvers: "10.0.0.1,10.0.0.2,10.0.0.3" }, operands: [] },
    },
    {
      name: "an empty value",
      args: ["--destination", ""],
      expected: { command: "run", flags: { destination: "" }, operands: [] },
    },
    {
      name: "an empty value behind an equals sign",
      args: ["--destination="],
      expected: { command: "run", flags: { destination: "" }, operands: [] },
    },
    {
      name: "a value of several lines that begins with '!'",
      args: ["check", "--destination", "!a.example\n*"],
      expected: { command: "check", flags: { destination: "!a.example\n*" }, operands: [] },
    },
    {
      name: "a switch alone",
      args: ["--report-only"],
      expected: { command: "run", flags: { reportOnly: "on" }, operands: [] },
    },
    {
      name: "a switch with a value",
      args: ["--report-only=off", "--listen", ":1"],
      expected: { command: "run", flags: { reportOnly: "off", listen: ":1" }, operands: [] },
    },
    {
      name: "a bare flag",
      args: ["check", "--json"],
      expected: { command: "check", flags: { json: "on" }, operands: [] },
    },
    {
      name: "operands between flags",
      args: ["explain", "a", "--json", "b:1"],
      expected: { command: "explain", flags: { json: "on" }, operands: ["a", "b:1"] },
    },
    {
      name: "operands behind two dashes",
      args: ["explain", "--", "--json"],
      expected: { command: "explain", flags: {}, operands: ["--json"] },
    },
  ];
  for (const { name, args, expected } of good) {
    test(`takes ${name}`, () => expect(parsed(...args)).toEqual(expected));
  }

  const bad = [
    { args: ["chek"], expected: "Unknown command 'chek': did you mean 'check'?" },
    {
      args: ["frobnicate"],
      expected:
        "Unknown command 'frobnicate': expected one of 'run', 'check', 'explain', 'manifest', 'setup-network', 'healthcheck', 'suggest'",
    },
    {
      args: ["a\nb"],
      expected:
        "Unknown command 'a\\x0ab': expected one of 'run', 'check', 'explain', 'manifest', 'setup-network', 'healthcheck', 'suggest'",
    },
    {
      args: [""],
      expected:
        "Unknown command '': expected one of 'run', 'check', 'explain', 'manifest', 'setup-network', 'healthcheck', 'suggest'",
    },
    { args: ["--lisen", ":1"], expected: "Unknown flag '--lisen': did you mean '--listen'?" },
    { args: ["--lisen=:1"], expected: "Unknown flag '--lisen': did you mean '--listen'?" },
    { args: ["check", "--listen", ":1"], expected: "Unknown flag '--listen': 'check --help' lists those there are" },
    { args: ["--zzzzzzzzzz"], expected: "Unknown flag '--zzzzzzzzzz': 'run --help' lists those there are" },
    { args: ["-x"], expected: "Unknown flag '-x': 'run --help' lists those there are" },
    { args: ["check", "--json=yes"], expected: "Unexpected value in '--json=yes': '--json' takes none" },
    { args: ["--listen"], expected: "Missing value for --listen: expected --listen <ADDR>" },
    { args: ["explain"], expected: "Missing argument for 'explain': expected TARGET" },
    { args: ["check", "extra"], expected: "Unexpected argument 'extra': 'check' takes no argument" },
    { args: ["--listen", ":1", "check"], expected: "Unexpected argument 'check': a command comes before its flags" },
  ];
  for (const { args, expected } of bad) {
    test(`refuses ${JSON.stringify(args)}`, () => expect(refusal(...args)).toEqual([expected]));
  }

  for (const args of [["--version"], ["-V"]]) {
    test(`prints name and version for ${args.join(" ")}`, () => {
      expect(parsed(...args)).toBe(`egress-http-proxy ${VERSION}\n`);
    });
  }
});

describe("readCommandLine()", () => {
  /** What a reading comes to, in one form for both. */
  async function outcome(read: () => CommandLine | Promise<CommandLine>): Promise<unknown> {
    try {
      const line = await read();
      return line.kind === "text"
        ? line
        : { ...line, command: line.command.name, flags: Object.fromEntries(line.flags) };
    } catch (error) {
      return error instanceof UsageError ? error.lines : error;
    }
  }

  test("says of plain and odd lines alike what the parser says", async () => {
    const flags = [...new Set(COMMAND_SET.commands.flatMap(({ name }) => optionsOf(name).map(([, { flag }]) => flag)))];
    const value = fc.constantFrom(":1", "", "on", "off", "-1", "--", "-", "a=b", "10.0.0.1", "a.example\n*");
    const flag = fc.constantFrom(...flags, "--listen", "--report-only", "--resolver", "--json", "--help", "-h", "-x");
    const word = fc.oneof(
      { weight: 4, arbitrary: flag },
      { weight: 3, arbitrary: value },
      { weight: 2, arbitrary: fc.tuple(flag, value).map((parts) => parts.join("=")) },
    );
    const names = fc.constantFrom(...COMMAND_SET.commands.map(({ name }) => [name]), [], ["help"], ["nonsense"]);
    const lines = fc.tuple(names, fc.array(word, { maxLength: 5 })).map(([name, words]) => [...name, ...words]);
    await fc.assert(
      fc.asyncProperty(lines, async (args) => {
        expect(await outcome(() => readCommandLine(args, COMMAND_SET))).toEqual(
          await outcome(() => parseCommandLine(args, COMMAND_SET)),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("help", () => {
  for (const command of COMMAND_SET.commands) {
    for (const args of [[command.name, "--help"], [command.name, "-h"], ["help", command.name]]) {
      test(`of ${args.join(" ")} tells every flag with variable and default`, () => {
        const text = parsed(...args) as string;
        expect(text).toStartWith(`Usage: egress-http-proxy ${command.name} [flags]`);
        for (const [, option] of optionsOf(command.name)) {
          const words = text.replace(/\s+/g, " ");
          expect(words).toContain(`${option.flag} `);
          expect(words).toContain(option.help);
          const { variable, fallbackText, kind } = option;
          if (variable !== undefined) expect(words).toContain(`${variable}; default: ${fallbackText}`);
          else if (kind.placeholder !== undefined) expect(words).toContain(`default: ${fallbackText}`);
        }
      });
    }
  }

  for (const args of [["--help"], ["-h"], ["help"]]) {
    test(`of ${args.join(" ")} tells every command and the flags of run`, () => {
      const text = parsed(...args) as string;
      expect(text).toStartWith("Usage: egress-http-proxy [COMMAND] [flags]\n");
      for (const { name, summary, hidden } of COMMAND_SET.commands) {
        if (hidden) expect(text).not.toContain(name);
        else expect(text).toMatch(new RegExp(`  ${name} +${summary}\n`));
      }
      for (const [, option] of optionsOf("run")) expect(text).toContain(`${option.flag} `);
    });
  }

  test("is not wider than 110 columns", () => {
    const texts = [parsed("--help"), ...COMMAND_SET.commands.map(({ name }) => parsed(name, "--help"))] as string[];
    for (const line of texts.join("").split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  });
});
