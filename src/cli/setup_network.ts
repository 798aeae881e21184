// Owns `setup-network`: what the init container of an egress router pod does, and what it says of it.
import { CommandFailure } from "../errors.ts";
import type { Command, CommandContext } from "./command.ts";
import { PROGRAM } from "./command_line.ts";

/** Sets up the network of the pod. */
export const SETUP_NETWORK: Command = {
  name: "setup-network",
  summary: "Set up the network of an egress router pod and announce it",
  notes: [
    "It gives the interface the address, brings it up, leads the IPv4 default route through the gateway and",
    "announces the address by ARP. What is there already is left as it is; when a step fails, those before it",
    "are undone. It takes the capabilities NET_ADMIN and NET_RAW; --dry-run takes none.",
    "",
    "Variables:",
    "  EGRESS_SOURCE        the address, with /LENGTH or as /32; required",
    "  EGRESS_GATEWAY       the gateway of the outside network; required",
    "  EGRESS_ROUTER_DEBUG  where it is not empty, each step is told on stderr",
    "",
    "EGRESS_ROUTER_MODE=http-proxy asks for this command where none is named.",
    "",
    "Exit code: 0 done, 1 a step failed and the network is as it was, 2 a bad variable or flag.",
  ].join("\n"),
  execute: setupNetwork,
};

async function setupNetwork({ runtime, settings, warnings }: CommandContext): Promise<number> {
  const { process: host, network: sockets } = runtime;
  // Not loaded at the start, where the proxy would pay for it.
  const { findOddities, readRouterSettings, ROUTER_DEBUG_VARIABLE } = await import("../router/environment.ts");
  const { describeSetup, setUpNetwork } = await import("../router/setup.ts");
  const wanted = readRouterSettings(host.env, settings.routedNetworks);
  for (const warning of [...warnings, ...findOddities(wanted)]) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  if ("unavailable" in sockets) throw new CommandFailure(`Cannot set up a network here: ${sockets.unavailable}`);
  const { interfaceName } = settings;
  const isDebugging = (host.env[ROUTER_DEBUG_VARIABLE] ?? "") !== "";
  const tell = (line: string) => {
    if (isDebugging) host.writeStderr(`${PROGRAM}: ${line}\n`);
  };
  const parts = { sockets, settings: wanted, interfaceName, tell };
  if (settings.dryRun) {
    host.writeStdout(describeSetup(parts).map((line) => `would ${line}\n`).join(""));
    return 0;
  }
  const changes = await setUpNetwork(parts);
  const { source, prefixLength, gateway } = wanted;
  const state = `${interfaceName} has ${source.text}/${prefixLength} and the default route through ${gateway.text}`;
  host.writeStdout(
    `${state}: ${
      changes === 0 ? "as it was before" : `${changes} ${changes === 1 ? "step" : "steps"} done`
    }, announced\n`,
  );
  return 0;
}
