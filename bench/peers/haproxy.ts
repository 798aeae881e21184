// Owns haproxy as a stand-in for tunnels: it reads no CONNECT, judges nothing and leads to one fixed origin, so it is a bound, not a rival.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

export const haproxy: Peer = {
  name: "haproxy",
  text: "Debian's haproxy in TCP mode to one fixed origin, spliced, 1 MiB pipes, one thread",
  plainHttp: false,
  tunnels: "fixed",
  rules: false,
  unavailable: () => findProgram("haproxy") === undefined ? "haproxy is not installed" : undefined,
  version: () => firstLineOf([findProgram("haproxy") ?? "haproxy", "-v"]),
  launch: ({ folder, port, originPort }) => {
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
  option splice-request
  option splice-response
listen fixed
  bind 127.0.0.1:${port}
  server origin 127.0.0.1:${originPort}
`;
    writeFileSync(file, text);
    return { command: [findProgram("haproxy") ?? "haproxy", "-db", "-f", file] };
  },
};
