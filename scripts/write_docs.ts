// Owns the parts of README.md that are made from the program's own tables, so that they cannot go stale: commands,
// settings, errors, and the benchmark's figures. `npm run docs` writes them; a test holds README.md to what would be written.
import { formatPerformance } from "../bench/performance.ts";
import { readResults } from "../bench/results.ts";
import { COMMAND_SET } from "../src/cli/commands.ts";
import { type Option, OPTIONS } from "../src/cli/options.ts";
import { ERROR_TABLE } from "../src/errors.ts";
import { formatTable } from "./markdown.ts";

const README = new URL("../README.md", import.meta.url);
/** The benchmark's results that the documents show; `npm run bench:report` puts them there. */
const PUBLISHED = new URL("../docs/benchmark.json", import.meta.url);

const PARTS: Readonly<Record<string, () => string>> = {
  commands: formatCommands,
  settings: formatSettings,
  errors: formatErrors,
  performance: () => formatPerformance(readResults(PUBLISHED)),
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

if (import.meta.main) {
  const before = await Bun.file(README).text();
  const after = fillDocs(before);
  if (after !== before) await Bun.write(README, after);
  console.log(after === before ? "README.md is current" : "README.md written");
}
