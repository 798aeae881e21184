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
export const ROUTER_VARIABLES = ["EGRESS_SOURCE", "EGRESS_GATEWAY"] as const;

/** Whether each step is to be told, as the original's trace was asked for. */
export const ROUTER_DEBUG_VARIABLE = "EGRESS_ROUTER_DEBUG";

/** Reads the variables. Throws UsageError with a line for each bad one, in the original's words. */
export function readRouterSettings(
  env: Readonly<Record<string, string | undefined>>,
  clusterNetworks: readonly Cidr[] = [],
): RouterSettings {
  const problems: string[] = [];
  const [sourceName, gatewayName] = ROUTER_VARIABLES;
  const source = readSource(
    trim(env[sourceName]),
    (why) => problems.push(`${sourceName} unspecified or invalid${why}`),
  );
  const gateway = readHost(
    trim(env[gatewayName]),
    (why) => problems.push(`${gatewayName} unspecified or invalid${why}`),
  );
  if (source !== undefined && gateway !== undefined) {
    const why = explainGateway(gateway, source);
    if (why !== undefined) problems.push(`${gatewayName} unspecified or invalid: '${gateway.text}' is ${why}`);
  }
  if (problems.length > 0 || source === undefined || gateway === undefined) throw new UsageError(problems);
  return {
    source: source.address,
    prefixLength: source.prefixLength,
    gateway,
    clusterNetworks: [...new Map(clusterNetworks.map((network) => [network.text, network])).values()],
  };
}

/** Says what is odd about settings that can be used all the same, one line each. */
export function findOddities({ source, clusterNetworks }: RouterSettings): string[] {
  return clusterNetworks.filter((network) => network.contains(source))
    .map((network) => `The cluster network ${network.text} holds EGRESS_SOURCE '${source.text}'`);
}

type Complain = (why: string) => void;

interface Source {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** Says why an address is no gateway for the source. A source without a length says nothing of what is on its link. */
function explainGateway(gateway: IpAddress, { address, prefixLength }: Source): string | undefined {
  if (address.equals(gateway)) return "EGRESS_SOURCE itself";
  const { cidr } = Cidr.of(address, prefixLength);
  if (prefixLength === 32 || cidr.contains(gateway)) return undefined;
  return `outside EGRESS_SOURCE's network ${cidr.text}; without '/${prefixLength}' there any gateway is taken`;
}

function readSource(text: string, complain: Complain): Source | undefined {
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

/** Drops space, tab and line ends around a value: a variable filled from a YAML block ends with a line feed. */
function trim(text = ""): string {
  return text.replace(/^[ \t\r\n]+/, "").replace(/[ \t\r\n]+$/, "");
}
