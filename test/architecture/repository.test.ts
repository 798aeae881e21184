// Holds the files round the sources together: versions that must agree, and what a fresh machine installs.
import { describe, expect, test } from "bun:test";

const ROOT = new URL("../..", import.meta.url);

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly version: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const lock: Lock = await Bun.file(new URL("package-lock.json", ROOT)).json();
const manifest: Manifest = await Bun.file(new URL("package.json", ROOT)).json();
const dockerfile = await Bun.file(new URL("Dockerfile", ROOT)).text();

describe("package-lock.json", () => {
  const installed = Object.entries(lock.packages).filter(([path]) => path !== "");

  test("has a checksum for every package and names no registry", () => {
    expect(installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-")).map(([path]) => path)).toEqual(
      [],
    );
    expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  test("names the executables of every platform, or npm ci refuses it", () => {
    const wanted = installed.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((name) => lock.packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });

  test("has the exact versions of package.json", () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const [name, version] of Object.entries(all)) {
      expect({ name, version: lock.packages[`node_modules/${name}`]?.version }).toEqual({ name, version });
    }
  });
});

test("deno.lock has the exact versions of package.json (else: npx deno install --lockfile-only)", async () => {
  const { specifiers } = await Bun.file(new URL("deno.lock", ROOT)).json();
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  const wanted = Object.entries(all).map(([name, version]) => [`npm:${name}@${version}`, version]);
  expect(specifiers).toEqual(Object.fromEntries(wanted));
});

test("package.json lets the runtimes' install scripts run, which npm 12 asks for", () => {
  expect(manifest.allowScripts).toEqual({ bun: true, deno: true });
});

test("the version is the same wherever it is written", () => {
  expect({ lock: lock.version, dockerfile: /^ARG VERSION=(.+)$/m.exec(dockerfile)?.[1] })
    .toEqual({ lock: manifest.version, dockerfile: manifest.version });
});

test("what is run by its name is executable", async () => {
  const scripts = ["compile.sh", ".ci/run", "test/setup_packages.sh"];
  for (const path of scripts) {
    const { mode } = await Bun.file(new URL(path, ROOT)).stat();
    expect({ path, executable: (mode & 0o111) === 0o111 }).toEqual({ path, executable: true });
  }
});
