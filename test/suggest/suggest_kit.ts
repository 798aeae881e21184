// Owns how the tests of suggestions make log lines, and ask a suggested text what it decides.
import { IpAddress } from "../../src/address/ip_address.ts";
import { decideAddress, decideName, decideNameAddress } from "../../src/policy/decide.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";
import { loadDomains } from "../../src/suggest/domains.ts";
import { formatProposal } from "../../src/suggest/format_rules.ts";
import { proposeRules } from "../../src/suggest/propose.ts";
import { Tally } from "../../src/suggest/tally.ts";

const findDomain = await loadDomains();

/** A JSON line as the proxy writes it. */
export function logLine(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    time: "2026-11-26T14:00:00.000Z",
    level: "info",
    message: "tunnel",
    client: "10.0.0.1:50000",
    method: "CONNECT",
    port: 443,
    decision: "allow",
    status: 200,
    bytes_from_client: 0,
    bytes_to_client: 0,
    duration_ms: 1,
    ...fields,
  });
}

/** The text that is suggested for lines. */
export function suggestText(lines: readonly string[], wildcardFrom = 0): string {
  const tally = new Tally();
  for (const line of lines) tally.add(line);
  return formatProposal(tally, proposeRules(tally, findDomain, wildcardFrom), wildcardFrom > 0);
}

/** The rules of a text, without its comments. */
export function rulesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** Asks a text about a host: an address, or a name and the address that it leads to. */
export function isAllowed(text: string, host: string, upstream = "198.51.100.99"): boolean {
  const policy = Policy.compile(parseRules(text).rules);
  const address = IpAddress.parse(host);
  if (address !== undefined) return decideAddress(policy, address).verdict === "allow";
  if (decideName(policy, host).verdict === "deny") return false;
  return decideNameAddress(policy, host, IpAddress.parse(upstream)!).verdict === "allow";
}
