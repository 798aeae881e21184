// Owns the reasons why a line is no rule, in words that say what to write instead. Called only for bad lines, so it may be slow.
import { explainPrefixLength } from "../address/cidr.ts";
import { parseRuleName } from "../address/host.ts";
import { formatQuotedText } from "../address/quoted_text.ts";

/** Why a text is no destination, and where. */
export interface BadDestination {
  readonly why: string;
  /** Index of the culprit in the text, in UTF-16 code units. */
  readonly index: number;
}

interface Suspect {
  readonly pattern: RegExp;
  readonly why: string | ((found: RegExpExecArray, text: string) => string);
}

/** What people write, the most telling first. The first that is found is the reason given; the caret is at its match. */
const SUSPECTS: readonly Suspect[] = [
  { pattern: /^$/, why: "nothing follows the '!'" },
  { pattern: /^!/, why: "one '!' denies, leave the second out" },
  { pattern: /^[ \t]+/, why: "leave out the white space behind the '!'" },
  { pattern: /^\*$/, why: "'*' cannot be denied, what no rule matches is denied anyway" },
  { pattern: /^[A-Za-z][A-Za-z0-9+.-]*:\/\//, why: (found) => `write the host without ${found[0]}` },
  {
    pattern: /(?![ \t])[\p{C}\p{Z}]/u,
    why: (found) => `the character ${formatQuotedText(found[0])} is not allowed`,
  },
  { pattern: /#/, why: "a comment needs a line of its own" },
  { pattern: /@/, why: "user information is not part of a rule" },
  { pattern: /[,;]/, why: "write one destination a line" },
  { pattern: /[ \t]/, why: "white space is not allowed inside a destination, write one destination a line" },
  { pattern: /\\/, why: "a backslash is not allowed, and does not join lines" },
  { pattern: /%/, why: "a zone id or percent-escape is not part of a rule" },
  { pattern: /^\[[^\]]*\]:/, why: "ports are not part of a rule, and an IPv6 address is written without brackets" },
  { pattern: /[[\]]/, why: "write an IPv6 address without brackets" },
  { pattern: /\/.*\//, why: "one '/' and a prefix length make a range" },
  {
    pattern: /^\*\.(?=[0-9.]+(?:\/|$))/,
    why: "'*.' goes before a name, an address range is written with a prefix length, as in 10.0.0.0/8",
  },
  { pattern: /\*(?=.)(?!\.)|(?<=.)\*/, why: "'*' stands alone, or as '*.' before a name, as in *.example.com" },
  { pattern: /^\*\.$/, why: "a name must follow '*.'" },
  { pattern: /^\.(?=[^.])/, why: (_found, text) => `write *${text} for a name and all names under it` },
  { pattern: /(?<=\/)-.*|(?<=\/)\+.*/, why: "prefix length must be plain digits" },
];

const DOTTED_NUMBERS = /^[0-9a-fx.]*[0-9][0-9a-fx.]*$/i;

/** Says why the text (a rule line without its "!") is no destination. */
export function explainBadDestination(text: string): BadDestination {
  for (const { pattern, why } of SUSPECTS) {
    const found = pattern.exec(text);
    if (found !== null) return { why: typeof why === "string" ? why : why(found, text), index: found.index };
  }
  const slash = text.indexOf("/");
  if (slash >= 0) return explainRange(text.slice(0, slash), text.slice(slash + 1));
  const colon = text.indexOf(":");
  if (colon >= 0) return explainColon(text, colon);
  return { why: explainName(text.startsWith("*.") ? text.slice(2) : text), index: text.startsWith("*.") ? 2 : 0 };
}

function explainRange(addressText: string, lengthText: string): BadDestination {
  const lengthIndex = addressText.length + 1;
  if (/^[0-9]+(?:\.[0-9]+){3}$/.test(lengthText)) {
    return { why: "write a prefix length instead of a netmask, as in 10.0.0.0/8", index: lengthIndex };
  }
  const why = explainPrefixLength(addressText, lengthText);
  if (why !== undefined) return { why, index: lengthIndex };
  if (addressText.includes(":")) return { why: "what stands before the '/' is not an IPv6 address", index: 0 };
  if (DOTTED_NUMBERS.test(addressText)) return { why: explainNumbers(addressText), index: 0 };
  return { why: "paths are not part of a rule", index: addressText.length };
}

function explainColon(text: string, colon: number): BadDestination {
  const isOnlyColon = text.indexOf(":", colon + 1) < 0;
  if (isOnlyColon && /^[0-9]*$/.test(text.slice(colon + 1))) {
    return { why: "ports are not part of a rule", index: colon };
  }
  return { why: "it is not an IPv6 address", index: isOnlyColon ? colon : 0 };
}

function explainName(text: string): string {
  const range = /^[0-9.]+-[0-9.]+$/.test(text);
  if (range) return "a range of addresses is written with a prefix length, as in 10.0.0.0/8";
  if (DOTTED_NUMBERS.test(text) && !/\.\.|^\.|\.$/.test(text)) {
    const name = parseRuleName(text);
    if (typeof name !== "string") return explainNumbers(text);
  }
  const name = parseRuleName(text);
  return typeof name === "string" ? "it is neither a name nor an address" : name.error;
}

function explainNumbers(text: string): string {
  const parts = text.split(".");
  if (/^[0-9.]+$/.test(text)) {
    if (parts.length === 4 && parts.some((part) => part.length > 1 && part.startsWith("0"))) {
      return "the numbers of an IPv4 address must not have leading zeros";
    }
    if (parts.some((part) => Number(part) > 255) && parts.length === 4) {
      return "the numbers of an IPv4 address are 0 to 255";
    }
  }
  return "an IPv4 address is four decimal numbers, as in 192.0.2.1";
}
