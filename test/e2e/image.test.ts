// Builds the last stage of the Dockerfile, with what compile.sh laid out in place of the build stage (whose base image is
// in a registry), and reads the image: its files, its user, its entry point.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { compiled, linuxRoot, program, working } from "../support/requirements.ts";
import { mustRun } from "../support/run_program.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const SKIP_REASON = await compiled() ?? linuxRoot() ?? program("buildah")() ??
  working(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], "mounts in a namespace of its own")();
if (SKIP_REASON !== undefined) console.log(`Image skipped: ${SKIP_REASON}`);

interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
}

describe.skipIf(SKIP_REASON !== undefined)("the image", () => {
  let folder = "";
  let config: ImageConfig;
  let mounted = "";

  function buildah(...args: readonly string[]) {
    const storage = ["--storage-driver", "vfs", "--root", `${folder}/storage`, "--runroot", `${folder}/run`];
    return mustRun(["buildah", ...storage, ...args], { cwd: ROOT, env: { HOME: folder }, limitMs: 100_000 });
  }

  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/image-`);
    await mustRun(["mkdir", "-p", `${folder}/build/src/dist`]);
    await mustRun(["cp", "-a", `${ROOT}dist/rootfs`, `${folder}/build/src/dist/rootfs`]);
    // A context that is named like a stage stands in for it.
    const context = `build=${folder}/build`;
    await buildah("bud", "--isolation", "chroot", "--target", "proxy", "--build-context", context, "-t", "image", ROOT);
    const inspected = JSON.parse((await buildah("inspect", "--type", "image", "image")).stdout);
    config = inspected.OCIv1.config;
    const container = (await buildah("from", "image")).stdout.trim();
    mounted = (await buildah("mount", container)).stdout.trim();
  }, 120_000);

  afterAll(async () => {
    if (folder === "") return;
    await buildah("umount", "--all").catch(() => {});
    await rm(folder, { recursive: true, force: true });
  });

  test("has the files of the root file system and no other", async () => {
    const wanted = await digests(`${ROOT}dist/rootfs`);
    expect(Object.keys(wanted).length).toBeGreaterThan(0);
    expect(await digests(mounted)).toEqual(wanted);
  });

  test("starts the executable as a user without a name or rights", async () => {
    const manifest = await Bun.file(`${ROOT}package.json`).json();
    expect(config).toMatchObject({
      User: "65532:65532",
      Entrypoint: ["/egress-http-proxy"],
      ExposedPorts: { "8080/tcp": {} },
      Labels: {
        "org.opencontainers.image.title": "egress-http-proxy",
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    });
    expect(config.Cmd ?? []).toEqual([]);
  });
});

/** The mode and checksum of every file below a folder, by path. */
async function digests(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = `${entry.parentPath}/${entry.name}`;
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    found[path.slice(root.length)] = `${((await lstat(path)).mode & 0o7777).toString(8)} ${hash.digest("hex")}`;
  }
  return found;
}
