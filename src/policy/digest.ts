// Owns the short fingerprint by which two rule lists are told apart in logs. Not a cryptographic hash.
import { formatRule, type Rule } from "./rule.ts";

/** Digests the normal form of the rules, one a line, by 64-bit FNV-1a: "fnv1a64:" and 16 hexadecimal digits. */
export function digestRules(rules: readonly Rule[]): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const mix = (octet: number) => {
    // The prime is 2^40 + 0x1b3; each product stays below 2^53.
    low = (low ^ octet) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + (low << 8 >>> 0)) >>> 0;
    low = product >>> 0;
  };
  for (const rule of rules) {
    const text = formatRule(rule);
    for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
    mix(0x0a);
  }
  const hex = (word: number) => word.toString(16).padStart(8, "0");
  return `fnv1a64:${hex(high)}${hex(low)}`;
}
