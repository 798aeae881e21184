// Owns the list of peers. A new one is a file beside this one and a line here.
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import { ownPeer } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { squid } from "./squid.ts";
import { tinyproxy } from "./tinyproxy.ts";

/** The name under which connections without any proxy are measured. */
export const DIRECT = "direct";

/** The peers that run when none are named. */
export const DEFAULT_PEERS: readonly string[] = ["ours", "ours-log", "squid", DIRECT];

/** Makes every known peer; `given` is the command that stands for this project, where one was named. */
export function listPeers(given: string | undefined): readonly Peer[] {
  return [
    ownPeer("ours", "this project, access log off", ["--access-log", "off"], given),
    ownPeer("ours-log", "this project, access log on, to /dev/null", ["--access-log", "on"], given),
    ownPeer("ours-portable", "this project on its portable engine, access log off", [
      "--access-log",
      "off",
      "--engine",
      "portable",
    ], given),
    ownPeer("ours-posix", "this project on its libc engine, access log off", [
      "--access-log",
      "off",
      "--engine",
      "posix",
    ], given),
    squid,
    tinyproxy,
    haproxy,
    nginx,
  ];
}
