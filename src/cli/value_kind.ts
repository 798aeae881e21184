// Owns what a kind of option value is, and the simple kinds: text, whole numbers, choices, switches, lists.
// Knows no option by name and no source of values.

/** What came of reading a value: the value, or one clause saying why it cannot be one. */
export type Parsed<T> = { readonly value: T } | { readonly why: string };

/** A kind of value that an option may have: how it is read, and how help and errors describe it. */
export interface ValueKind<T> {
  /** What stands for the value in help, such as `ADDR`; undefined for a flag that takes none. */
  readonly placeholder: string | undefined;
  /** What is expected, as errors say it. */
  readonly expected: string;
  /** Whether the flag may be given more than once; its values are then joined by commas, as in the variable. */
  readonly repeatable?: boolean;
  /** Whether the flag stands for this text where it is given without a value. */
  readonly bareValue?: string;
  parse(text: string): Parsed<T>;
}

/** Makes a kind that takes any text as it is, an empty one too. */
export function anyText(placeholder: string): ValueKind<string> {
  return { placeholder, expected: "a text", parse: (value) => ({ value }) };
}

/** The name of a network interface: what Linux takes for one. */
export const INTERFACE_NAME: ValueKind<string> = {
  placeholder: "NAME",
  expected: "1 to 15 visible characters without '/' and ':'",
  parse(value) {
    if (!/^[!-.0-9;-~]{1,15}$/.test(value) || value === "." || value === "..") {
      return { why: "it cannot be the name of an interface" };
    }
    return { value };
  },
};

/** Makes a kind that takes a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): ValueKind<number> {
  return {
    placeholder: "N",
    expected: `a whole number from ${least} to ${most}`,
    parse: (text) => parseWholeNumber(text, least, most),
  };
}

/** Parses plain decimal digits between two bounds; the refusal says which of the two it was. */
export function parseWholeNumber(text: string, least: number, most: number): Parsed<number> {
  if (!/^[0-9]+$/.test(text)) return { why: "it is not a whole number" };
  const value = Number(text);
  if (value < least) return { why: `the least is ${least}` };
  if (value > most) return { why: `the most is ${most}` };
  return { value };
}

/** Makes a kind that takes one of a few words; `aliases` are further spellings that are not shown. */
export function choice<const W extends string>(
  words: readonly W[],
  aliases: Readonly<Record<string, W>> = {},
): ValueKind<W> {
  return {
    placeholder: words.join("|"),
    expected: words.length === 1 ? `'${words[0]}'` : `one of ${words.map((word) => `'${word}'`).join(", ")}`,
    parse(text) {
      const word = words.find((one) => one === text) ?? (Object.hasOwn(aliases, text) ? aliases[text] : undefined);
      return word === undefined ? { why: "it is none of the known words" } : { value: word };
    },
  };
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  "1": true,
  off: false,
  false: false,
  no: false,
  "0": false,
};

/** A setting that is on or off: the bare flag turns it on, a variable or `--flag=off` says which. */
export const ON_OFF: ValueKind<boolean> = {
  placeholder: "on|off",
  expected: "'on' or 'off'",
  bareValue: "on",
  parse(text) {
    const value = Object.hasOwn(SWITCH_WORDS, text) ? SWITCH_WORDS[text] : undefined;
    return value === undefined ? { why: "it is neither" } : { value };
  },
};

/** A flag of one command that takes no value at all. */
export const BARE_FLAG: ValueKind<boolean> = {
  placeholder: undefined,
  expected: "no value",
  parse: (text) => text === "on" ? { value: true } : { why: "it takes no value" },
};

/** Makes a kind of comma-separated values out of one value's kind; the flag may be repeated. */
export function listOf<T>(kind: ValueKind<T>): ValueKind<readonly T[]> {
  return {
    placeholder: kind.placeholder,
    expected: kind.expected,
    repeatable: true,
    parse(text) {
      const values: T[] = [];
      for (const part of text.split(",")) {
        const item = trimBlanks(part);
        if (item === "") return { why: "there is nothing before or after a comma" };
        const parsed = kind.parse(item);
        if ("why" in parsed) return parsed;
        values.push(parsed.value);
      }
      return { value: values };
    },
  };
}

/** Drops space, tab and line ends around a value: a variable filled from a YAML block ends with a line feed. */
export function trimBlanks(text: string): string {
  return text.replace(/^[ \t\r\n]+/, "").replace(/[ \t\r\n]+$/, "");
}
