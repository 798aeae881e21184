// Holds compile.sh to what it promises: one line for each refusal, and executables for both CPUs. It runs in a copy of
// the tree, so that dist/ stays what the other tests run.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { mustRun, runProgram } from "../support/run_program.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** The two CPUs, with the ELF machine number of each and where Debian puts its C library on the other. */
const TARGETS = [
  {
    target: "x86_64",
    nodeArch: "x64",
    machine: 62,
    library: "/usr/x86_64-linux-gnu/lib",
    package: "libc6-amd64-cross",
  },
  {
    target: "aarch64",
    nodeArch: "arm64",
    machine: 183,
    library: "/usr/aarch64-linux-gnu/lib",
    package: "libc6-arm64-cross",
  },
];
const other = TARGETS.find(({ nodeArch }) => nodeArch !== arch()) ?? TARGETS[0]!;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/compile-`);
  const sources = ["compile.sh", "package.json", "package-lock.json", ".npmrc", "src"].map((path) => `${ROOT}${path}`);
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
    says: "Cannot use argument '-v': the only option is --target x86_64|aarch64",
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
  if (Bun.which("readelf") === null) {
    const line = `Cannot tell the libraries of an ${other.target} executable: install binutils (readelf)`;
    return expect({ code, stderr }).toEqual({ code: 1, stderr: `compile.sh: ${line}\n` });
  }
  if (!existsSync(other.library)) {
    const line = `Cannot find ${other.library}: install the ${other.target} C library (Debian: ${other.package})`;
    return expect({ code, stderr }).toEqual({ code: 1, stderr: `compile.sh: ${line}\n` });
  }
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const rootfs = `${folder}/dist/rootfs`;
  const entries = await readdir(rootfs, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`);
  expect(files).toContain(`${rootfs}/egress-http-proxy`);
  expect(files.some((path) => path.endsWith("/libc.so.6"))).toBe(true);
  for (const path of files) {
    const head = new DataView(await Bun.file(path).slice(0, 20).arrayBuffer());
    const file = path.slice(rootfs.length);
    expect({ file, magic: head.getUint32(0), machine: head.getUint16(18, true) })
      .toEqual({ file, magic: 0x7f454c46, machine: other.machine });
  }
});
