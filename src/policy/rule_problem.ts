// Owns what is reported about a rule text, and how it is shown with line and caret. Knows nothing of the grammar.
import { formatShownCharacter } from "../address/quoted_text.ts";

/** A fault in a rule text, or a warning about it. */
export interface RuleProblem {
  /** 1-based; 0 where it is about the text as a whole. */
  readonly line: number;
  /** 1-based, in characters; 0 where it is about the text as a whole. */
  readonly column: number;
  /** The whole line as it stands in the text; "" where it is about the text as a whole. */
  readonly text: string;
  readonly message: string;
}

/** Characters shown on each side of the caret; a rule is rarely longer than both together. */
const MAX_SHOWN_BEFORE = 60;
const MAX_SHOWN_AFTER = 60;

/** Formats a problem as lines: where and what, then the line itself and a caret under the place. A problem of the whole text is its message alone. */
export function formatRuleProblem(problem: RuleProblem): string[] {
  if (problem.line === 0) return [problem.message];
  const characters = Array.from(problem.text);
  const at = Math.min(problem.column - 1, characters.length);
  const start = Math.max(0, at - MAX_SHOWN_BEFORE);
  const end = Math.min(characters.length, at + MAX_SHOWN_AFTER);
  // A tab would move the caret by what the terminal makes of it.
  const show = (part: readonly string[]) => part.map((c) => c === "\t" ? " " : formatShownCharacter(c)).join("");
  const before = (start > 0 ? "..." : "") + show(characters.slice(start, at));
  const after = show(characters.slice(at, end)) + (end < characters.length ? "..." : "");
  return [
    `line ${problem.line}, column ${problem.column}: ${problem.message}`,
    `  ${before}${after}`,
    `  ${" ".repeat(Array.from(before).length)}^`,
  ];
}
