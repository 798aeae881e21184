// Owns the mode in which the original prints its access lists and exits, for its own table of tests and for whoever
// compares the two. Output, messages and exit codes are the original's.
import { formatSquidAcls } from "../policy/squid_format.ts";
import type { Process } from "../runtime/runtime.ts";
import { OPTIONS } from "./options.ts";

/** The value of EGRESS_HTTP_PROXY_MODE that asks for it. */
export const UNIT_TEST_MODE = "unit-test";

/** Prints what the original prints for the rules in the environment and resolves to its exit code. */
export async function runUnitTestMode(host: Process): Promise<number> {
  const { stdout, stderr, exitCode } = formatSquidAcls(host.env[OPTIONS.destination.variable ?? ""] ?? "");
  host.writeStdout(stdout);
  // Both may be one pipe, and the error is looked for in its last line.
  await host.flush();
  if (stderr !== "") host.writeStderr(stderr);
  return exitCode;
}
