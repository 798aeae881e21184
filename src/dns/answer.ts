// Owns what a look-up ends in and who is asked for it. Knows no packet, file or cache.
import type { IpAddress } from "../address/ip_address.ts";

/** What became of a name: its addresses, a reason why it has none, or no answer in time. */
export type Answer =
  | {
    readonly kind: "addresses";
    /** At least one, without repeats: /etc/hosts in the file's order, else IPv6 and then IPv4, each in the server's order. */
    readonly addresses: readonly IpAddress[];
  }
  | {
    readonly kind: "none";
    /** Words for people and labels, of a small fixed set: "NXDOMAIN", "no data", "SERVFAIL", "REFUSED", … */
    readonly reason: string;
  }
  | { readonly kind: "timeout" };

/** Resolves names for those who wait by token. */
export interface NameResolver {
  /**
   * Returns the answer at once where it is known here, else undefined; then the answer is handed over later, exactly
   * once and never during this call, unless `forget` comes first. A token waits for one name at a time: a second
   * look-up by it replaces the first. `name` is in lower case, absolute, and without a final dot.
   */
  lookup(name: string, token: number): Answer | undefined;
  /** For how many milliseconds the last answer for a name may be used without asking again; 0, and where it is left out: not at all. */
  keepMs?(name: string): number;
  /** Drops what the token waits for, if anything. */
  forget(token: number): void;
}
