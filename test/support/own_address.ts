// Owns finding an address of this machine that is not loopback: what is sent to it never leaves the machine, and yet it
// is remote to the rules.
import { networkInterfaces } from "node:os";

/** One IPv4 address of an interface that is not loopback, or undefined where there is none. */
export const OWN_REMOTE_ADDRESS: string | undefined = Object.values(networkInterfaces()).flatMap((infos) => infos ?? [])
  .find((info) => info.family === "IPv4" && !info.internal && !info.address.startsWith("169.254."))?.address;

if (OWN_REMOTE_ADDRESS === undefined) {
  console.log("This machine has no address but loopback: tests of what * opens are skipped");
}
