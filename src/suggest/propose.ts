// Owns which rules would have let through what a log shows, and nothing that it shows closed. Formats nothing.
import { parseRuleName } from "../address/host.ts";
import type { IpAddress } from "../address/ip_address.ts";
import { coverAddresses } from "./cover_addresses.ts";
import { compareNames, coverNames } from "./cover_names.ts";
import type { FindDomain } from "./domains.ts";
import type { HostTally, Tally } from "./tally.ts";

/** One rule. */
export interface ProposedRule {
  readonly text: string;
  /** Whether it is an address or a range. */
  readonly isAddress: boolean;
  readonly hosts: readonly HostTally[];
}

/** The rules for the names of one domain. */
export interface ProposedGroup {
  /** The registrable domain, or the name itself where it has none. */
  readonly domain: string;
  readonly rules: readonly ProposedRule[];
}

/** What a log comes to. Names and addresses in a fixed order, whatever the order of the log. */
export interface Proposal {
  readonly groups: readonly ProposedGroup[];
  readonly addresses: readonly ProposedRule[];
  /** Denied by a rule, if only once: no rule is proposed. */
  readonly denied: readonly HostTally[];
  /** Refused because no rule matched: no rule is proposed. */
  readonly refused: readonly HostTally[];
  /** Let through, and no rule can be written for it. */
  readonly unwritable: readonly HostTally[];
}

/** Makes the rules. `wildcardFrom` is the least number of names in a zone that become a wildcard, 0 for none. */
export function proposeRules(tally: Tally, findDomain: FindDomain, wildcardFrom: number): Proposal {
  const hosts = [...tally.hosts.values()];
  const denied = hosts.filter((one) => one.denied > 0);
  const refused = hosts.filter((one) => one.denied === 0 && one.refused > 0);
  const open = hosts.filter((one) => one.denied === 0 && one.refused === 0);
  const names = open.filter((one) => one.address === undefined);
  const isWritable = ({ host }: HostTally) => parseRuleName(host) === host;
  const named = names.filter((one) => one.isRemote && isWritable(one));
  const byHost = (one: HostTally, other: HostTally) => compareNames(one.host, other.host);
  return {
    groups: groupNames(named, findDomain, wildcardFrom, closedZones(denied, refused)),
    addresses: proposeAddresses(open, new Set(denied.concat(refused).map(({ host }) => host))),
    denied: denied.sort(byHost),
    refused: refused.sort(byHost),
    unwritable: names.filter((one) => one.isRemote && !isWritable(one)),
  };
}

function groupNames(
  names: readonly HostTally[],
  findDomain: FindDomain,
  wildcardFrom: number,
  mayOpen: (zone: string) => boolean,
): ProposedGroup[] {
  const groups = new Map<string, { readonly isListed: boolean; readonly hosts: HostTally[] }>();
  for (const one of names) {
    const domain = findDomain(one.host);
    const key = domain ?? lastLabels(one.host);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { isListed: domain !== undefined, hosts: [one] });
    else group.hosts.push(one);
  }
  const domains = [...groups.keys()].sort(compareNames);
  return domains.map((domain) => {
    const { isListed, hosts } = groups.get(domain)!;
    // Who may register below an unlisted top is not known, so neither is how far a wildcard there would reach.
    const covers = coverNames(hosts, domain, isListed ? wildcardFrom : 0, mayOpen);
    return { domain, rules: covers.map((cover) => ({ ...cover, isAddress: false })) };
  });
}

function lastLabels(name: string): string {
  return name.split(".").slice(-2).join(".");
}

/** Addresses that were targets themselves, and those that are not remote, which no name rule opens. */
function proposeAddresses(open: readonly HostTally[], closed: ReadonlySet<string>): ProposedRule[] {
  const leading = new Map<string, { readonly address: IpAddress; readonly hosts: HostTally[] }>();
  for (const one of open) {
    const addresses = one.address === undefined ? [...one.specialAddresses.values()] : [one.address];
    for (const address of addresses) {
      if (closed.has(address.text)) continue;
      const entry = leading.get(address.text);
      if (entry === undefined) leading.set(address.text, { address, hosts: [one] });
      else entry.hosts.push(one);
    }
  }
  const covers = coverAddresses([...leading.values()].map(({ address }) => address));
  return covers.map(({ text, addresses }) => ({
    text,
    isAddress: true,
    hosts: [...new Set(addresses.flatMap((address) => leading.get(address.text)!.hosts))],
  }));
}

/** Says of a zone whether a wildcard for it would open nothing that was denied or refused, nor anything that a denying rule of the log covers. */
function closedZones(denied: readonly HostTally[], refused: readonly HostTally[]): (zone: string) => boolean {
  const closed = new Set<string>();
  const closedSubtrees = new Set<string>();
  const close = (name: string) => {
    for (const zone of zonesOf(name)) closed.add(zone);
  };
  for (const { host, denyingRules } of [...denied, ...refused]) {
    close(host);
    for (const rule of denyingRules) {
      const pattern = rule.slice(1);
      const name = parseRuleName(pattern.startsWith("*.") ? pattern.slice(2) : pattern);
      if (typeof name !== "string") continue;
      close(name);
      if (pattern.startsWith("*.")) closedSubtrees.add(name);
    }
  }
  return (zone) => !closed.has(zone) && !zonesOf(zone).some((above) => closedSubtrees.has(above));
}

/** A name and every zone that it is in: "a.b.c" is in "b.c" and in "c". */
function zonesOf(name: string): string[] {
  const zones = [name];
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) zones.push(name.slice(dot + 1));
  return zones;
}
