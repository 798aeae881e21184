// Owns what one rule is and its normal text. Knows nothing of how rules are read or decided.
import type { Cidr } from "../address/cidr.ts";
import type { IpAddress } from "../address/ip_address.ts";

/** What a rule matches. */
export type RuleMatch =
  | { readonly kind: "address"; readonly address: IpAddress }
  | { readonly kind: "range"; readonly cidr: Cidr }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "subdomains"; readonly name: string }
  | { readonly kind: "any" };

/** One line of the rule text that is a rule. */
export interface Rule {
  /** 1-based, among the rules. */
  readonly number: number;
  /** 1-based, in the text. */
  readonly line: number;
  /** 1-based, in characters: where the rule begins on its line. */
  readonly column: number;
  /** The line as written, without the white space around it. */
  readonly text: string;
  readonly action: "allow" | "deny";
  /** Names are in normal form: lower case, A-labels, no trailing dot. "subdomains" matches the name itself too. */
  readonly match: RuleMatch;
}

/** Formats what a rule matches in its normal form: ASCII, and the same for all spellings of the same thing. */
export function formatRuleMatch(match: RuleMatch): string {
  switch (match.kind) {
    case "address":
      return match.address.text;
    case "range":
      return match.cidr.text;
    case "name":
      return match.name;
    case "subdomains":
      return `*.${match.name}`;
    case "any":
      return "*";
  }
}

/** Formats a rule in its normal form, as a line of rule text: ASCII. */
export function formatRule(rule: Rule): string {
  return rule.action === "deny" ? `!${formatRuleMatch(rule.match)}` : formatRuleMatch(rule.match);
}
