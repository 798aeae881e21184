// Owns the one line that says what was decided and why: in 403 bodies, logs and `explain`. ASCII only, so that it can
// stand in a header field. Decides nothing.
import { formatQuotedOctets } from "../address/quoted_text.ts";
import type { Decision } from "./decide.ts";
import { formatRule, type Rule } from "./rule.ts";

/** Formats a decision on `subject` (a host, host:port, or "name (address)") as one line of ASCII without a full stop. */
export function formatDecision(decision: Decision, subject: string): string {
  return `${formatQuotedOctets(subject).slice(1, -1)}: ${explainDecision(decision)}`;
}

/** Formats a rule's place and text: "rule 2 at line 3 '!*.example.com'". */
export function formatRuleReference(rule: Rule): string {
  const text = /^[\x20-\x7e]*$/.test(rule.text) ? rule.text : formatRule(rule);
  return `rule ${rule.number} at line ${rule.line} ${formatQuotedOctets(text)}`;
}

function explainDecision({ verdict, rule, passedOver, special, embedded, loopback }: Decision): string {
  if (verdict === "needs-address") {
    const first = rule === undefined ? "an address rule" : formatRuleReference(rule);
    return `depends on its addresses, ${first} is tried first`;
  }
  if (rule !== undefined && (passedOver === undefined || special !== undefined)) {
    let inside = embedded === undefined ? "" : ` for the embedded address ${embedded.text}`;
    if (loopback !== undefined) inside = ` for ${loopback.text}, which a connection to it would reach`;
    return `${verdict === "allow" ? "allowed" : "denied"} by ${formatRuleReference(rule)}${inside}`;
  }
  if (passedOver === undefined) return "denied: no rule matches";
  const passed = formatRuleReference(passedOver);
  if (special === undefined) return `denied: every remote address is denied before ${passed}`;
  return `denied: ${passed} opens only remote addresses and this is ${special}; no later rule matches`;
}
