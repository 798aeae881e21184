// Owns the way from arguments and environment to a command and its exit code. Nothing below it ends the process.
import { formatQuotedText } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import type { Process, Runtime } from "../runtime/runtime.ts";
import { PROGRAM, readCommandLine } from "./command_line.ts";
import { COMMAND_SET } from "./commands.ts";
import { findUnknownVariables } from "./environment.ts";
import { CommandFailure } from "../errors.ts";
import { OPTIONS } from "./options.ts";
import { MODE_VARIABLE, namesNoCommand, ROUTER_MODE_VARIABLE } from "./purpose.ts";
import { type Environment, readSettings } from "./settings.ts";
import { runUnitTestMode, UNIT_TEST_MODE } from "./unit_test_mode.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Runs the command that the process was called for and resolves to its exit code. Never throws; what fails is told on stderr. */
export async function runCommand(runtime: Runtime): Promise<number> {
  const { process: host } = runtime;
  let exitCode: number;
  try {
    exitCode = await execute(runtime);
  } catch (error) {
    exitCode = reportFailure(host, error);
  }
  await host.flush();
  return exitCode;
}

/** Writes the line about an exception that nothing was ready for; with its stack where debugging was asked for. */
export function reportInternalError(host: Process, error: unknown): void {
  const text = error instanceof Error ? error.message || error.name : String(error);
  host.writeStderr(`${PROGRAM}: internal error: ${formatQuotedText(text).slice(1, -1)}\n`);
  if (isDebugging(host) && error instanceof Error && error.stack !== undefined) host.writeStderr(`${error.stack}\n`);
}

function reportFailure(host: Process, error: unknown): number {
  if (error instanceof UsageError) {
    for (const line of error.lines) host.writeStderr(`${PROGRAM}: ${line}\n`);
    return EXIT_USAGE;
  }
  if (error instanceof CommandFailure) host.writeStderr(`${PROGRAM}: ${error.message}\n`);
  else reportInternalError(host, error);
  return EXIT_FAILURE;
}

async function execute(runtime: Runtime): Promise<number> {
  const { process: host } = runtime;
  const { env } = host;
  const isBare = namesNoCommand(host.args);
  const mode = env[MODE_VARIABLE] ?? "";
  if (isBare && mode === UNIT_TEST_MODE) return await runUnitTestMode(host);
  const line = await readCommandLine(isBare ? argsForRouterMode(host.args, env) : host.args, COMMAND_SET);
  if (line.kind === "text") {
    host.writeStdout(line.text);
    return 0;
  }
  const given = readSettings(line.command.name, line.flags, env);
  const warnings = findUnknownVariables(env);
  if (mode !== "" && mode !== UNIT_TEST_MODE) {
    warnings.push(`Unknown value ${formatQuotedText(mode)} for ${MODE_VARIABLE}: the only one is '${UNIT_TEST_MODE}'`);
  }
  return await line.command.execute({ ...given, runtime, operands: line.operands, warnings });
}

/** In the original's pods the same variable tells the init container what to do. */
function argsForRouterMode(args: readonly string[], env: Environment): readonly string[] {
  const mode = env[ROUTER_MODE_VARIABLE] ?? "";
  if (mode === "") return args;
  if (mode === "http-proxy") return ["setup-network", ...args];
  const advice = "expected 'http-proxy', or none to run the proxy";
  throw new UsageError([`Bad value ${formatQuotedText(mode)} for ${ROUTER_MODE_VARIABLE}: ${advice}`]);
}

/** Looks for the log level by itself: what failed may be the reading of settings. */
function isDebugging(host: Process): boolean {
  const { flag, variable } = OPTIONS.logLevel;
  const at = host.args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const level = at < 0 ? host.env[variable ?? ""] : host.args[at]?.split("=")[1] ?? host.args[at + 1];
  return level === "debug" || level === "trace";
}
