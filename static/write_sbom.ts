// Owns the bill of materials beside the executable, dist/egress-http-proxy.spdx.json (SPDX 2.3): what is linked into one
// file, which no scanner can see from outside. bun static/write_sbom.ts static|dynamic TARGET.
import { createHash } from "node:crypto";
import { MACHINES } from "./machine.ts";
import { type BundledPackage, formatSbom, readGlibcBanner } from "./sbom.ts";
import { findToolChain } from "./tool_chain.ts";

const EXECUTABLE = "dist/egress-http-proxy";
const OUTPUT = `${EXECUTABLE}.spdx.json`;

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

async function main([form, target]: readonly string[]): Promise<void> {
  const machine = MACHINES.find(({ name }) => name === target);
  if (machine === undefined) throw new Error(`Unknown target '${target}'`);
  const manifest: { readonly version: string; readonly license: string } = await Bun.file("package.json").json();
  const lock: { readonly packages: Readonly<Record<string, LockedPackage>> } = await Bun.file("package-lock.json")
    .json();
  const packages: BundledPackage[] = Object.entries(lock.packages)
    .filter(([path, { dev, optional }]) => path !== "" && dev !== true && optional !== true)
    .map(([path, { version, integrity, license }]) => {
      return { name: path.slice(path.lastIndexOf("node_modules/") + 13), version, integrity, license };
    });
  const glibc = form === "static" ? readGlibcBanner(await Bun.file(findToolChain(machine).archive).bytes()) : undefined;
  const executable = createHash("sha256").update(await Bun.file(EXECUTABLE).bytes()).digest("hex");
  const text = formatSbom({
    version: manifest.version,
    license: manifest.license,
    target: machine.name,
    executableSha256: executable,
    created: createdAt(),
    bunVersion: lock.packages["node_modules/bun"]?.version ?? "",
    glibc,
    packages,
  });
  await Bun.write(OUTPUT, text);
}

/** SOURCE_DATE_EPOCH, else the date of the commit, else, where neither is known, 1970: the same input gives the same file. */
function createdAt(): Date {
  const given = process.env.SOURCE_DATE_EPOCH ?? "";
  if (given !== "") {
    if (!/^\d{1,11}$/.test(given)) throw new Error(`Bad value '${given}' for SOURCE_DATE_EPOCH: expected seconds`);
    return new Date(Number(given) * 1000);
  }
  if (Bun.which("git") === null) return new Date(0);
  const { exitCode, stdout } = Bun.spawnSync(["git", "log", "-1", "--format=%ct"], { stderr: "ignore" });
  return new Date(exitCode === 0 ? Number(stdout.toString().trim()) * 1000 : 0);
}

try {
  await main(Bun.argv.slice(2));
} catch (error) {
  console.error(`static/write_sbom.ts: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
