// Owns durations as people write them: `500ms`, `10s`, `1m30s`, `1h`, `0`. Knows nothing of what they are for.
import type { Parsed, ValueKind } from "./value_kind.ts";

/** The longest duration that is taken: a year. More is a typing error, and would strain arithmetic on times. */
export const MAX_DURATION_MS = 365 * 24 * 3_600_000;

const UNITS = [["h", 3_600_000], ["m", 60_000], ["s", 1_000], ["ms", 1]] as const;

/** Parses a duration to whole milliseconds: numbers with units h, m, s, ms, longest first and each at most once, or `0`. */
export function parseDuration(text: string): Parsed<number> {
  if (text === "0") return { value: 0 };
  if (/^[0-9]+$/.test(text)) return { why: `the unit is missing, as in '${Number(text)}s'` };
  let rest = text;
  let nextUnit = 0;
  let totalMs = 0;
  while (rest !== "") {
    const [part, digits, unitText] = /^([0-9]+)([a-z]+)/.exec(rest) ?? [];
    if (part === undefined) return { why: "it is not a number with a unit" };
    const unit = UNITS.findIndex(([name]) => name === unitText);
    if (unit < 0) return { why: `'${unitText}' is no unit of time here` };
    if (unit < nextUnit) return { why: "its units are not in order, longest first and each once" };
    nextUnit = unit + 1;
    totalMs += Number(digits) * UNITS[unit]![1];
    rest = rest.slice(part.length);
  }
  if (text === "") return { why: "it is empty" };
  return totalMs > MAX_DURATION_MS ? { why: `the longest is ${formatDuration(MAX_DURATION_MS)}` } : { value: totalMs };
}

/** Formats whole milliseconds the way parseDuration() reads them. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  let restMs = durationMs;
  let text = "";
  for (const [name, unitMs] of UNITS) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${name}`;
    restMs -= count * unitMs;
  }
  return text;
}

/** A duration in milliseconds; 0 means no limit. */
export const DURATION: ValueKind<number> = {
  placeholder: "DURATION",
  expected: "a duration such as '500ms', '10s', '1m30s' or '1h', or '0'",
  parse: parseDuration,
};
