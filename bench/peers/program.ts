// Owns looking up programs on this machine and asking them for their version.
import { spawnSync } from "node:child_process";

/** Finds a program by name, also where only root's PATH has it. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin:/sbin` }) ?? undefined;
}

/** Runs a program for its version and returns the first line that it prints. */
export function firstLineOf(command: readonly string[]): string {
  const [file = "", ...args] = command;
  const { stdout, stderr } = spawnSync(file, args, { timeout: 10_000, encoding: "utf8" });
  return (`${stdout ?? ""}${stderr ?? ""}`).split("\n").find((line) => line.trim() !== "")?.trim() ?? "unknown";
}
