// Owns the variables of the original's init container, strictly read. Knows no flag and changes nothing.
import { Cidr } from "../address/cidr.ts";
import { IpAddress } from "../address/ip_address.ts";
import { formatQuotedText } from "../address/quoted_text.ts";
import { specialRangeOf } from "../address/special_range.ts";
import { UsageError } from "../errors.ts";

/** What the network is to be like. */
export interface RouterSettings {
  /** The address that the outside sees. */
  readonly source: IpAddress;
  /** 1 to 32. */
  readonly prefixLength: number;
  readonly gateway: IpAddress;
  /** What stays reachable through the old default gateway. */
  readonly clusterNetworks: readonly Cidr[];
}

/** The variables, in the order in which they are reported. */
export const ROUTER_VARIABLES = ["EGRESS_SOURCE", "EGRESS_GATEWAY", "EGRESS_CLUSTER_NETWORKS"] as const;

/** Whether each step is to be told, as the original's trace was asked for. */
export const ROUTER_DEBUG_VARIABLE = "EGRESS_ROUTER_DEBUG";

/** Reads the settings. Throws UsageError with a line for each bad variable, in the original's words. */
export function readRouterSettings(env: Readonly<Record<string, string | undefined>>): RouterSettings {
  const problems: string[] = [];
  const [sourceName, gatewayName, networksName] = ROUTER_VARIABLES;
  const source = readSource(
    trim(env[sourceName]),
    (why) => problems.push(`${sourceName} unspecified or invalid${why}`),
  );
  const gateway = readHost(
    trim(env[gatewayName]),
    (why) => problems.push(`${gatewayName} unspecified or invalid${why}`),
  );
  if (source !== undefined && gateway !== undefined && source.address.equals(gateway)) {
    problems.push(`${gatewayName} unspecified or invalid: '${gateway.text}' is ${sourceName} itself`);
  }
  const clusterNetworks = readNetworks(
    trim(env[networksName]),
    (why) => problems.push(`${networksName} invalid${why}`),
  );
  if (problems.length > 0 || source === undefined || gateway === undefined) throw new UsageError(problems);
  return { source: source.address, prefixLength: source.prefixLength, gateway, clusterNetworks };
}

/** Says what is odd about settings that can be used all the same, one line each. */
export function findOddities({ source, prefixLength, gateway, clusterNetworks }: RouterSettings): string[] {
  const oddities: string[] = [];
  const { cidr } = Cidr.of(source, prefixLength);
  if (prefixLength < 32 && !cidr.contains(gateway)) {
    oddities.push(`EGRESS_GATEWAY '${gateway.text}' is outside EGRESS_SOURCE's network ${cidr.text}`);
  }
  for (const network of clusterNetworks) {
    if (network.contains(source)) {
      oddities.push(`EGRESS_CLUSTER_NETWORKS ${network.text} holds EGRESS_SOURCE '${source.text}'`);
    }
  }
  return oddities;
}

type Complain = (why: string) => void;

function readSource(text: string, complain: Complain): { address: IpAddress; prefixLength: number } | undefined {
  const [addressText = "", lengthText, ...rest] = text.split("/");
  const address = readHost(addressText, (why) => complain(why), text);
  if (address === undefined) return undefined;
  if (lengthText === undefined) return { address, prefixLength: 32 };
  if (rest.length > 0 || !/^[1-9][0-9]?$/.test(lengthText) || Number(lengthText) > 32) {
    complain(`: the prefix length in ${formatQuotedText(text)} is not 1 to 32`);
    return undefined;
  }
  return { address, prefixLength: Number(lengthText) };
}

function readHost(text: string, complain: Complain, shown: string = text): IpAddress | undefined {
  if (shown === "") return void complain("");
  const address = text.includes(":") ? undefined : IpAddress.parse(text);
  if (address === undefined) return void complain(`: ${formatQuotedText(shown)} is not an IPv4 address`);
  const range = specialRangeOf(address);
  if (range === undefined || range === "link-local") return address;
  return void complain(`: ${formatQuotedText(shown)} is ${range === "unspecified" ? "an" : "a"} ${range} address`);
}

function readNetworks(text: string, complain: Complain): Cidr[] {
  if (text === "") return [];
  const networks = new Map<string, Cidr>();
  for (const part of text.split(",")) {
    const item = trim(part);
    const parsed = item.includes(":") ? undefined : Cidr.parse(item);
    if (parsed === undefined) complain(`: ${formatQuotedText(item)} is not an IPv4 network such as 10.128.0.0/14`);
    else if (parsed.hostBitsMasked) complain(`: '${item}' has host bits set; its network is ${parsed.cidr.text}`);
    else if (parsed.cidr.prefixLength === 0) complain(`: '${item}' is everything, which EGRESS_GATEWAY is for`);
    else networks.set(parsed.cidr.text, parsed.cidr);
  }
  return [...networks.values()];
}

/** Drops space, tab and line ends around a value: a variable filled from a YAML block ends with a line feed. */
function trim(text = ""): string {
  return text.replace(/^[ \t\r\n]+/, "").replace(/[ \t\r\n]+$/, "");
}
