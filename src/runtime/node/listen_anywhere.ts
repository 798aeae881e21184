// Owns the way to listen on every address: both families, or IPv4 alone on a machine without IPv6.
import type { IpAddress } from "../../address/ip_address.ts";
import { hasNoIpv6, listenError } from "./system_error.ts";

/** Calls `open` with the host to listen on: that of the address, or of every one. Throws CommandFailure with one clear line. */
export function listenAnywhere<Listener>(
  address: IpAddress | undefined,
  port: number,
  open: (hostname: string) => Listener,
): Listener {
  try {
    return open(address?.text ?? "::");
  } catch (error) {
    if (address !== undefined || !hasNoIpv6(error)) throw listenError(address, port, error);
  }
  try {
    return open("0.0.0.0");
  } catch (error) {
    throw listenError(address, port, error);
  }
}
