// Owns what machine this is and which source is measured. Measures nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { OWN_EXECUTABLE } from "./peers/ours.ts";
import { readFileLimit } from "./proc_stat.ts";
import type { Machine } from "./results.ts";

const ROOT = resolve(import.meta.dir, "..");
const KIB = 1024;

/** Reads what the machine is, for the report. */
export function readMachine(): Machine {
  const cpuinfo = readFileSync("/proc/cpuinfo", "latin1");
  const memory = Number(/^MemTotal: +(\d+)/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? 0);
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return {
    cpu: /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? "unknown",
    cores: cpuinfo.match(/^processor\s*:/gm)?.length ?? 1,
    memoryGib: Math.round(memory / KIB / KIB),
    kernel: readFileSync("/proc/sys/kernel/osrelease", "latin1").trim(),
    system: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? "Linux",
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo),
    openFiles: readFileLimit(),
    bun: Bun.version,
  };
}

/** The commit of the tree, marked where files differ from it; "unknown" where this is no clone. */
export function readSource(): string {
  const git = (...args: string[]) => spawnSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });
  const commit = git("rev-parse", "--short=10", "HEAD");
  if (commit.status !== 0) return "unknown";
  const changed = git("status", "--porcelain", "--", "src", "compile.sh", "package-lock.json").stdout.trim() !== "";
  return `${commit.stdout.trim()}${changed ? ", with changes" : ""}`;
}

/** Compiles the executable where there is none, or where a file of the source is newer. Throws where that fails. */
export function compileWhereStale(say: (text: string) => void): void {
  const madeMs = existsSync(OWN_EXECUTABLE) ? statSync(OWN_EXECUTABLE).mtimeMs : 0;
  const sources = ["compile.sh", "package-lock.json", ...new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })];
  if (sources.every((path) => statSync(join(ROOT, path)).mtimeMs < madeMs)) return;
  say("Compiling dist/egress-http-proxy");
  const { status, stderr } = spawnSync("./compile.sh", { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot compile the executable: ${stderr.trim().slice(-300)}`);
}
