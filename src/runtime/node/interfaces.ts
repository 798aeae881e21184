// Owns which addresses are this machine's.
import { IpAddress } from "../../address/ip_address.ts";
import { builtin } from "./builtin.ts";

/** The addresses of this machine's interfaces, read afresh, each once. */
export function localAddresses(): readonly IpAddress[] {
  const found = new Map<string, IpAddress>();
  for (const entries of Object.values(builtin("node:os").networkInterfaces())) {
    for (const entry of entries ?? []) {
      const address = IpAddress.parse(entry.address.replace(/%.*$/, "")); // Some give a link-local address its zone.
      if (address !== undefined) found.set(address.text, address);
    }
  }
  return [...found.values()];
}
