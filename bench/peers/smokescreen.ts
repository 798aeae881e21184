// Owns smokescreen as a peer, from an executable that is named by path. It is given no list of names: it judges addresses alone.
import { existsSync } from "node:fs";
import type { Peer } from "./peer.ts";
import { firstLineOf } from "./program.ts";

/** Makes the peer; `given` is the path of its executable. */
export function smokescreenPeer(given: string | undefined): Peer {
  return {
    name: "smokescreen",
    text: "smokescreen with 127.0.0.0/8 allowed and no list of names; its log goes to /dev/null",
    plainHttp: true,
    tunnels: "connect",
    rules: false,
    unavailable: () => {
      if (given === undefined) return "name an executable by --smokescreen PATH or the variable SMOKESCREEN";
      return existsSync(given) ? undefined : `there is no ${given}`;
    },
    version: () => firstLineOf([given ?? "", "--version"]),
    launch: ({ port }) => {
      const flags = ["--listen-ip", "127.0.0.1", "--listen-port", String(port), "--allow-range", "127.0.0.0/8"];
      // Its log is on stderr, which the benchmark would otherwise have to read.
      return { command: ["sh", "-c", 'exec "$0" "$@" 2>/dev/null', given ?? "", ...flags] };
    },
  };
}
