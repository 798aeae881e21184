// Runs what compile.sh lays out for the image, alone in a root file system of its own and as little privileged as can
// be, and drives it from outside: an allowed and a denied request, a tunnel, its end by SIGTERM.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeCertificate } from "../support/certificate.ts";
import { startChild } from "../support/child_process.ts";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { Proxy } from "../support/launcher.ts";
import { LogLines } from "../support/log_lines.ts";
import { compiled, linuxRoot, program, working } from "../support/requirements.ts";
import { mustRun } from "../support/run_program.ts";
import { type ClientOrigin, startClientOrigin } from "./client_origin.ts";

setDefaultTimeout(120_000);

const ROOTFS = new URL("../../dist/rootfs", import.meta.url).pathname;
const ENTER = new URL("enter_rootfs.sh", import.meta.url).pathname;
const UNSHARE = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"];

const SKIP_REASON = await compiled() ?? linuxRoot() ?? program("unshare", "setpriv", "chroot", "curl", "openssl")() ??
  working([...UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], "mounts in a namespace of its own")();
if (SKIP_REASON !== undefined) console.log(`Root file system skipped: ${SKIP_REASON}`);

describe.skipIf(SKIP_REASON !== undefined)("the root file system", () => {
  let folder = "";
  let authority = "";
  let dns: DnsStub;
  let origin: ClientOrigin;
  let proxy: Proxy;
  let pid = 0;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(`${tmpdir()}/rootfs-`));
    const certificate = await makeCertificate(folder, ["*.allowed.test"]);
    authority = certificate.authorityFile;
    dns = await startDnsStub();
    dns.set("www.allowed.test", { addresses: ["127.0.0.1"] });
    origin = startClientOrigin(folder, certificate);
    await mustRun(["mkdir", `${folder}/root`]);
    const lines = new LogLines();
    const child = startChild(
      [
        ...["env", "-i", `PATH=${process.env.PATH ?? ""}`],
        "EGRESS_HTTP_PROXY_DESTINATION=!*.example.com\n127.0.0.0/8\n*",
        "EGRESS_HTTP_PROXY_LISTEN=127.0.0.1:0",
        `EGRESS_HTTP_PROXY_RESOLVER=127.0.0.1:${dns.port}`,
        ...[...UNSHARE, "sh", ENTER, ROOTFS, `${folder}/root`],
      ],
      {},
      lines,
    );
    const signal = (name: NodeJS.Signals) => {
      process.kill(pid, name);
    };
    proxy = new Proxy({ ...child, signal }, lines);
    await proxy.ready();
    pid = await childOf(child.pid ?? 0);
  });

  afterAll(async () => {
    await proxy?.stop();
    await origin?.[Symbol.asyncDispose]();
    await dns?.stop();
    // Its mounts were in a namespace that ended with it.
    if (folder !== "") await rm(folder, { recursive: true, force: true });
  });

  function curl(...args: readonly string[]) {
    const url = `http://127.0.0.1:${proxy.port}`;
    return mustRun(["curl", "--silent", "--show-error", "--cacert", authority, "--proxy", url, ...args], {
      env: { HOME: folder },
    });
  }

  test("holds the executable and its C library, and nothing else", async () => {
    const entries = await readdir(ROOTFS, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => `${entry.parentPath}/${entry.name}`);
    expect(files).toContain(`${ROOTFS}/egress-http-proxy`);
    const others = files.filter((path) => path !== `${ROOTFS}/egress-http-proxy`);
    const library = /^\/lib(64)?\/([a-z0-9_]+-linux-gnu\/)?(ld-linux[-.a-z0-9_]*|lib(c|m|dl|pthread))\.so\.[0-9]$/;
    expect(others.filter((path) => !library.test(path.slice(ROOTFS.length)))).toEqual([]);
  });

  test("runs as process 1 of its own, as an unknown user, without capabilities, on a root that it can't write", async () => {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
    const capabilities = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(field);
    expect(capabilities).toEqual(capabilities.map(() => "0000000000000000"));
    expect({ uids: field("Uid"), gids: field("Gid"), privileges: field("NoNewPrivs"), pids: field("NSpid") })
      .toEqual({
        uids: "65532\t65532\t65532\t65532",
        gids: "65532\t65532\t65532\t65532",
        privileges: "1",
        pids: `${pid}\t1`,
      });
    const mounts = await readFile(`/proc/${pid}/mounts`, "latin1");
    const writable = mounts.trim().split("\n").map((line) => line.split(" "))
      .filter(([, path, , options]) => !/^\/(proc|dev)(\/|$)/.test(path ?? "") && !/^ro\b/.test(options ?? ""));
    expect(writable).toEqual([]);
  });

  test("lets an allowed request through, by HTTP and by HTTPS", async () => {
    expect((await curl(`http://www.allowed.test:${origin.httpPort}/hello`)).stdout).toBe("hello\n");
    expect((await curl(`https://www.allowed.test:${origin.httpsPort}/hello`)).stdout).toBe("hello\n");
    const entry = await proxy.waitForAccess("the tunnel", ({ method }) => method === "CONNECT");
    expect(entry).toMatchObject({ decision: "allow", rule_line: 2, host: "www.allowed.test", status: 200 });
  });

  test("knows the names of /etc/hosts", async () => {
    expect((await curl(`http://hosts.allowed.test:${origin.httpPort}/hello`)).stdout).toBe("hello\n");
    expect(dns.queries.filter(({ name }) => name.startsWith("hosts."))).toEqual([]);
  });

  test("refuses a denied request and says why", async () => {
    const { stdout } = await curl("--include", "http://www.example.com/");
    expect(stdout).toMatch(/^HTTP\/1\.1 403 /);
    expect(stdout).toContain("!*.example.com");
  });

  test("ends by SIGTERM with exit code 0", async () => {
    process.kill(pid, "SIGTERM");
    expect(await proxy.exited).toBe(0);
  });
});

/** The one child of a process, in the numbering of this namespace. */
async function childOf(parent: number): Promise<number> {
  const text = await readFile(`/proc/${parent}/task/${parent}/children`, "latin1");
  const child = Number(text.trim());
  if (!(child > 0)) throw new Error(`Wanted one child of process ${parent}: '${text}'`);
  return child;
}
