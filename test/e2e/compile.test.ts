// Holds compile.sh to what it promises: one line for each refusal, and executables for both CPUs. It runs in a copy of
// the tree, so that dist/ stays what the other tests run.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { mustRun, runProgram } from "../support/run_program.ts";

setDefaultTimeout(120_000);

const ROOT = new URL("../..", import.meta.url).pathname;

/** The two CPUs, with the ELF machine number of each and where Debian puts its C library on the other. */
const TARGETS = [
  {
    target: "x86_64",
    nodeArch: "x64",
    machine: 62,
    library: "/usr/x86_64-linux-gnu/lib",
    package: "libc6-amd64-cross",
    compiler: "x86_64-linux-gnu-gcc",
    packages: "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross",
  },
  {
    target: "aarch64",
    nodeArch: "arm64",
    machine: 183,
    library: "/usr/aarch64-linux-gnu/lib",
    package: "libc6-arm64-cross",
    compiler: "aarch64-linux-gnu-gcc",
    packages: "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
  },
];
const other = TARGETS.find(({ nodeArch }) => nodeArch !== arch()) ?? TARGETS[0]!;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/compile-`);
  const sources = ["compile.sh", "package.json", "package-lock.json", ".npmrc", "src", "static"].map((path) =>
    `${ROOT}${path}`
  );
  await mustRun(["cp", "-R", ...sources, folder]);
  await symlink(`${ROOT}node_modules`, `${folder}/node_modules`);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs compile.sh with what npm needs of this machine's own settings to reach its registry. */
function compile(...args: readonly string[]) {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(HOME|NODE_EXTRA_CA_CERTS|npm_config_\w+)$/i.test(name)
  );
  const env = Object.fromEntries(kept.map(([name, value]) => [name, value ?? ""]));
  return runProgram([`${folder}/compile.sh`, ...args], { env, limitMs: 110_000 });
}

const REFUSALS = [
  {
    name: "a CPU that it does not know",
    args: ["--target", "mips"],
    says: "Cannot compile for 'mips': the targets are x86_64 and aarch64",
  },
  { name: "a target without a value", args: ["--target"], says: "Give --target a value: x86_64 or aarch64" },
  {
    name: "any other argument",
    args: ["-v"],
    says: "Cannot use argument '-v': the options are --target x86_64|aarch64 and --dynamic",
  },
];
for (const { name, args, says } of REFUSALS) {
  test(`compile.sh refuses ${name}`, async () => {
    expect(await compile(...args)).toEqual({ code: 1, stdout: "", stderr: `compile.sh: ${says}\n` });
  });
}

test("compile.sh says what is missing before npm ci", async () => {
  await mustRun(["mv", `${folder}/node_modules`, `${folder}/away`]);
  try {
    const { code, stderr } = await compile();
    expect({ code, stderr })
      .toEqual({ code: 1, stderr: "compile.sh: Cannot find node_modules/.bin/bun: run 'npm ci' first\n" });
  } finally {
    await mustRun(["mv", `${folder}/away`, `${folder}/node_modules`]);
  }
});

test(`compile.sh compiles for ${other.target}, or says what that takes`, async () => {
  const { code, stderr } = await compile(`--target=${other.target}`);
  const untried =
    `compile.sh: not tried, since it is for ${other.target}: run 'egress-http-proxy self-test' where it is to serve\n`;
  if (Bun.which(other.compiler) !== null) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: untried });
    return expect(await machines()).toEqual({ "/egress-http-proxy": other.machine });
  }
  const warning = `compile.sh: WARNING: NOT STATIC: ${other.compiler} is not installed (Debian: ${other.packages}). ` +
    "Compiling the dynamic form, as --dynamic does.\n";
  const refusal = whyNotDynamic();
  if (refusal !== undefined) return expect({ code, stderr }).toEqual({ code: 1, stderr: `${warning}${refusal}` });
  expect({ code, stderr }).toEqual({ code: 0, stderr: `${warning}${untried}` });
  await expectLibraries();
});

test(`compile.sh --dynamic compiles for ${other.target} with the libraries beside it, or says what that takes`, async () => {
  const { code, stderr } = await compile(`--target=${other.target}`, "--dynamic");
  const refusal = whyNotDynamic();
  if (refusal !== undefined) return expect({ code, stderr }).toEqual({ code: 1, stderr: refusal });
  expect({ code, stderr: stderr.replace(/^compile\.sh: not tried, .*\n$/, "") }).toEqual({ code: 0, stderr: "" });
  await expectLibraries();
});

/** The line about what the dynamic form for the other CPU lacks here, or undefined where it can be made. */
function whyNotDynamic(): string | undefined {
  if (Bun.which("readelf") === null) {
    return `compile.sh: Cannot tell the libraries of an ${other.target} executable: install binutils (readelf)\n`;
  }
  if (existsSync(other.library)) return undefined;
  return `compile.sh: Cannot find ${other.library}: install the ${other.target} C library (Debian: ${other.package})\n`;
}

async function expectLibraries(): Promise<void> {
  const found = await machines();
  expect(Object.keys(found)).toContain("/egress-http-proxy");
  expect(Object.keys(found).some((path) => path.endsWith("/libc.so.6"))).toBe(true);
  expect(new Set(Object.values(found))).toEqual(new Set([other.machine]));
}

/** The ELF machine number of every file in dist/rootfs. */
async function machines(): Promise<Record<string, number>> {
  const rootfs = `${folder}/dist/rootfs`;
  const found: Record<string, number> = {};
  for (const entry of await readdir(rootfs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = `${entry.parentPath}/${entry.name}`;
    const head = new DataView(await Bun.file(path).slice(0, 20).arrayBuffer());
    found[path.slice(rootfs.length)] = head.getUint32(0) === 0x7f454c46 ? head.getUint16(18, true) : -1;
  }
  return found;
}
