// Builds the two images of the Dockerfile, with what compile.sh laid out in place of the build stage (whose base image is
// in a registry), and reads them: files, user, entry point, environment, health check, labels.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { compiled, linuxRoot, program, working } from "../support/requirements.ts";
import { mustRun } from "../support/run_program.ts";

setDefaultTimeout(120_000);

const ROOT = new URL("../..", import.meta.url).pathname;

const SKIP_REASON = await compiled() ?? linuxRoot() ?? program("buildah")() ??
  working(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], "mounts in a namespace of its own")();
if (SKIP_REASON !== undefined) console.log(`Image skipped: ${SKIP_REASON}`);

interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
  readonly Labels: Readonly<Record<string, string>>;
}

/** An image that was built: its configuration, and the folder in which its files are. */
interface BuiltImage {
  readonly config: ImageConfig;
  readonly files: string;
}

const GIVEN_LABELS = {
  SOURCE: "https://git.example.com/egress-http-proxy",
  REVISION: "0123456789abcdef0123456789abcdef01234567",
  CREATED: "2026-01-02T03:04:05Z",
};

describe.skipIf(SKIP_REASON !== undefined)("the image", () => {
  let folder = "";
  let proxy: BuiltImage;
  let router: BuiltImage;

  function buildah(...args: readonly string[]) {
    const storage = ["--storage-driver", "vfs", "--root", `${folder}/storage`, "--runroot", `${folder}/run`];
    return mustRun(["buildah", ...storage, ...args], { cwd: ROOT, env: { HOME: folder }, limitMs: 100_000 });
  }

  async function build(name: string, ...target: readonly string[]): Promise<BuiltImage> {
    // A context that is named like a stage stands in for it.
    const context = ["--build-context", `build=${folder}/build`];
    const labels = Object.entries(GIVEN_LABELS).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
    // The format of OCI has no health check.
    const form = ["--format", "docker", "--isolation", "chroot"];
    await buildah("bud", ...form, ...context, ...labels, ...target, "-t", name, ROOT);
    const inspected = JSON.parse((await buildah("inspect", "--type", "image", name)).stdout);
    const container = (await buildah("from", name)).stdout.trim();
    return { config: inspected.Docker.config, files: (await buildah("mount", container)).stdout.trim() };
  }

  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/image-`);
    await mustRun(["mkdir", "-p", `${folder}/build/src/dist`]);
    await mustRun(["cp", "-a", `${ROOT}dist/rootfs`, `${folder}/build/src/dist/rootfs`]);
    proxy = await build("proxy");
    router = await build("router", "--target", "router");
  }, 240_000);

  afterAll(async () => {
    if (folder === "") return;
    await buildah("umount", "--all").catch(() => {});
    await rm(folder, { recursive: true, force: true });
  });

  test("has the files of the root file system and no other, as the proxy and as the init container", async () => {
    const wanted = await digests(`${ROOT}dist/rootfs`);
    expect(Object.keys(wanted).length).toBeGreaterThan(0);
    expect(await digests(proxy.files)).toEqual(wanted);
    expect(await digests(router.files)).toEqual(wanted);
  });

  test("starts the executable and names no command", () => {
    for (const { config } of [proxy, router]) {
      expect(config.Entrypoint).toEqual(["/egress-http-proxy"]);
      expect(config.Cmd ?? []).toEqual([]);
    }
  });

  test("is by default the proxy, a user without a name or rights, and can tell its health without a shell", () => {
    expect(proxy.config).toMatchObject({
      User: "65532:65532",
      ExposedPorts: { "8080/tcp": {}, "8081/tcp": {} },
      Healthcheck: { Test: ["CMD", "/egress-http-proxy", "healthcheck"] },
    });
    expect(proxy.config.Env).toContain("EGRESS_HTTP_PROXY_ADMIN=:8081");
  });

  test("is as the init container root, and nothing of a server", () => {
    expect(router.config.User).toBe("0:0");
    expect(router.config.ExposedPorts ?? {}).toEqual({});
    expect(router.config.Healthcheck?.Test ?? []).toEqual([]);
    expect((router.config.Env ?? []).filter((variable) => variable.startsWith("EGRESS_"))).toEqual([]);
  });

  test("says what it is made of", async () => {
    const manifest = await Bun.file(`${ROOT}package.json`).json();
    for (const [title, { config }] of [["egress-http-proxy", proxy], ["egress-http-proxy-router", router]] as const) {
      expect(config.Labels).toMatchObject({
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.source": GIVEN_LABELS.SOURCE,
        "org.opencontainers.image.revision": GIVEN_LABELS.REVISION,
        "org.opencontainers.image.created": GIVEN_LABELS.CREATED,
        "org.opencontainers.image.licenses": "Apache-2.0",
      });
    }
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
