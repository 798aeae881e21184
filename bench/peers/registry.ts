// Owns the list of peers. A new one is a file beside this one and a line here.
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import { ownPeer, type OwnSettings } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { smokescreenPeer } from "./smokescreen.ts";
import { squid } from "./squid.ts";
import { tinyproxy } from "./tinyproxy.ts";

/** The name under which connections without any proxy are measured. */
export const DIRECT = "direct";

/** The peers that run when none are named, as far as they are there. */
export const DEFAULT_PEERS: readonly string[] = [
  "ours",
  "ours-log",
  "ours-2",
  "squid",
  "tinyproxy",
  "smokescreen",
  "haproxy",
  "nginx",
  DIRECT,
];

const OWN: readonly OwnSettings[] = [
  { name: "ours", text: "this project", flags: [] },
  {
    name: "ours-log",
    text: "this project, its access log into a pipe that another process empties",
    flags: [],
    accessLog: true,
    only: ["connect", "http-keep-alive", "http-close"],
  },
  {
    name: "ours-2",
    text: "this project with two threads",
    flags: ["--workers", "2"],
    only: ["connect", "bulk-down-8", "ping-64", "http-keep-alive"],
  },
  { name: "ours-portable", text: "this project on its portable engine", flags: ["--engine", "portable"] },
];

/** What is named in place of a default: the command that stands for this project, that of another build, and where smokescreen is. */
export interface PeerPaths {
  readonly ours: string | undefined;
  readonly other: string | undefined;
  readonly smokescreen: string | undefined;
}

/** Makes every known peer. */
export function listPeers(paths: PeerPaths): readonly Peer[] {
  return [
    ...OWN.map((settings) => ownPeer(settings, paths.ours)),
    ...(paths.other === undefined
      ? []
      : [ownPeer({ name: "other", text: "another build of this project", flags: [] }, paths.other)]),
    squid,
    tinyproxy,
    smokescreenPeer(paths.smokescreen),
    haproxy,
    nginx,
  ];
}
