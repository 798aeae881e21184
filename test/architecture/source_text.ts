// Owns reading TypeScript sources as text: what a file imports, and its code without comments and string contents.
// A scanner and no parser: it knows tokens, not grammar.

/** One import, re-export or dynamic import with a literal specifier. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** A source file in the two forms that the checks read. Offsets and lines are those of the file in all forms. */
export interface Source {
  /** Path below the root, `/`-separated: `src/policy/rule.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked. */
  readonly uncommented: string;
  /** The text with comments and the contents of strings, templates and regular expressions blanked. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** Reads what the checks need of one file. */
export function parseSource(path: string, text: string): Source {
  const { uncommented, code } = blank(text);
  return { path, text, uncommented, code, imports: parseImports(uncommented, code) };
}

/** The 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let index = text.indexOf("\n"); index >= 0 && index < offset; index = text.indexOf("\n", index + 1)) line++;
  return line;
}

/** A specifier stands behind `from`, behind a bare `import`, or in `import(…)`; a keyword counts only where it is code. */
function parseImports(uncommented: string, code: string): Import[] {
  const found: Import[] = [];
  for (const match of uncommented.matchAll(/\b(from|import)(\s*\(\s*|\s*)(["'])([^"'\n]+)\3/g)) {
    const [, keyword, between, , specifier] = match;
    if (!code.startsWith(keyword ?? "", match.index) || specifier === undefined) continue;
    if (keyword === "from" && between?.includes("(")) continue;
    found.push({ specifier, line: lineAt(uncommented, match.index) });
  }
  return found;
}

const REGEX_MAY_FOLLOW = /(?:^|[(,=:;[!&|?{}+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|delete|await|yield))\s*$/;

function blank(text: string): { uncommented: string; code: string } {
  const uncommented = text.split("");
  const code = text.split("");
  const erase = (chars: string[], from: number, to: number) => {
    for (let index = from; index < to; index++) if (chars[index] !== "\n") chars[index] = " ";
  };
  // Depths of braces at which a template's `${` was opened.
  const templates: number[] = [];
  let depth = 0;
  let index = 0;

  const skipTemplate = (from: number): number => {
    let at = from;
    while (at < text.length && text[at] !== "`") {
      if (text[at] === "\\") at++;
      else if (text[at] === "$" && text[at + 1] === "{") {
        erase(code, from, at);
        templates.push(depth);
        depth++;
        return at + 2;
      }
      at++;
    }
    erase(code, from, at);
    return at + 1;
  };

  while (index < text.length) {
    const char = text[index];
    const two = text.slice(index, index + 2);
    if (two === "//" || two === "/*") {
      const close = two === "//" ? text.indexOf("\n", index) : text.indexOf("*/", index + 2) + 2;
      const end = close < index ? text.length : close;
      erase(uncommented, index, end);
      erase(code, index, end);
      index = end;
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(text, index, char);
      erase(code, index + 1, end);
      index = end + 1;
    } else if (char === "`") {
      index = skipTemplate(index + 1);
    } else if (char === "/" && REGEX_MAY_FOLLOW.test(text.slice(Math.max(0, index - 40), index))) {
      const end = endOfRegex(text, index);
      erase(code, index + 1, end);
      index = end + 1;
    } else {
      if (char === "{") depth++;
      if (char === "}") {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          index = skipTemplate(index + 1);
          continue;
        }
      }
      index++;
    }
  }
  return { uncommented: uncommented.join(""), code: code.join("") };
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at;
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== "\n") {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at;
    at++;
  }
  return at;
}
