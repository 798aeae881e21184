// Owns the list of commands.
import { CHECK } from "./check.ts";
import type { CommandSet } from "./command_line.ts";
import { EXPLAIN } from "./explain.ts";
import { HEALTHCHECK } from "./healthcheck.ts";
import { MANIFEST } from "./manifest.ts";
import { RUN } from "./run.ts";
import { SELF_TEST } from "./self_test.ts";
import { SETUP_NETWORK } from "./setup_network.ts";
import { SUGGEST } from "./suggest.ts";

/** Every command, in the order of help. */
export const COMMAND_SET: CommandSet = {
  commands: [RUN, CHECK, EXPLAIN, MANIFEST, SETUP_NETWORK, HEALTHCHECK, SUGGEST, SELF_TEST],
  fallback: RUN,
};
