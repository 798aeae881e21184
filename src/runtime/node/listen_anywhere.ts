// Owns the way to listen on every address: both families, or IPv4 alone on a machine without IPv6.
import type { IpAddress } from "../../address/ip_address.ts";
import { hasNoIpv6, listenError } from "./system_error.ts";

/** Calls `open` with the host to listen on: that of the address, or of every one. Rejects with CommandFailure of one clear line. */
export async function listenAnywhere<Listener>(
  address: IpAddress | undefined,
  port: number,
  open: (hostname: string) => Listener | Promise<Listener>,
): Promise<Listener> {
  try {
    return await open(address?.text ?? "::");
  } catch (error) {
    if (address !== undefined || !hasNoIpv6(error)) throw listenError(address, port, error);
  }
  try {
    return await open("0.0.0.0");
  } catch (error) {
    throw listenError(address, port, error);
  }
}
