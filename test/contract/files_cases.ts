// Owns the contract cases of reading files.
import { notStrictEqual, rejects, strictEqual } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, open, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { RuntimeCase } from "./runtime_case.ts";

function fileCase(name: string, steps: (runtime: Runtime, folder: string) => Promise<void>): RuntimeCase {
  return {
    name,
    async run(runtime) {
      const folder = await mkdtemp(join(tmpdir(), "files-"));
      try {
        await steps(runtime, folder);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

/** The cases. */
export const filesCases: readonly RuntimeCase[] = [
  fileCase("readText() reads UTF-8", async ({ files }, folder) => {
    await writeFile(join(folder, "rules"), "*.bücher.example\r\n");
    strictEqual(await files.readText(join(folder, "rules")), "*.bücher.example\r\n");
  }),

  fileCase("readText() and stamp() know no file that is not there", async ({ files }, folder) => {
    await writeFile(join(folder, "file"), "");
    for (const path of [join(folder, "none"), join(folder, "none", "none"), join(folder, "file", "none")]) {
      strictEqual(await files.readText(path), undefined);
      strictEqual(await files.stamp(path), undefined);
    }
  }),

  fileCase("readText() says why where it can't read", async ({ files }, folder) => {
    await rejects(files.readText(folder), { message: "it is a directory, not a file" });
    await rejects(files.readText("/dev/zero"), { message: "it is larger than 32 MiB" });
  }),

  fileCase("readText() reads what is larger than one reading, byte for byte", async ({ files }, folder) => {
    for (const length of [64 << 10, (64 << 10) + 1, 1_000_003]) {
      const text = "0123456789".repeat(length / 10 + 1).slice(0, length);
      await writeFile(join(folder, "rules"), text);
      strictEqual(await files.readText(join(folder, "rules")) === text, true, `${length} octets`);
    }
  }),

  fileCase("readText() reads a pipe to its end", async ({ files }, folder) => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const reading = files.readText(path);
    await writeFile(path, "*.example\n");
    strictEqual(await reading, "*.example\n");
  }),

  fileCase("readText() does not wait for a pipe's writer or its end where it may not", async ({ files }, folder) => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    await rejects(files.readText(path, false), { message: "it is a pipe, not a file" });
    const writer = await open(path, "r+");
    try {
      await writer.write("*.example\n");
      await rejects(files.readText(path, false), { message: "it is a pipe, not a file" });
    } finally {
      await writer.close();
    }
    await rejects(files.readText("/dev/zero", false), { message: "it is larger than 32 MiB" });
    strictEqual(await files.readText("/dev/null", false), "");
    await writeFile(join(folder, "rules"), "*.example\n");
    strictEqual(await files.readText(join(folder, "rules"), false), "*.example\n");
  }),

  fileCase("stamp() is the same until the file is written to", async ({ files }, folder) => {
    const path = join(folder, "rules");
    await writeFile(path, "one");
    const first = await files.stamp(path);
    strictEqual(await files.stamp(path), first);
    await writeFile(path, "two");
    await utimes(path, 1_000_000_000, 1_000_000_000);
    notStrictEqual(await files.stamp(path), first);
  }),

  fileCase("stamp() differs when another file of the same size and time takes its place", async ({ files }, folder) => {
    const path = join(folder, "rules");
    for (const [name, text] of [["rules", "one"], ["next", "two"]] as const) {
      await writeFile(join(folder, name), text);
      await utimes(join(folder, name), 1_000_000_000, 1_000_000_000);
    }
    const first = await files.stamp(path);
    await rename(join(folder, "next"), path);
    notStrictEqual(await files.stamp(path), first);
  }),

  // As Kubernetes replaces the files of a ConfigMap.
  fileCase("stamp() differs when the link to the file's folder is replaced", async ({ files }, folder) => {
    for (const version of ["1", "2"]) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, "rules"), "text");
      await utimes(join(folder, version, "rules"), 1_000_000_000, 1_000_000_000);
    }
    await symlink("1", join(folder, "data"));
    const path = join(folder, "data", "rules");
    const first = await files.stamp(path);
    await symlink("2", join(folder, "data.new"));
    await rename(join(folder, "data.new"), join(folder, "data"));
    notStrictEqual(await files.stamp(path), first);
  }),
];
