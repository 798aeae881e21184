// Owns the servers that real clients reach through the proxy: pages, uploads, a git server, an npm registry, an apt
// repository and a WebSocket, over HTTP and HTTPS on loopback. Knows nothing of the proxy.
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import type { Certificate } from "../support/certificate.ts";
import { mustRun } from "../support/run_program.ts";

/** The running servers. */
export interface ClientOrigin extends AsyncDisposable {
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** The size of what `/large` sends, in chunks. */
export const LARGE_BYTES = 3 * 1024 * 1024;

/** Starts the servers over what is in `folder`: `git/`, `apt/` and `npm/`, as the functions below make them. */
export function startClientOrigin(folder: string, certificate: Certificate): ClientOrigin {
  const serve = (tls: { tls?: { key: Bun.BunFile; cert: Bun.BunFile } }) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      ...tls,
      fetch: (request, server) => answer(folder, request, () => server.upgrade(request)),
      websocket: {
        message: (socket, message) => {
          socket.send(`echo ${message}`);
        },
      },
    });
  const http = serve({});
  const https = serve({ tls: { key: Bun.file(certificate.keyFile), cert: Bun.file(certificate.certFile) } });
  return {
    httpPort: http.port ?? 0,
    httpsPort: https.port ?? 0,
    async [Symbol.asyncDispose]() {
      await Promise.all([http.stop(true), https.stop(true)]);
    },
  };
}

async function answer(folder: string, request: Request, upgrade: () => boolean): Promise<Response | undefined> {
  const url = new URL(request.url);
  if (url.pathname === "/hello") return new Response("hello\n", { headers: { "Content-Type": "text/plain" } });
  if (url.pathname === "/large") return new Response(largeBody());
  if (url.pathname === "/upload") return await describeUpload(request);
  if (url.pathname === "/ws" && upgrade()) return undefined;
  if (url.pathname.startsWith("/git/")) return await gitBackend(folder, request, url);
  if (url.pathname.startsWith("/npm/")) return await npmRegistry(folder, url);
  if (url.pathname.startsWith("/apt/")) return await file(`${folder}${url.pathname}`);
  return new Response("no such page\n", { status: 404 });
}

async function file(path: string): Promise<Response> {
  const body = Bun.file(path);
  return await body.exists() ? new Response(body) : new Response("no such file\n", { status: 404 });
}

function largeBody(): ReadableStream<Uint8Array> {
  let left = LARGE_BYTES;
  return new ReadableStream({
    pull(controller) {
      const chunk = new Uint8Array(Math.min(left, 50_000)).fill(0x61);
      left -= chunk.length;
      controller.enqueue(chunk);
      if (left === 0) controller.close();
    },
  });
}

async function describeUpload(request: Request): Promise<Response> {
  const body = await request.bytes();
  return Response.json({
    method: request.method,
    lengthBytes: body.length,
    sha256: createHash("sha256").update(body).digest("hex"),
    contentLength: request.headers.get("content-length"),
    transferEncoding: request.headers.get("transfer-encoding"),
  });
}

/** Git's own smart HTTP server, called as CGI (RFC 3875). */
async function gitBackend(folder: string, request: Request, url: URL): Promise<Response> {
  const header = (name: string) => request.headers.get(name) ?? "";
  const child = Bun.spawn(["git", "http-backend"], {
    env: {
      PATH: process.env.PATH ?? "",
      GIT_PROJECT_ROOT: `${folder}/git`,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "2",
      GIT_CONFIG_KEY_0: "http.receivepack",
      GIT_CONFIG_VALUE_0: "true",
      GIT_CONFIG_KEY_1: "safe.directory",
      GIT_CONFIG_VALUE_1: "*",
      GIT_PROTOCOL: header("git-protocol"),
      HTTP_CONTENT_ENCODING: header("content-encoding"),
      CONTENT_TYPE: header("content-type"),
      PATH_INFO: url.pathname.slice("/git".length),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_USER: "tester",
    },
    stdin: await request.bytes(),
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = Buffer.from(await new Response(child.stdout).arrayBuffer());
  const end = output.indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of output.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n")) {
    const colon = line.indexOf(":");
    if (/^status:/i.test(line)) status = Number.parseInt(line.slice(colon + 1), 10);
    else if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return new Response(output.subarray(end + 4), { status, headers });
}

async function npmRegistry(folder: string, url: URL): Promise<Response> {
  if (url.pathname.endsWith(".tgz")) return await file(`${folder}/npm/tiny.tgz`);
  if (url.pathname !== "/npm/tiny") return Response.json({ error: "no such package" }, { status: 404 });
  const tarball = await Bun.file(`${folder}/npm/tiny.tgz`).bytes();
  const version = {
    name: "tiny",
    version: "1.0.0",
    dist: {
      tarball: `${url.origin}/npm/tiny/-/tiny-1.0.0.tgz`,
      integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    },
  };
  return Response.json({ name: "tiny", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } });
}

/** Makes the repository `tiny.git` with one commit of one file. */
export async function makeGitRepository(folder: string): Promise<void> {
  const work = `${folder}/git-work`;
  const identity = ["-c", "user.name=Tester", "-c", "user.email=tester@allowed.test", "-c", "init.defaultBranch=main"];
  await mkdir(`${folder}/git`, { recursive: true });
  await mustRun(["git", ...identity, "init", "--quiet", work], { env: { HOME: folder } });
  await Bun.write(`${work}/README`, "cloned through the proxy\n");
  await mustRun(["git", "-C", work, "add", "README"], { env: { HOME: folder } });
  await mustRun(["git", "-C", work, ...identity, "commit", "--quiet", "-m", "One file"], { env: { HOME: folder } });
  await mustRun(["git", "clone", "--quiet", "--bare", work, `${folder}/git/tiny.git`], { env: { HOME: folder } });
}

/** Makes the npm package `tiny` 1.0.0. */
export async function makeNpmPackage(folder: string): Promise<void> {
  await Bun.write(`${folder}/npm/package/package.json`, JSON.stringify({ name: "tiny", version: "1.0.0" }));
  await Bun.write(`${folder}/npm/package/index.js`, "module.exports = 'installed through the proxy';\n");
  await mustRun(["tar", "-czf", `${folder}/npm/tiny.tgz`, "-C", `${folder}/npm`, "package"]);
}

/** Makes a flat apt repository with the package `tiny` 1.0. */
export async function makeAptRepository(folder: string): Promise<void> {
  const root = `${folder}/apt`;
  const control = "Package: tiny\nVersion: 1.0\nArchitecture: all\nMaintainer: Tester <tester@allowed.test>\n" +
    "Description: a package of nothing\n";
  await Bun.write(`${folder}/apt-work/DEBIAN/control`, control);
  await mkdir(root, { recursive: true });
  await mustRun(["dpkg-deb", "--root-owner-group", "--build", `${folder}/apt-work`, `${root}/tiny_1.0_all.deb`]);
  const deb = await Bun.file(`${root}/tiny_1.0_all.deb`).bytes();
  const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
  const packages = `${control}Filename: ./tiny_1.0_all.deb\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n`;
  await Bun.write(`${root}/Packages`, packages);
  await Bun.write(
    `${root}/Release`,
    `Date: ${new Date().toUTCString()}\nSHA256:\n ${sha256(packages)} ${Buffer.byteLength(packages)} Packages\n`,
  );
}
