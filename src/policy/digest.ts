// Owns the short fingerprint by which two rule lists are told apart in logs. Not a cryptographic hash.
import { formatRule, type Rule } from "./rule.ts";
import { finishSteps } from "./steps.ts";

const LINES_PER_STEP = 1024;

/** Digests a text as it stands, in the same form; for one of which no rules can be made. */
export function digestText(text: string): string {
  return finishSteps(digestLines([text]));
}

/** Digests the normal form of the rules, one a line, by 64-bit FNV-1a: "fnv1a64:" and 16 hexadecimal digits. */
export function digestRules(rules: readonly Rule[]): string {
  return finishSteps(digestRulesInSteps(rules));
}

/** The same in steps of about a millisecond. */
export function digestRulesInSteps(rules: readonly Rule[]): Generator<void, string> {
  return digestLines(function* () {
    for (const rule of rules) yield `${formatRule(rule)}\n`;
  }());
}

function* digestLines(lines: Iterable<string>): Generator<void, string> {
  let count = 0;
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const line of lines) {
    if (++count % LINES_PER_STEP === 0) yield;
    for (let i = 0; i < line.length; i++) {
      low = (low ^ line.charCodeAt(i)) >>> 0;
      // The prime is 2^40 + 0x1b3; each product stays below 2^53.
      const product = low * 0x1b3;
      high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + (low << 8 >>> 0)) >>> 0;
      low = product >>> 0;
    }
  }
  const hex = (word: number) => word.toString(16).padStart(8, "0");
  return `fnv1a64:${hex(high)}${hex(low)}`;
}
