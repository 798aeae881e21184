// Owns the text of /etc/hosts: which names have addresses without asking anyone. Reads no file and knows no cache.
import { IpAddress } from "../address/ip_address.ts";

/** Addresses by name in lower case; each list in the file's order, both families, without repeats. */
export type Hosts = ReadonlyMap<string, readonly IpAddress[]>;

/**
 * Parses the text of a hosts file (hosts(5)): an address, white space, names, `#` to the end of the line. A line whose
 * first word is not a plain address (a zone id, a word) is skipped, as the system's resolver skips it.
 */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, IpAddress[]>();
  for (const line of text.split("\n")) {
    const [addressText = "", ...names] = splitWords(line);
    const address = addressText === "" ? undefined : IpAddress.parse(addressText);
    if (address === undefined) continue;
    for (const word of names) {
      const name = word.toLowerCase().replace(/\.$/, "");
      const addresses = hosts.get(name);
      if (name === "") continue;
      if (addresses === undefined) hosts.set(name, [address]);
      else if (!addresses.some((known) => known.equals(address))) addresses.push(address);
    }
  }
  return hosts;
}

function splitWords(line: string): string[] {
  const comment = line.indexOf("#");
  const content = comment === -1 ? line : line.slice(0, comment);
  return content.split(/[ \t\r]+/).filter((word) => word !== "");
}
