// Owns what a test needs of the machine: programs, root, Linux. A test that can't run here is skipped with its reason.
import { test } from "bun:test";

/** Says why a test can't run here, or undefined where it can. */
export type Requirement = () => string | undefined;

/** Needs programs on the path that also start (a version manager's stand-in is on the path and does not). */
export function program(...names: readonly string[]): Requirement {
  return () => {
    const missing = names.filter((name) => Bun.which(name) === null);
    return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
  };
}

/** Needs a command that succeeds; `purpose` says what it stands for. */
export function working(command: readonly string[], purpose: string): Requirement {
  return () => {
    try {
      const { exitCode, stderr } = Bun.spawnSync([...command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
      if (exitCode === 0) return undefined;
      return `${purpose}: ${stderr.toString().trim().split("\n")[0] || `exit code ${exitCode}`}`;
    } catch (error) {
      return `${purpose}: ${(error as Error).message}`;
    }
  };
}

/** Needs root on Linux. */
export function linuxRoot(): string | undefined {
  if (process.platform !== "linux") return `needs Linux, not ${process.platform}`;
  return process.getuid?.() === 0 ? undefined : "needs root";
}

/** Needs the executable and root file system that compile.sh makes. */
export async function compiled(): Promise<string | undefined> {
  const executable = Bun.file(new URL("../../dist/rootfs/egress-http-proxy", import.meta.url));
  return await executable.exists() ? undefined : "not compiled: run ./compile.sh";
}

/** A test that runs where all requirements hold, and is else skipped under a name that says why. */
export function testWith(requirements: readonly Requirement[], name: string, run: () => Promise<void>): void {
  for (const requirement of requirements) {
    const reason = requirement();
    if (reason !== undefined) return test.skip(`${name} [skipped: ${reason}]`, run);
  }
  test(name, run);
}
