// Owns networks of IPv4 as an option says them. Knows nothing of what they are for.
import { Cidr } from "../address/cidr.ts";
import type { ValueKind } from "./value_kind.ts";

/** An IPv4 network as its first address and length; never all of IPv4. */
export const IPV4_NETWORK: ValueKind<Cidr> = {
  placeholder: "NETWORK",
  expected: "an IPv4 network such as '10.128.0.0/14'",
  parse(text) {
    const parsed = text.includes(":") ? undefined : Cidr.parse(text);
    if (parsed === undefined) return { why: text.includes("/") ? "it is none" : "it has no '/LENGTH'" };
    const { cidr, hostBitsMasked } = parsed;
    if (hostBitsMasked) return { why: `it has host bits set, its network is '${cidr.text}'` };
    if (cidr.prefixLength === 0) return { why: "it is everything, which the gateway is for" };
    return { value: cidr };
  },
};
