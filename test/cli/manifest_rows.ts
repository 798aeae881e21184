// Owns what settings.test.ts expects of the options that `manifest` alone takes.
import type { MANIFEST_OPTIONS } from "../../src/cli/manifest_options.ts";

/** What is expected of one option, see settings.test.ts. No variable is read. */
interface ManifestRow {
  readonly command: "manifest";
  readonly fallback: unknown;
  readonly flag: readonly [text: string, value: unknown];
  readonly variable: readonly [text: string, value: unknown];
  readonly bad: readonly [text: string, why: string];
}

const FIRST = { command: "manifest", fallback: undefined, variable: ["", undefined] } as const;

const SERVICE_LABEL = "1 to 63 of 'a-z', '0-9' and '-', with a letter first and no '-' last";
const NAMESPACE_LABEL = "1 to 63 of 'a-z', '0-9' and '-', with no '-' first or last";
const IMAGE_NAME = "an image such as 'registry.example.com/egress-http-proxy:1.0.0', or one with '@sha256:…'";
const ADDRESS = "an address such as '192.168.12.1'";

/** One row for each of them. */
export const MANIFEST_ROWS: Readonly<Record<keyof typeof MANIFEST_OPTIONS, ManifestRow>> = {
  network: {
    ...FIRST,
    flag: ["multus", "multus"],
    bad: ["ovn", "it is none of the known words; expected one of 'openshift-sdn', 'multus', 'egressip', 'none'"],
  },
  name: {
    ...FIRST,
    fallback: "egress-http-proxy",
    flag: ["egress-1", "egress-1"],
    bad: ["1-egress", `it does not begin with a letter; expected ${SERVICE_LABEL}`],
  },
  namespace: {
    ...FIRST,
    fallback: "default",
    flag: ["1-egress", "1-egress"],
    bad: ["egress.1", `it is not a label of RFC 1123; expected ${NAMESPACE_LABEL}`],
  },
  sources: {
    ...FIRST,
    flag: ["192.0.2.1/24,2001:db8::1", [
      { address: "192.0.2.1", network: { network: "192.0.2.0", prefixLength: 24 } },
      { address: "2001:db8::1" },
    ]],
    bad: ["010.0.0.1", "it is not an IP address; expected an address such as '192.168.12.99/24'"],
  },
  gateway: {
    ...FIRST,
    flag: ["192.0.2.1", "192.0.2.1"],
    bad: ["192.0.2.1/24", `it is not an IP address; expected ${ADDRESS}`],
  },
  master: {
    ...FIRST,
    flag: ["bond0.12", "bond0.12"],
    bad: ["a/b", "it cannot be the name of an interface; expected 1 to 15 visible characters without '/' and ':'"],
  },
  workload: {
    ...FIRST,
    fallback: "pod",
    flag: ["deployment", "deployment"],
    bad: ["job", "it is none of the known words; expected one of 'pod', 'deployment'"],
  },
  replicas: {
    ...FIRST,
    fallback: 2,
    flag: ["1000", 1000],
    bad: ["0", "the least is 1; expected a whole number from 1 to 1000"],
  },
  image: {
    ...FIRST,
    flag: ["registry:5000/a/b:1", "registry:5000/a/b:1"],
    bad: ["https://registry/a", `it is a URL; expected ${IMAGE_NAME}`],
  },
  routerImage: { ...FIRST, flag: ["a", "a"], bad: ["A", `it is not the name of an image; expected ${IMAGE_NAME}`] },
  clientLabel: {
    ...FIRST,
    flag: ["example.com/a=b", { key: "example.com/a", value: "b" }],
    bad: [
      "a",
      "there is no '='; expected 'KEY=VALUE' as Kubernetes takes it for a label, such as 'example.com/egress=allowed'",
    ],
  },
  clientNamespaces: {
    ...FIRST,
    flag: ["a,b", ["a", "b"]],
    bad: ["a,,b", `there is nothing before or after a comma; expected ${NAMESPACE_LABEL}`],
  },
  clientDns: {
    ...FIRST,
    fallback: "on",
    flag: ["off", "off"],
    bad: ["yes", "it is none of the known words; expected one of 'on', 'off'"],
  },
  clusterIp: {
    ...FIRST,
    flag: ["fd00::1", "fd00::1"],
    bad: ["127.0.0.1", `it is a loopback address; expected ${ADDRESS}`],
  },
  insideNetworks: {
    ...FIRST,
    fallback: [],
    flag: ["10.128.0.0/14,fd00::/8", [
      { network: "10.128.0.0", prefixLength: 14 },
      { network: "fd00::", prefixLength: 8 },
    ]],
    bad: [
      "10.128.0.1/14",
      "it has host bits set, its network is '10.128.0.0/14'; expected a network such as '10.128.0.0/14'",
    ],
  },
  podFamily: {
    ...FIRST,
    fallback: "ipv4",
    flag: ["ipv6", "ipv6"],
    bad: ["6", "it is none of the known words; expected one of 'ipv4', 'ipv6'"],
  },
};
