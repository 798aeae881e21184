// Holds the static executable to its word: one file that needs no other. It is read, run alone in an empty root with and
// without /proc, /dev and /etc, compiled twice, and compiled for arm64.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { startChild } from "../support/child_process.ts";
import { Proxy } from "../support/launcher.ts";
import { LogLines } from "../support/log_lines.ts";
import { compiled, linuxRoot, program, working } from "../support/requirements.ts";
import { mustRun, runProgram } from "../support/run_program.ts";

setDefaultTimeout(120_000);

const ROOT = new URL("../..", import.meta.url).pathname;
const ROOTFS = `${ROOT}dist/rootfs`;
const EXECUTABLE = `${ROOTFS}/egress-http-proxy`;
const ENTER = new URL("enter_empty_root.sh", import.meta.url).pathname;
const ENTER_ARM64 = new URL("enter_arm64.sh", import.meta.url).pathname;
const UNSHARE = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"];

const SKIP_REASON = await compiled() ?? linuxRoot() ?? program("unshare", "setpriv", "chroot", "readelf", "ldd")() ??
  working([...UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], "mounts in a namespace of its own")() ??
  whyNotLinked();
if (SKIP_REASON !== undefined) console.log(`Static executable skipped: ${SKIP_REASON}`);

/** Says why compile.sh has left out the static link here, or undefined where it has not. */
function whyNotLinked(): string | undefined {
  return program("gcc")() ??
    (Bun.spawnSync(["gcc", "-print-file-name=libc.a"]).stdout.toString().trim() === "libc.a"
      ? "not installed: libc.a (Debian: libc6-dev)"
      : undefined);
}

let folder = "";
beforeAll(async () => {
  folder = await realpath(await mkdtemp(`${tmpdir()}/static-`));
  await mustRun(["mkdir", `${folder}/root`, `${folder}/tree`]);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(SKIP_REASON !== undefined)("the static executable", () => {
  test("is all that the root file system holds", async () => {
    expect(await readdir(ROOTFS, { recursive: true })).toEqual(["egress-http-proxy"]);
  });

  test("asks for no interpreter and has nothing for a dynamic loader", async () => {
    const { stdout } = await mustRun(["readelf", "--wide", "--program-headers", "--dynamic", EXECUTABLE]);
    expect(stdout).toContain("There is no dynamic section in this file.");
    const types = [...stdout.matchAll(/^ {2}([A-Z_]+) +0x/gm)].map(([, type]) => type);
    expect(types).toContain("LOAD");
    expect(types.filter((type) => type === "INTERP" || type === "DYNAMIC")).toEqual([]);
    const { code, stdout: said, stderr } = await runProgram(["ldd", EXECUTABLE]);
    expect({ code, text: `${said}${stderr}`.trim() }).toEqual({ code: 1, text: "not a dynamic executable" });
  });

  test("is whole to readelf and has symbols of libc and of its own", async () => {
    const { stdout, stderr } = await mustRun(["readelf", "--wide", "--all", EXECUTABLE]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/ FUNC +GLOBAL DEFAULT +\d+ epoll_create1\n/);
    expect(stdout).toMatch(/ FUNC +GLOBAL DEFAULT +\d+ glue_libc_start_main\n/);
  });

  // Each of the eight ways to be without something.
  for (let bits = 0; bits < 8; bits++) {
    const present = ["proc", "dev", "etc"].filter((_, index) => (bits >> index & 1) !== 0).join(" ") || "none";
    test(`passes its self-test alone, read-only, without privileges; beside it: ${present}`, async () => {
      const command = [...UNSHARE, "sh", ENTER, present, EXECUTABLE, `${folder}/root`, "self-test"];
      const { code, stdout, stderr } = await runProgram(["env", "-i", `PATH=${process.env.PATH}`, ...command]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^ok: starts itself, listens on port \d+, engine posix$/m);
      expect(stdout).toContain("ok: calls C, splices\n");
      const hosts = present.includes("etc")
        ? "ok: reaches hosts.self-test.example by /etc/hosts\n"
        : "skipped: a name of /etc/hosts: there is no such file\n";
      expect(stdout).toContain(hosts);
      expect(stdout).toEndWith("ok: ends by SIGTERM with exit code 0\nself-test passed\n");
    });
  }

  test("maps one file while it serves, and keeps it so after requests", async () => {
    const lines = new LogLines();
    const command = [EXECUTABLE, "run", "--listen", "127.0.0.1:0", "--destination", "127.0.0.0/8"];
    await using proxy = new Proxy(startChild([...command, "--log-format", "json"], {}, lines), lines);
    await proxy.ready();
    using origin = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    const answer = await fetch(`http://127.0.0.1:${origin.port}/`, { proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await answer.text()).toBe("hello");
    const maps = await readFile(`/proc/${proxy.pid}/maps`, "latin1");
    const files = maps.split("\n").map((line) => line.split(/\s+/)[5] ?? "").filter((path) => path.startsWith("/"));
    expect([...new Set(files)]).toEqual([await realpath(EXECUTABLE)]);
  });

  test("ignores LD_PRELOAD and LD_LIBRARY_PATH", async () => {
    const env = { LD_PRELOAD: "/nonexistent/preload.so", LD_LIBRARY_PATH: "/nonexistent" };
    const { code, stdout, stderr } = await runProgram([EXECUTABLE, "--version"], { env });
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stderr: "" });
  });

  test("has a bill of materials that names what is linked in, and the file by its checksum", async () => {
    const bill = await Bun.file(`${ROOT}dist/egress-http-proxy.spdx.json`).json();
    const packages: { name: string; versionInfo: string; checksums?: { checksumValue: string }[] }[] = bill.packages;
    const names = packages.map(({ name }) => name);
    const manifest = await Bun.file(`${ROOT}package.json`).json();
    expect(names).toEqual(expect.arrayContaining(["Bun", "glibc", ...Object.keys(manifest.dependencies)]));
    expect(packages.find(({ name }) => name === "Bun")?.versionInfo).toBe(manifest.devDependencies.bun);
    expect(packages.find(({ name }) => name === "glibc")?.versionInfo).toMatch(/^2\.\d+$/);
    const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(EXECUTABLE).bytes()).digest("hex");
    expect(packages[0]?.checksums?.[0]?.checksumValue).toBe(hash);
  });
});

/** Compiles in a copy of the tree, so that dist/ stays what the other tests run. */
async function compileCopy(copy: string, ...args: readonly string[]) {
  if (!existsSync(copy)) {
    await mustRun(["mkdir", copy]);
    const sources = ["compile.sh", "package.json", "package-lock.json", ".npmrc", "src", "static"];
    await mustRun(["cp", "-R", ...sources.map((path) => `${ROOT}${path}`), copy]);
    await symlink(`${ROOT}node_modules`, `${copy}/node_modules`);
  }
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(HOME|NODE_EXTRA_CA_CERTS|npm_config_\w+)$/i.test(name)
  );
  const env = Object.fromEntries(kept.map(([name, value]) => [name, value ?? ""]));
  return mustRun([`${copy}/compile.sh`, ...args], { env: { ...env, SOURCE_DATE_EPOCH: "1" }, limitMs: 110_000 });
}

describe.skipIf(SKIP_REASON !== undefined)("compile.sh", () => {
  test("gives the same octets when it runs again", async () => {
    const files = ["egress-http-proxy", "egress-http-proxy.spdx.json"];
    const outcomes: string[][] = [];
    for (let round = 0; round < 2; round++) {
      await compileCopy(`${folder}/tree/same`);
      outcomes.push(
        await Promise.all(files.map(async (file) => {
          const bytes = await Bun.file(`${folder}/tree/same/dist/${file}`).bytes();
          return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
        })),
      );
    }
    expect(outcomes[1]).toEqual(outcomes[0] ?? []);
  });

  test("falls back to the dynamic form with a loud line where there is no compiler", async () => {
    // A path with everything but compilers.
    await mustRun(["mkdir", `${folder}/bin`]);
    for (const path of (process.env.PATH ?? "").split(":").filter((one) => existsSync(one))) {
      for (const name of await readdir(path)) {
        if (/gcc|^cc$/.test(name) || existsSync(`${folder}/bin/${name}`)) continue;
        await symlink(`${path}/${name}`, `${folder}/bin/${name}`).catch(() => {});
      }
    }
    await compileCopy(`${folder}/tree/dynamic`, "--dynamic");
    const { code, stderr } = await runProgram([`${folder}/tree/dynamic/compile.sh`], {
      env: { PATH: `${folder}/bin` },
      limitMs: 110_000,
    });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "compile.sh: WARNING: NOT STATIC: gcc is not installed (Debian: gcc and libc6-dev). " +
        "Compiling the dynamic form, as --dynamic does.\n",
    });
    const files = await readdir(`${folder}/tree/dynamic/dist/rootfs`, { recursive: true });
    expect(files.some((path) => path.endsWith("/libc.so.6"))).toBe(true);
  });
});

const USER_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"];
const ARM64_SKIP_REASON = SKIP_REASON ?? (arch() === "x64" ? undefined : `needs x86-64, not ${arch()}`) ??
  program("aarch64-linux-gnu-gcc", "qemu-aarch64-static")() ??
  working(
    [...USER_NAMESPACE, "mount", "-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc"],
    "interpreters of a user namespace's own",
  )();
if (ARM64_SKIP_REASON !== undefined) console.log(`Static executable for arm64 skipped: ${ARM64_SKIP_REASON}`);

describe.skipIf(ARM64_SKIP_REASON !== undefined)("the static executable for arm64", () => {
  test("is static, and passes its self-test under qemu", async () => {
    await compileCopy(`${folder}/tree/arm64`, "--target", "aarch64");
    const executable = `${folder}/tree/arm64/dist/rootfs/egress-http-proxy`;
    const { stdout: headers } = await mustRun(["readelf", "--wide", "--file-header", "--dynamic", executable]);
    expect(headers).toMatch(/Machine: +AArch64/);
    expect(headers).toContain("There is no dynamic section in this file.");
    const command = [...USER_NAMESPACE, "sh", ENTER_ARM64, Bun.which("qemu-aarch64-static") ?? "", executable];
    const { code, stdout, stderr } = await runProgram([...command, "self-test"], { limitMs: 110_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^ok: starts itself, listens on port \d+, engine posix$/m);
    expect(stdout).toEndWith("self-test passed\n");
  }, 240_000);
});
