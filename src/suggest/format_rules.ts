// Owns the rule text that is made of a proposal: rules as they are to be used, everything else in comments.
import { formatQuotedText } from "../address/quoted_text.ts";
import type { Proposal, ProposedRule } from "./propose.ts";
import type { HostTally, Tally } from "./tally.ts";

/** So many closed hosts are named, those with most requests first. */
const MAX_CLOSED = 200;
/** From so many names of one domain on, a comment says that a wildcard would be shorter. */
const HINT_FROM = 5;

/** Formats the rule text; it ends with a line feed. `isWild` says whether wildcards were asked for. */
export function formatProposal(tally: Tally, proposal: Proposal, isWild: boolean): string {
  const lines = formatHeader(tally, proposal);
  for (const { domain, rules } of proposal.groups) {
    const names = rules.reduce((sum, { hosts }) => sum + hosts.length, 0);
    lines.push("", `# ${domain}: ${countOf(names, "name")}, ${countOf(requestsOf(rules), "request")}`);
    if (!isWild && rules.length >= HINT_FROM) {
      lines.push(`# --wildcard-from ${rules.length} or less makes fewer lines of these, which open more`);
    }
    for (const rule of rules) lines.push(`# ${describeRule(rule)}`, rule.text);
  }
  if (proposal.addresses.length > 0) {
    lines.push(
      "",
      `# ${countOf(proposal.addresses.length, "address rule")}, ${countOf(requestsOf(proposal.addresses), "request")}`,
      "# With any of them a name that no rule above allows is looked up, to see whether it leads there",
    );
    for (const rule of proposal.addresses) lines.push(`# ${describeRule(rule)}`, rule.text);
  }
  const { denied, refused, unwritable } = proposal;
  lines.push(...formatClosed("Denied by a rule, if only once; no rule here opens", denied, ({ denied }) => denied));
  lines.push(...formatClosed("Refused, since no rule matched; no rule here opens", refused, ({ refused }) => refused));
  lines.push(...formatClosed("Let through, and no rule can be written for", unwritable, ({ seen }) => seen));
  return `${lines.join("\n")}\n`;
}

function formatHeader(tally: Tally, { groups, addresses }: Proposal): string[] {
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0) + addresses.length;
  const lines = [
    `# ${countOf(rules, "rule")} for what ${countOf(tally.requestCount, "request")} in ${
      countOf(tally.lineCount, "log line")
    } asked for`,
  ];
  if (tally.firstTime !== "") lines.push(`# from ${shown(tally.firstTime)} to ${shown(tally.lastTime)}`);
  if (groups.length > 0) {
    lines.push("# Put your own rules that deny in front: a name opens every remote address that it leads to");
  }
  if (tally.brokenCount > 0) lines.push(`# ${countOf(tally.brokenCount, "line")} could not be read`);
  if (tally.untoldCount > 0) lines.push(`# too many hosts: ${countOf(tally.untoldCount, "request")} left out`);
  return lines;
}

function describeRule({ isAddress, hosts }: ProposedRule): string {
  const requests = hosts.reduce((sum, { seen }) => sum + seen, 0);
  const ports = [...new Set(hosts.flatMap(({ ports }) => [...ports]))].sort((one, other) => one - other);
  const last = hosts.reduce((time, { lastTime }) => lastTime > time ? lastTime : time, "");
  // A name that leads to an address that is not remote has no rule of its own: the address is what is opened.
  const byName = hosts.filter(({ address }) => address === undefined).map(({ host }) => shown(host));
  return [
    countOf(requests, "request"),
    ...(hosts.length > 1 && !isAddress ? [countOf(hosts.length, "name")] : []),
    ...(ports.length === 0 ? [] : [`port ${ports.join(" ")}`]),
    ...(last === "" ? [] : [`last ${shown(last)}`]),
    ...(isAddress && byName.length > 0 ? [`by the name ${byName.slice(0, 5).join(" ")}`] : []),
  ].join(", ");
}

function formatClosed(title: string, hosts: readonly HostTally[], countIn: (one: HostTally) => number): string[] {
  if (hosts.length === 0) return [];
  const most = [...hosts].sort((one, other) => countIn(other) - countIn(one)).slice(0, MAX_CLOSED);
  const lines = most.map((one) => {
    const rules = [...one.denyingRules].map((rule) => formatQuotedText(rule)).join(", ");
    const isClosed = one.denied + one.refused > 0;
    const also = isClosed && one.seen > 0 ? `, let through ${countOf(one.seen, "time")}` : "";
    return `#   ${String(countIn(one)).padStart(7)}  ${shown(one.host)}${rules === "" ? "" : `  by ${rules}`}${also}`;
  });
  const untold = hosts.length - most.length;
  if (untold > 0) lines.push(`#   and ${untold} more`);
  return ["", `# ${title} (requests, host):`, ...lines];
}

function requestsOf(rules: readonly ProposedRule[]): number {
  const hosts = new Set(rules.flatMap((rule) => rule.hosts));
  return [...hosts].reduce((sum, { seen }) => sum + seen, 0);
}

/** What comes from a log may be anything; in a comment it must stay on its line. */
function shown(text: string): string {
  return /^[!-~]*$/.test(text) ? text : formatQuotedText(text);
}

function countOf(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith("s") ? `${noun}es` : `${noun}s`}`;
}
