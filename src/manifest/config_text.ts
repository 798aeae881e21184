// Owns the rule text as a ConfigMap carries it: the same rules on the same lines, in characters that every YAML parser
// reads alike. Knows nothing of what the rules mean.

// What go-yaml, which kubectl reads with, refuses or takes for a line end (YAML 1.1 has NEL, LS and PS among those).
// deno-lint-ignore no-control-regex
const TROUBLESOME = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\p{Cs}]/gu;

/**
 * Formats a rule text for a ConfigMap: LF alone ends lines, blanks around lines and empty lines at the end are gone,
 * and what no YAML parser is sure to read is U+FFFD. In a comment that changes nothing; whether it changed a rule is
 * the caller's to find out.
 */
export function formatConfigText(text: string): string {
  const lines = text.replace(/^\ufeff/, "").split("\n").map((line) =>
    line.replace(/\r$/, "").replace(/^[ \t]+/, "").replace(/[ \t]+$/, "").replace(TROUBLESOME, "\ufffd")
  );
  return `${lines.join("\n").replace(/\n+$/, "")}\n`;
}
