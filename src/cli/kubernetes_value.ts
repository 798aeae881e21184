// Owns the kinds of option values that Kubernetes has rules for: names, labels, images, addresses in a manifest.
// Knows nothing of what is made of them.
import { Cidr } from "../address/cidr.ts";
import { IpAddress } from "../address/ip_address.ts";
import { specialRangeOf } from "../address/special_range.ts";
import type { Parsed, ValueKind } from "./value_kind.ts";

const MAX_LABEL_CHARACTERS = 63;
const MAX_NAME_CHARACTERS = 253;
const MAX_IMAGE_CHARACTERS = 512;

/** The name of a Service: a label of RFC 1035, so that it begins with a letter. */
export const SERVICE_NAME: ValueKind<string> = {
  placeholder: "NAME",
  expected: `1 to ${MAX_LABEL_CHARACTERS} of 'a-z', '0-9' and '-', with a letter first and no '-' last`,
  parse(text) {
    const label = parseLabel(text);
    if ("why" in label) return label;
    return /^[a-z]/.test(text) ? label : { why: "it does not begin with a letter" };
  },
};

/** The name of a namespace: a label of RFC 1123. */
export const NAMESPACE_NAME: ValueKind<string> = {
  placeholder: "NAME",
  expected: `1 to ${MAX_LABEL_CHARACTERS} of 'a-z', '0-9' and '-', with no '-' first or last`,
  parse: parseLabel,
};

/** A label of a pod. */
export interface PodLabel {
  readonly key: string;
  readonly value: string;
}

/** One label of a pod, `KEY=VALUE`; the key may have a prefix, `example.com/KEY`. */
export const POD_LABEL: ValueKind<PodLabel> = {
  placeholder: "KEY=VALUE",
  expected: "'KEY=VALUE' as Kubernetes takes it for a label, such as 'example.com/egress=allowed'",
  parse(text) {
    const [, key, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return { why: "there is no '='" };
    const parts = key.split("/");
    if (parts.length > 2) return { why: "the key has more than one '/'" };
    const [name = "", prefix] = parts.reverse();
    if (prefix !== undefined && !isNameOfLabels(prefix)) return { why: "the key's prefix is not a lower-case name" };
    if (!isQualifiedPart(name)) return { why: "the key is not one" };
    // An empty value is one to Kubernetes; here it is a slip, and would select nothing that anybody meant.
    if (!isQualifiedPart(value)) return { why: value === "" ? "the value is missing" : "the value is not one" };
    return { value: { key, value } };
  },
};

// The grammar of container image references: host and port, path, tag, digest.
const IMAGE_HOST =
  /(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?/;
const IMAGE_PATH = /[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*/;
const IMAGE_REFERENCE = new RegExp(
  `^(?:${IMAGE_HOST.source}/)?${IMAGE_PATH.source}(?:/${IMAGE_PATH.source})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`,
);

/** A container image. */
export const IMAGE: ValueKind<string> = {
  placeholder: "IMAGE",
  expected: "an image such as 'registry.example.com/egress-http-proxy:1.0.0', or one with '@sha256:…'",
  parse(text) {
    if (text.length > MAX_IMAGE_CHARACTERS) return { why: `it has more than ${MAX_IMAGE_CHARACTERS} characters` };
    if (text.includes("://")) return { why: "it is a URL" };
    return IMAGE_REFERENCE.test(text) ? { value: text } : { why: "it is not the name of an image" };
  },
};

/** An address that the outside sees, with the length of its network where one is written. */
export interface SourceAddress {
  readonly address: IpAddress;
  readonly network: Cidr | undefined;
}

/** The address of one machine, `ADDRESS` or `ADDRESS/LENGTH`. */
export const SOURCE_ADDRESS: ValueKind<SourceAddress> = {
  placeholder: "IP[/LENGTH]",
  expected: "an address such as '192.168.12.99/24'",
  parse(text) {
    const [addressText = ""] = text.split("/", 1);
    const address = parseHostAddress(addressText);
    if ("why" in address) return address;
    if (addressText === text) return { value: { address: address.value, network: undefined } };
    const parsed = Cidr.parse(text);
    if (parsed === undefined || parsed.cidr.prefixLength === 0 || parsed.cidr.network.family !== address.value.family) {
      return { why: `its length is not 1 to ${address.value.family === 4 ? 32 : 128}` };
    }
    return { value: { address: address.value, network: parsed.cidr } };
  },
};

/** The address of one machine without a length. */
export const HOST_ADDRESS: ValueKind<IpAddress> = {
  placeholder: "IP",
  expected: "an address such as '192.168.12.1'",
  parse: parseHostAddress,
};

/** A range of addresses of either family. */
export const NETWORK_RANGE: ValueKind<Cidr> = {
  placeholder: "NETWORK",
  expected: "a network such as '10.128.0.0/14'",
  parse(text) {
    const parsed = Cidr.parse(text);
    if (parsed === undefined) return { why: text.includes("/") ? "it is none" : "it has no '/LENGTH'" };
    if (parsed.hostBitsMasked) return { why: `it has host bits set, its network is '${parsed.cidr.text}'` };
    return { value: parsed.cidr };
  },
};

function parseHostAddress(text: string): Parsed<IpAddress> {
  const address = IpAddress.parse(text);
  if (address === undefined) return { why: "it is not an IP address" };
  const range = specialRangeOf(address);
  if (range === undefined || range === "link-local") return { value: address };
  return { why: `it is ${range === "unspecified" ? "an" : "a"} ${range} address` };
}

function parseLabel(text: string): Parsed<string> {
  if (text.length > MAX_LABEL_CHARACTERS) return { why: `it has more than ${MAX_LABEL_CHARACTERS} characters` };
  return isLabel(text) ? { value: text } : { why: "it is not a label of RFC 1123" };
}

function isLabel(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text);
}

function isNameOfLabels(text: string): boolean {
  return text.length <= MAX_NAME_CHARACTERS && text.split(".").every(isLabel);
}

/** A label's value, or its key without the prefix. */
function isQualifiedPart(text: string): boolean {
  return text.length <= MAX_LABEL_CHARACTERS && /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text);
}
