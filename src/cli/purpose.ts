// Owns what a call's arguments and environment say of its purpose before they are parsed. Imports next to nothing: it is
// asked while the rest is still being loaded.
import type { Process } from "../runtime/runtime.ts";

/** Asks for one of the original program's own modes, see unit_test_mode.ts. */
export const MODE_VARIABLE = "EGRESS_HTTP_PROXY_MODE";

/** Says what the pod's container is for, as in the original's pods. */
export const ROUTER_MODE_VARIABLE = "EGRESS_ROUTER_MODE";

const ENGINE_VARIABLE = "EGRESS_HTTP_PROXY_ENGINE";

/** Whether the environment is to say what the process is for: no command is named, and neither help nor version wanted. */
export function namesNoCommand(args: readonly string[]): boolean {
  const [first] = args;
  if (first === undefined) return true;
  return first.startsWith("-") && !["-h", "--help", "-V", "--version"].includes(first);
}

/** Whether threads for the proxy are worth starting already. A guess: the command line is not read yet, and may be wrong. */
export function willProbablyServe({ args, env }: Pick<Process, "args" | "env">): boolean {
  const isOtherMode = (env[MODE_VARIABLE] ?? "") !== "" || (env[ROUTER_MODE_VARIABLE] ?? "") !== "";
  if (namesNoCommand(args) ? isOtherMode : args[0] !== "run") return false;
  if (args.includes("--help") || args.includes("-h")) return false;
  return env[ENGINE_VARIABLE] !== "portable" && !args.some((arg) => arg.endsWith("portable"));
}
