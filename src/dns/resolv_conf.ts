// Owns the text of /etc/resolv.conf: which servers are asked, in what order and how patiently. Reads no file.
import { IpAddress } from "../address/ip_address.ts";
import type { SocketAddress } from "../runtime/runtime.ts";

/** The port of name servers. */
export const DNS_PORT = 53;

/**
 * How long one server is waited for where nothing is said. resolv.conf(5) says 5 s, which a lost datagram would cost a
 * client in full, and two of them its whole time to connect.
 */
export const DEFAULT_ATTEMPT_TIMEOUT_MS = 2_000;

/** How often the list of servers is gone through where nothing is said (resolv.conf(5)). */
export const DEFAULT_ATTEMPTS = 2;

/** resolv.conf(5)'s own bounds. */
const MAX_SERVERS = 3;
const MAX_TIMEOUT_SECONDS = 30;
const MAX_ATTEMPTS = 5;

/** Whom to ask, and how. */
export interface ServerSettings {
  /** At least one, in the order of asking. */
  readonly servers: readonly SocketAddress[];
  /** How long one server is waited for, each time. */
  readonly attemptTimeoutMs: number;
  /** How often the list is gone through. */
  readonly attempts: number;
  /** Whether each look-up begins with the next server. */
  readonly rotate: boolean;
}

/**
 * Parses the text of resolv.conf(5). `search`, `domain` and `ndots` are passed over by design: the name that the rules
 * judged is the name that is asked. A server with a zone id is skipped, since an address value has none; without any
 * server it is the one on this machine, as in the system's resolver.
 */
export function parseResolvConf(text: string): ServerSettings {
  const servers: SocketAddress[] = [];
  let attemptTimeoutMs = DEFAULT_ATTEMPT_TIMEOUT_MS;
  let attempts = DEFAULT_ATTEMPTS;
  let rotate = false;
  for (const line of text.split("\n")) {
    const [keyword = "", ...words] = line.split(/[ \t\r]+/).filter((word) => word !== "");
    if (keyword === "nameserver") {
      const address = IpAddress.parse(words[0] ?? "");
      if (address !== undefined && servers.length < MAX_SERVERS) servers.push({ address, port: DNS_PORT });
    } else if (keyword === "options") {
      for (const word of words) {
        if (word === "rotate") rotate = true;
        const seconds = parseOption(word, "timeout:", MAX_TIMEOUT_SECONDS);
        if (seconds !== undefined) attemptTimeoutMs = seconds * 1_000;
        attempts = parseOption(word, "attempts:", MAX_ATTEMPTS) ?? attempts;
      }
    }
  }
  if (servers.length === 0) servers.push({ address: IpAddress.fromBytes(Uint8Array.of(127, 0, 0, 1)), port: DNS_PORT });
  return { servers, attemptTimeoutMs, attempts, rotate };
}

/** The number behind `prefix`, held between 1 and `most`; undefined where the word is another or has no number. */
function parseOption(word: string, prefix: string, most: number): number | undefined {
  if (!word.startsWith(prefix)) return undefined;
  const digits = word.slice(prefix.length);
  if (!/^[0-9]{1,9}$/.test(digits)) return undefined;
  return Math.min(most, Math.max(1, Number(digits)));
}
