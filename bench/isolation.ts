// Owns keeping a run apart: a process namespace of its own, so that nothing that it starts outlives it, however it ends.
// Knows nothing of what runs in it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Set in the environment of the process that is apart; holds the folder that is its own. */
export const FOLDER_VARIABLE = "BENCH_FOLDER";

/** squid keeps segments in /dev/shm under its service's name and leaves them there when it is killed. */
export const SQUID_SERVICE = `egressbench${process.env[FOLDER_VARIABLE]?.slice(-6) ?? ""}`;

const APART = ["--pid", "--fork", "--kill-child=KILL", "--mount", "--mount-proc"];

/** The command that starts another in a process namespace: as root, in a user namespace, or, where neither can be had, nothing. */
export function findWrapper(): readonly string[] {
  for (const flags of [APART, ["--map-current-user", "--keep-caps", ...APART]]) {
    // A killed parent takes the namespace with it.
    const wrapper = ["setpriv", "--pdeathsig", "KILL", "unshare", ...flags, "--"];
    if (spawnSync(wrapper[0] ?? "", [...wrapper.slice(1), "true"], { stdio: "ignore" }).status === 0) return wrapper;
  }
  return [];
}

/** Runs this very command apart and resolves to its exit code; its folder is removed at the end. */
export async function runApart(args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "egress-bench-"));
  const wrapper = findWrapper();
  const command = [...wrapper, process.execPath, "--no-env-file", process.argv[1] ?? "", ...args];
  const child = spawn(command[0] ?? "", command.slice(1), {
    stdio: "inherit",
    env: { ...process.env, [FOLDER_VARIABLE]: folder },
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let stoppedBy: (typeof signals)[number] | undefined;
  for (const signal of signals) {
    process.on(signal, () => {
      stoppedBy ??= signal;
      // unshare lets no other signal through; where there is no namespace the run's own handler ends what it started.
      child.kill(wrapper.length > 0 ? "SIGKILL" : signal);
    });
  }
  const code = await new Promise<number>((resolve) => {
    child.on("exit", (exitCode) => resolve(exitCode ?? 1));
    child.on("error", () => resolve(1));
  });
  rmSync(folder, { recursive: true, force: true });
  removeSegments(`egressbench${folder.slice(-6)}`);
  return stoppedBy === undefined ? code : 128 + constants.signals[stoppedBy];
}

function removeSegments(service: string): void {
  for (const name of existsSync("/dev/shm") ? readdirSync("/dev/shm") : []) {
    if (name.startsWith(`${service}-`)) rmSync(join("/dev/shm", name), { force: true });
  }
}
