// Owns the parts of documents that are made from the program's own tables, so that they cannot go stale: commands, settings,
// errors, metrics, and the benchmark's figures. `npm run docs` writes them; a test holds the documents to what would be written.
import { formatPerformance } from "../bench/performance.ts";
import { readResults } from "../bench/results.ts";
import { METRICS } from "../src/admin/metrics.ts";
import { COMMAND_SET } from "../src/cli/commands.ts";
import { type Option, OPTIONS } from "../src/cli/options.ts";
import { ERROR_TABLE } from "../src/errors.ts";
import { formatTable } from "./markdown.ts";

const ROOT = new URL("../", import.meta.url);
/** The benchmark's results that the documents show; `npm run bench:report` puts them there. */
const PUBLISHED = new URL("docs/benchmark.json", ROOT);

/** Each document with its generated parts. */
const DOCUMENTS: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  "README.md": {
    commands: formatCommands,
    settings: formatSettings,
    errors: formatErrors,
    performance: () => formatPerformance(readResults(PUBLISHED)),
  },
  "docs/metrics.md": { metrics: formatMetrics },
};

/** A document as it is and as it should be. */
export interface Document {
  readonly path: string;
  readonly text: string;
  readonly filled: string;
}

/** Reads every document that has generated parts, and fills them. Throws where one of the parts has no place in it. */
export async function fillDocuments(): Promise<Document[]> {
  return await Promise.all(
    Object.entries(DOCUMENTS).map(async ([path, parts]) => {
      const text = await Bun.file(new URL(path, ROOT)).text();
      let filled = text;
      for (const [name, format] of Object.entries(parts)) {
        const place = new RegExp(`(<!-- generated: ${name} -->)[^]*?(<!-- end: ${name} -->)`);
        if (!place.test(filled)) throw new Error(`No place for '${name}': add its two comment lines to ${path}`);
        filled = filled.replace(place, (_, start: string, end: string) => `${start}\n\n${format()}\n${end}`);
      }
      return { path, text, filled };
    }),
  );
}

function formatCommands(): string {
  const rows = COMMAND_SET.commands.filter(({ hidden }) => hidden !== true).map(({ name, operands, summary }) => {
    const word = operands === undefined
      ? name
      : operands.optional
      ? `${name} [${operands.name}…]`
      : `${name} ${operands.name}…`;
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

function formatMetrics(): string {
  const rows = METRICS.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(", "),
    help,
  ]);
  return formatTable(["metric", "type", "labels", "says"], rows);
}

if (import.meta.main) {
  for (const { path, text, filled } of await fillDocuments()) {
    if (filled !== text) await Bun.write(new URL(path, ROOT), filled);
    console.log(filled === text ? `${path} is current` : `${path} written`);
  }
}
