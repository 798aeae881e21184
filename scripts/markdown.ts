// Owns Markdown as `deno fmt` leaves it: tables and wrapped prose. Knows nothing of what they say.

/** The width of prose, deno.json's. */
const LINE_WIDTH = 120;

/** Formats a table, every column as wide as its widest cell. Ends with a line feed. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], pad: string) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, pad)).join(" | ")} |\n`;
  const [first = [], ...others] = cells;
  return line(first, " ") + line(first.map(() => ""), "-") + others.map((row) => line(row, " ")).join("");
}

/** Wraps a paragraph, or one item of a list where `indent` says how far its further lines stand in. Code is never broken. */
export function wrapProse(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const [word] of text.matchAll(/(?:`[^`]*`|[^\s`])+/g)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > LINE_WIDTH) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join("\n");
}
