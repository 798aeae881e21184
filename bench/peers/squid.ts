// Owns squid as it runs in the image that this project replaces: the configuration that its script writes, one process.
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { formatOriginalConf } from "../../test/support/squid_conf.ts";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

/**
 * squid keeps segments in /dev/shm under its service's name, which another squid of this machine must not meet, and
 * leaves them there when it is killed.
 */
const SERVICE = "egressbench";

process.on("exit", () => {
  for (const name of existsSync("/dev/shm") ? readdirSync("/dev/shm") : []) {
    if (name.startsWith(`${SERVICE}-`)) rmSync(join("/dev/shm", name), { force: true });
  }
});

export const squid: Peer = {
  name: "squid",
  text: "Debian's squid with the configuration that the replaced image writes (access log off), squid -N",
  plainHttp: true,
  tunnels: "connect",
  rules: true,
  unavailable: () => findProgram("squid") === undefined ? "squid is not installed (apt-get install squid)" : undefined,
  version: () => firstLineOf([findProgram("squid") ?? "squid", "-v"]),
  launch: ({ folder, port, rules }) => {
    const conf = formatOriginalConf(rules, port);
    if ("error" in conf) throw new Error(`Cannot write squid's configuration: ${conf.error}`);
    const file = join(folder, "squid.conf");
    writeFileSync(file, conf.text);
    return { command: [findProgram("squid") ?? "squid", "-N", "-n", SERVICE, "-f", file] };
  },
};
