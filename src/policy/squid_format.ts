// Owns the lines that the original image wrote into its squid.conf, byte for byte, with its own reading of the rule text
// (github.com/openshift/images, egress/http-proxy/egress-http-proxy.sh) and none of our grammar: it exists to compare.

/** What the original prints and how it ends. */
export interface SquidOutput {
  /** Lines printed before the end, an error's end too. */
  readonly stdout: string;
  /** "" or the one line of its error. */
  readonly stderr: string;
  readonly exitCode: 0 | 1;
}

/** Bash's idea of an address: any run of hexadecimal digits, dots and colons with a dot or colon before its end. */
const ADDRESS = /^[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]+(?:\/[0-9]+)?$/;

/** [:alnum:] in a UTF-8 locale. */
const NAME = /^[\p{Alphabetic}\p{Nd}][\p{Alphabetic}\p{Nd}.-]+$/u;

/** The original means blank lines here, but its shell takes the backslash of `\w` away: lines of the letter w are skipped. */
const SKIPPED = /^(?:w*$|#)/;

/** Formats the squid access lists that the original makes of a rule text, with the error and exit code where it refuses it. */
export function formatSquidAcls(text: string): SquidOutput {
  if (text === "") return { stdout: "", stderr: "No EGRESS_HTTP_PROXY_DESTINATION specified\n", exitCode: 1 };
  let stdout = "";
  let count = 0;
  let hasWildcard = false;
  const fail = (message: string): SquidOutput => ({ stdout, stderr: `${message}\n`, exitCode: 1 });
  for (const line of readShellLines(text)) {
    if (SKIPPED.test(line)) continue;
    count++;
    if (line === "*") {
      hasWildcard = true;
      continue;
    }
    if (hasWildcard) return fail("Wildcard must be last rule, if present");
    const action = line.startsWith("!") ? "deny" : "allow";
    const destination = action === "deny" ? line.slice(1) : line;
    stdout += "\n";
    const value = squidValue(destination);
    if (value === undefined) return fail(`Bad destination '${destination}'`);
    stdout += `acl dest${count} ${value}\nhttp_access ${action} dest${count}\n`;
  }
  stdout += `\nhttp_access ${hasWildcard ? "allow" : "deny"} all\n`;
  return { stdout, stderr: "", exitCode: 0 };
}

function squidValue(destination: string): string | undefined {
  if (ADDRESS.test(destination)) return `dst ${destination}`;
  if (destination.startsWith("*.") && NAME.test(destination.slice(2))) return `dstdomain ${destination.slice(1)}`;
  return NAME.test(destination) ? `dstdomain ${destination}` : undefined;
}

/**
 * Reads lines as the shell's `read NAME` without -r does from a here-string: blanks around a line go; a backslash makes
 * the next character part of a word and vanishes, before a line end it joins the lines, and what it joins to the end of
 * the text is never read. An escaped blank at the end stays only where the line is one word.
 */
function* readShellLines(text: string): Generator<string> {
  let line = "";
  /** The length of the first word, once a blank has ended it. */
  let wordLength: number | undefined;
  let isOneWord = true;
  for (let i = 0; i <= text.length; i++) {
    let character = i < text.length ? text[i] ?? "" : "\n";
    const isEscaped = character === "\\";
    if (isEscaped) {
      i++;
      if (i >= text.length) return;
      character = text[i] ?? "";
      if (character === "\n") continue;
    }
    if (character === "\n") {
      yield isOneWord ? line.slice(0, wordLength) : line.replace(/[ \t]+$/, "");
      line = "";
      wordLength = undefined;
      isOneWord = true;
    } else if (!isEscaped && (character === " " || character === "\t")) {
      if (line === "") continue;
      wordLength ??= line.length;
      line += character;
    } else {
      if (wordLength !== undefined) isOneWord = false;
      line += character;
    }
  }
}
