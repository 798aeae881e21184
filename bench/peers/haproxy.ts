// Owns haproxy as a stand-in for tunnels: it reads no CONNECT, judges nothing and leads to one fixed origin, so it is a bound, not a rival.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

/** What splicing gains in bulk it loses on small messages, so each load gets the better of the two. */
const SPLICED = `  option splice-request
  option splice-response
`;

export const haproxy: Peer = {
  name: "haproxy",
  text: "haproxy in TCP mode to one fixed origin, one thread; in bulk with forced splicing and 1 MiB pipes",
  plainHttp: false,
  tunnels: "fixed",
  rules: false,
  unavailable: () =>
    findProgram("haproxy") === undefined ? "haproxy is not installed (apt-get install haproxy)" : undefined,
  version: () => firstLineOf([findProgram("haproxy") ?? "haproxy", "-v"]),
  launch: ({ folder, port, originPort, load }) => {
    const file = join(folder, "haproxy.cfg");
    const text = `global
  nbthread 1
  maxconn 8200
  maxpipes 500
  tune.pipesize 1048576
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
${load === "bulk" ? SPLICED : ""}listen fixed
  bind 127.0.0.1:${port}
  server origin 127.0.0.1:${originPort}
`;
    writeFileSync(file, text);
    return { command: [findProgram("haproxy") ?? "haproxy", "-db", "-f", file] };
  },
};
