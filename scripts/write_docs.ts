// Owns the parts of README.md that are made from the program's own tables, so that they cannot go stale: commands,
// settings, errors. `npm run docs` writes them; a test holds README.md to what would be written.
import { COMMAND_SET } from "../src/cli/commands.ts";
import { type Option, OPTIONS } from "../src/cli/options.ts";
import { ERROR_TABLE } from "../src/errors.ts";

const README = new URL("../README.md", import.meta.url);

const PARTS: Readonly<Record<string, () => string>> = {
  commands: formatCommands,
  settings: formatSettings,
  errors: formatErrors,
};

/** Replaces every generated part of a Markdown text; throws where one of the parts has no place in it. */
export function fillDocs(text: string): string {
  let filled = text;
  for (const [name, format] of Object.entries(PARTS)) {
    const place = new RegExp(`(<!-- generated: ${name} -->)[^]*?(<!-- end: ${name} -->)`);
    if (!place.test(filled)) throw new Error(`No place for '${name}': add its two comment lines to README.md`);
    filled = filled.replace(place, (_, start: string, end: string) => `${start}\n\n${format()}\n${end}`);
  }
  return filled;
}

function formatCommands(): string {
  const rows = COMMAND_SET.commands.map(({ name, operands, summary }) => {
    const word = operands === undefined ? name : `${name} ${operands.name}…`;
    return [
      `\`${word}\``,
      summary + (name === COMMAND_SET.fallback.name ? " (what is meant where no command is named)" : ""),
    ];
  });
  return formatTable(["command", "does"], rows);
}

function formatSettings(): string {
  const rows = (Object.values(OPTIONS) as Option<unknown>[]).map(
    (option) => {
      const { placeholder, repeatable } = option.kind;
      const flag = placeholder === undefined ? option.flag : `${option.flag} ${placeholder}`;
      const everywhere = option.commands.includes("run") ? "" : ` (${option.commands.join(", ")})`;
      return [
        `\`${flag}\`${repeatable === true ? " (repeatable)" : ""}`,
        option.variable === undefined ? "" : `\`${option.variable}\``,
        option.fallbackText,
        option.help + everywhere,
      ];
    },
  );
  return formatTable(["flag", "variable", "default", "says"], rows);
}

function formatErrors(): string {
  const rows = Object.entries(ERROR_TABLE).map((
    [code, { status, summary }],
  ) => [summary, String(status), `\`${code}\``]);
  return formatTable(["case", "status", "error"], rows);
}

/** Formats a Markdown table as `deno fmt` would. */
function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], pad: string) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, pad)).join(" | ")} |\n`;
  const [first = [], ...others] = cells;
  return line(first, " ") + line(first.map(() => ""), "-") + others.map((row) => line(row, " ")).join("");
}

if (import.meta.main) {
  const before = await Bun.file(README).text();
  const after = fillDocs(before);
  if (after !== before) await Bun.write(README, after);
  console.log(after === before ? "README.md is current" : "README.md written");
}
