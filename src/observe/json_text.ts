// Owns JSON strings in log lines. What a client sends ends up in them, so this is where log injection is stopped.

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

// Beyond what JSON asks for: C1 controls and DEL drive terminals, U+2028 and U+2029 end lines for some readers,
// format characters (bidi, zero width, tags) make a line look like another, lone surrogates are no UTF-8.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Formats text as one JSON string, quotes included; it never holds a control, a line end or a format character as such. */
export function formatJsonString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(UNSAFE, escapeCharacter);
}

function escapeCharacter(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
