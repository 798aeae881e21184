// Owns squid as it runs in the image that this project replaces: the configuration that its script writes, one process.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatOriginalConf } from "../../test/support/squid_conf.ts";
import { SQUID_SERVICE } from "../isolation.ts";
import type { Peer } from "./peer.ts";
import { findProgram, firstLineOf } from "./program.ts";

export const squid: Peer = {
  name: "squid",
  text: "squid with the configuration that the replaced image writes (access log off), squid -N",
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
    return { command: [findProgram("squid") ?? "squid", "-N", "-n", SQUID_SERVICE, "-f", file] };
  },
};
