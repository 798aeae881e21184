// Owns what a manifest is asked for: values that are already checked. Knows no flag, no variable's meaning, no YAML.
import type { Cidr } from "../address/cidr.ts";
import type { IpAddress } from "../address/ip_address.ts";

/** The words for the ways to the outside. */
export const NETWORK_KINDS = ["openshift-sdn", "multus", "egressip", "none"] as const;

/** A way for the proxy's connections to reach the outside, and the address that it gives them there. */
export type OutsideNetwork = OpenshiftSdnNetwork | MultusNetwork | EgressIpNetwork | NoNetwork;

/** OpenShift SDN makes macvlan0 for a pod with a privileged container; the init container configures it. */
export interface OpenshiftSdnNetwork {
  readonly kind: "openshift-sdn";
  /** "ADDRESS" or "ADDRESS/LENGTH", IPv4. */
  readonly source: string;
  readonly gateway: IpAddress;
  /** The node's interface below macvlan0; undefined for the one with the node's default route. */
  readonly master: string | undefined;
  /** A deployment of one pod is started again on another node when its node is lost. */
  readonly workload: "pod" | "deployment";
}

/** Multus attaches a macvlan interface with a fixed address. */
export interface MultusNetwork {
  readonly kind: "multus";
  /** "ADDRESS/LENGTH" of either family; the gateway is in this network. */
  readonly source: string;
  readonly gateway: IpAddress;
  /** The node's interface below the attached one; undefined for the one with the node's default route. */
  readonly master: string | undefined;
}

/** OVN-Kubernetes gives the pods' connections one of these addresses, whichever node they are on. */
export interface EgressIpNetwork {
  readonly kind: "egressip";
  /** At least one. */
  readonly sources: readonly IpAddress[];
  /** At least 1. */
  readonly replicas: number;
}

/** The outside sees what it sees of any pod. */
export interface NoNetwork {
  readonly kind: "none";
  /** At least 1. */
  readonly replicas: number;
}

/** A variable of a container, as it stands in the manifest; `$(POD_IP)` in its value is the pod's cluster address. */
export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** All that a manifest is made from. */
export interface ManifestRequest {
  /** A label of RFC 1035: the Service has this name. */
  readonly name: string;
  /** A label of RFC 1123. */
  readonly namespace: string;
  readonly network: OutsideNetwork;
  readonly image: string;
  /** The image of the init container. */
  readonly routerImage: string;
  /** The rule text as `formatConfigText` made it. */
  readonly rules: string;
  /** The proxy's settings. */
  readonly settings: readonly Variable[];
  /** More than the settings let the proxy drain for. */
  readonly terminationGraceSeconds: number;
  readonly clients: Clients;
}

/** The pods that go through the proxy, and how they find it. */
export interface Clients {
  readonly labelKey: string;
  readonly labelValue: string;
  /** At least one. */
  readonly namespaces: readonly string[];
  /** Whether they may ask the cluster's name servers. */
  readonly mayUseDns: boolean;
  /** The Service's fixed address; undefined where the cluster picks one. */
  readonly serviceAddress: IpAddress | undefined;
  /** What they reach without the proxy, for their no_proxy. */
  readonly clusterNetworks: readonly Cidr[];
}
