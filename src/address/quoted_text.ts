// Owns how text from outside is shown inside a one-line message: quoted, cut, and with nothing that could move a
// terminal's cursor, end a line or hide. Knows nothing of what the text means.

/** The most characters of a quoted text that a message shows. */
const MAX_SHOWN_CHARACTERS = 400;

/** What a terminal or an editor does not show as itself: controls, format characters (bidi too), separators, lone surrogates. */
const HIDDEN = /[\p{C}\p{Z}]/u;

/** Formats one character for a message: itself where it is visible, else as `\xNN` or `\u{N}`. */
export function formatShownCharacter(character: string): string {
  if (character === " " || !HIDDEN.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** Formats text of Unicode characters in single quotes, hidden characters escaped and the rest cut after 400. */
export function formatQuotedText(text: string): string {
  let shown = "";
  let count = 0;
  for (const character of text) {
    if (count === MAX_SHOWN_CHARACTERS) return `'${shown}...'`;
    shown += formatShownCharacter(character);
    count++;
  }
  return `'${shown}'`;
}

/**
 * Formats octets (one character each) in single quotes with ASCII alone: what is not printable ASCII, and the double
 * quote and backslash that a structured header field would have to escape, is shown as `\xNN`.
 */
export function formatQuotedOctets(octets: string): string {
  let shown = "";
  const end = Math.min(octets.length, MAX_SHOWN_CHARACTERS);
  for (let i = 0; i < end; i++) {
    const code = octets.charCodeAt(i);
    const isPlain = code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
    shown += isPlain ? octets[i] : `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return end < octets.length ? `'${shown}...'` : `'${shown}'`;
}
