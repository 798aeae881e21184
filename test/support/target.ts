// Owns which build of the program the behaviour suite drives, as told by EGRESS_TEST_TARGET (bun, deno, executable),
// EGRESS_TEST_ENGINE and EGRESS_TEST_WORKERS (passed on as --engine and --workers). Knows nothing of how it is driven.
import { existsSync } from "node:fs";

/** The program inside the test's own process; `deno run`; the compiled file. */
export type TestTarget = "bun" | "deno" | "executable";

const ROOT = new URL("../..", import.meta.url).pathname;
const EXECUTABLE = `${ROOT}dist/egress-http-proxy`;
const DENO = `${ROOT}node_modules/.bin/deno`;

/** The target of this run. */
export const TEST_TARGET: TestTarget = readTarget();

/** The engine asked for, or undefined for the program's own choice. */
export const TEST_ENGINE: string | undefined = process.env.EGRESS_TEST_ENGINE || undefined;

/** The number of workers asked for, or undefined for the program's own choice. */
export const TEST_WORKERS: string | undefined = process.env.EGRESS_TEST_WORKERS || undefined;

/** Why this run's target cannot be driven here; undefined where it can. */
export const SKIP_REASON: string | undefined = findSkipReason();

/** The command line that starts the program of a process target. */
export function programCommand(target: "deno" | "executable"): string[] {
  if (target === "executable") return [EXECUTABLE];
  return [DENO, "run", "--quiet", "--no-prompt", "--no-check", "--allow-all", `${ROOT}src/main.ts`];
}

function readTarget(): TestTarget {
  const text = process.env.EGRESS_TEST_TARGET || "bun";
  if (text === "bun" || text === "deno" || text === "executable") return text;
  throw new Error(`Set EGRESS_TEST_TARGET to bun, deno or executable, not "${text}"`);
}

function findSkipReason(): string | undefined {
  let reason: string | undefined;
  if (TEST_TARGET === "executable" && !existsSync(EXECUTABLE)) reason = `${EXECUTABLE} was not built`;
  if (TEST_TARGET === "deno" && !existsSync(DENO)) reason = `${DENO} is not installed`;
  if (reason !== undefined) console.log(`Behaviour suite skipped for target ${TEST_TARGET}: ${reason}`);
  return reason;
}
