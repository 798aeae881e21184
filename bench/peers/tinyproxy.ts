// Owns tinyproxy as a peer. It has no such rules, so none are loaded: it judges nothing.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

export const tinyproxy: Peer = {
  name: "tinyproxy",
  text: "tinyproxy, no filter, critical log level",
  plainHttp: true,
  tunnels: "connect",
  rules: false,
  closesEachAnswer: true,
  unavailable: () =>
    findProgram("tinyproxy") === undefined ? "tinyproxy is not installed (apt-get install tinyproxy)" : undefined,
  version: () => firstLineOf([findProgram("tinyproxy") ?? "tinyproxy", "-v"]),
  launch: ({ folder, port }) => {
    const file = join(folder, "tinyproxy.conf");
    const lines = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "MaxClients 100000", "LogLevel Critical"];
    writeFileSync(file, [...lines, `LogFile "${join(folder, "log")}"`, ""].join("\n"));
    return { command: [findProgram("tinyproxy") ?? "tinyproxy", "-d", "-c", file] };
  },
};
