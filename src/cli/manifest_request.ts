// Owns the way from the options of `manifest` to what a manifest is made from: which go together, and what is missing.
// Reads no rules and makes no object.
import type { Cidr } from "../address/cidr.ts";
import type { IpAddress } from "../address/ip_address.ts";
import { proxyLabels } from "../manifest/kubernetes_object.ts";
import { ADMIN_PORT, POD_IP_VARIABLE, PROXY_PORT, RULES_PATH } from "../manifest/pod.ts";
import type { ManifestRequest, OutsideNetwork, Variable } from "../manifest/request.ts";
import { VERSION } from "./command_line.ts";
import { formatDuration } from "./duration.ts";
import type { SourceAddress } from "./kubernetes_value.ts";
import { type OptionName, OPTIONS, type Settings } from "./options.ts";
import type { GivenSettings } from "./settings.ts";

const DRAIN_DELAY_MS = 3_000;
const DRAIN_TIMEOUT_MS = OPTIONS.drainTimeoutMs.fallback;
/** What ending takes beyond draining, before the kubelet kills. */
const GRACE_MARGIN_MS = 2_000;

/** A request without the rules, or all that keeps it from being made, one line each. */
export type ReadRequest =
  | { readonly request: Omit<ManifestRequest, "rules"> }
  | { readonly problems: readonly string[] };

/** Reads what the options ask for. */
export function readManifestRequest(given: GivenSettings): ReadRequest {
  const { settings } = given;
  const problems: string[] = [];
  const network = readNetwork(given, problems);
  const { key, value } = settings.clientLabel ?? { key: "egress-http-proxy-client", value: settings.name };
  if (proxyLabels(settings.name)[key] === value) {
    problems.push(
      badValue("clientLabel", `${key}=${value}`, "the proxy's own pods have it, and would lose their way out"),
    );
  }
  if (settings.clientDns === "off" && settings.clusterIp === undefined) {
    problems.push(
      missing("clusterIp", `'${flag("clientDns")} off'`, "without name servers clients find it by its address"),
    );
  }
  if (problems.length > 0 || network === undefined) return { problems };
  const image = settings.image ?? `egress-http-proxy:${VERSION}`;
  return {
    request: {
      name: settings.name,
      namespace: settings.namespace,
      network,
      image,
      routerImage: settings.routerImage ?? image,
      settings: proxySettings(settings),
      terminationGraceSeconds: Math.ceil((DRAIN_DELAY_MS + DRAIN_TIMEOUT_MS + GRACE_MARGIN_MS) / 1000),
      clients: {
        labelKey: key,
        labelValue: value,
        namespaces: [...new Set(settings.clientNamespaces ?? [settings.namespace])],
        mayUseDns: settings.clientDns === "on",
        serviceAddress: settings.clusterIp,
        clusterNetworks: settings.insideNetworks,
      },
    },
  };
}

/** The proxy's variables. It listens on the pod's cluster address alone: the outside network must have no proxy into the cluster. */
function proxySettings({ podFamily, reportOnly }: Settings): Variable[] {
  const podAddress = podFamily === "ipv6" ? `[$(${POD_IP_VARIABLE})]` : `$(${POD_IP_VARIABLE})`;
  return [
    variable("destinationFile", RULES_PATH),
    variable("listen", `${podAddress}:${PROXY_PORT}`),
    variable("admin", `:${ADMIN_PORT}`),
    variable("drainDelayMs", formatDuration(DRAIN_DELAY_MS)),
    variable("drainTimeoutMs", formatDuration(DRAIN_TIMEOUT_MS)),
    ...(reportOnly ? [variable("reportOnly", "on")] : []),
  ];
}

function variable(option: OptionName, value: string): Variable {
  const name = OPTIONS[option].variable;
  if (name === undefined) throw new Error(`No variable for '${option}'`);
  return { name, value };
}

/** Options that only some networks have a use for. */
const SPECIAL_OPTIONS: Readonly<Record<OutsideNetwork["kind"], readonly OptionName[]>> = {
  "openshift-sdn": ["sources", "gateway", "master", "workload", "routerImage"],
  multus: ["sources", "gateway", "master"],
  egressip: ["sources", "replicas"],
  none: ["replicas"],
};

function readNetwork(given: GivenSettings, problems: string[]): OutsideNetwork | undefined {
  const { settings, sourceOf } = given;
  const kind = settings.network;
  if (kind === undefined) {
    problems.push(`Missing ${flag("network")}: expected ${OPTIONS.network.kind.expected}`);
    return undefined;
  }
  const taken = SPECIAL_OPTIONS[kind];
  for (const name of new Set(Object.values(SPECIAL_OPTIONS).flat())) {
    if (sourceOf(name) === "default" || taken.includes(name)) continue;
    if (name === "replicas" && settings.replicas === 1) continue;
    const users = Object.entries(SPECIAL_OPTIONS).filter(([, names]) => names.includes(name)).map(([one]) =>
      `'${one}'`
    );
    problems.push(
      `Unexpected ${flag(name)} for '${flag("network")} ${kind}': only ${users.join(" and ")} ${
        users.length === 1 ? "has" : "have"
      } a use for it`,
    );
  }
  const before = problems.length;
  const network = makeNetwork(kind, settings, problems);
  return problems.length === before ? network : undefined;
}

function makeNetwork(
  kind: OutsideNetwork["kind"],
  settings: Settings,
  problems: string[],
): OutsideNetwork | undefined {
  switch (kind) {
    case "none":
      return { kind, replicas: settings.replicas };
    case "egressip": {
      const sources = readEgressIps(settings, problems);
      return sources === undefined ? undefined : { kind, sources, replicas: settings.replicas };
    }
    case "multus": {
      const link = readLink(kind, settings, problems);
      return link === undefined ? undefined : { kind, ...link, master: settings.master };
    }
    case "openshift-sdn": {
      const { master, workload } = settings;
      // The annotation's value is a truth value or a name; which one, OpenShift decides by trying.
      if (master !== undefined && /^(?:[01tf]|true|false)$/i.test(master)) {
        problems.push(badValue("master", master, "the annotation would read it as a truth value"));
      }
      const link = readLink(kind, settings, problems);
      return link === undefined ? undefined : { kind, ...link, master, workload };
    }
  }
}

function readEgressIps({ sources }: Settings, problems: string[]): readonly IpAddress[] | undefined {
  if (sources === undefined) {
    problems.push(missing("sources", network("egressip"), "expected the addresses that the outside sees"));
    return undefined;
  }
  const seen = new Set<string>();
  for (const source of sources) {
    const { address, network: range } = source;
    if (range !== undefined) {
      problems.push(badValue("sources", formatSource(source), `an EgressIP has no length, write '${address.text}'`));
    }
    if (seen.has(address.text)) problems.push(badValue("sources", address.text, "it is there twice"));
    seen.add(address.text);
  }
  return sources.map(({ address }) => address);
}

/** The address and gateway of the one pod on the outside network. */
function readLink(
  kind: "openshift-sdn" | "multus",
  { sources, gateway }: Settings,
  problems: string[],
): { readonly source: string; readonly gateway: IpAddress } | undefined {
  const [source, second] = sources ?? [];
  if (source === undefined) {
    problems.push(missing("sources", network(kind), "expected the address that the outside sees, with its length"));
  } else if (second !== undefined) {
    problems.push(badValue("sources", formatSource(second), `${network(kind)} takes one address`));
  }
  if (gateway === undefined) {
    problems.push(missing("gateway", network(kind), "expected the address of the outside network's gateway"));
  }
  if (kind === "openshift-sdn") {
    if (source?.address.family === 6) problems.push(badValue("sources", formatSource(source), "it is not IPv4"));
    if (gateway?.family === 6) problems.push(badValue("gateway", gateway.text, "it is not IPv4"));
  }
  if (source === undefined || gateway === undefined) return undefined;
  if (kind === "multus" && source.network === undefined) {
    problems.push(badValue("sources", source.address.text, "its length is missing, as in '192.168.12.99/24'"));
  }
  problems.push(...explainLink(source, gateway));
  return { source: formatSource(source), gateway };
}

function explainLink(source: SourceAddress, gateway: IpAddress): string[] {
  const { address, network: range } = source;
  if (address.equals(gateway)) return [badValue("gateway", gateway.text, `it is ${flag("sources")} itself`)];
  const problems: string[] = [];
  if (range === undefined || range.prefixLength === address.bytes.length * 8) return problems;
  const fault = explainEdge(address, range);
  if (fault !== undefined) problems.push(badValue("sources", formatSource(source), fault));
  const gatewayFault = range.contains(gateway)
    ? explainEdge(gateway, range)
    : `it is outside ${flag("sources")}'s network ${range.text}`;
  if (gatewayFault !== undefined) problems.push(badValue("gateway", gateway.text, gatewayFault));
  return problems;
}

/** The first address of a network names the network, the last one of IPv4 is its broadcast; a pair (RFC 3021, RFC 6164) has neither. */
function explainEdge(address: IpAddress, range: Cidr): string | undefined {
  const bits = address.bytes.length * 8;
  if (range.prefixLength >= bits - 1) return undefined;
  if (address.equals(range.network)) return `it is the network ${range.text} itself`;
  if (address.family === 6) return undefined;
  const isLast = address.bytes.every((octet, at) => {
    const hostBits = Math.min(8, Math.max(0, 8 * (at + 1) - range.prefixLength));
    return (octet & (1 << hostBits) - 1) === (1 << hostBits) - 1;
  });
  return isLast ? `it is the broadcast address of ${range.text}` : undefined;
}

function formatSource({ address, network: range }: SourceAddress): string {
  return range === undefined ? address.text : `${address.text}/${range.prefixLength}`;
}

function flag(name: OptionName): string {
  return OPTIONS[name].flag;
}

function network(kind: OutsideNetwork["kind"]): string {
  return `'${flag("network")} ${kind}'`;
}

function missing(name: OptionName, user: string, expected: string): string {
  return `Missing ${flag(name)} for ${user}: ${expected}`;
}

function badValue(name: OptionName, value: string, why: string): string {
  return `Bad value '${value}' for ${flag(name)}: ${why}`;
}
