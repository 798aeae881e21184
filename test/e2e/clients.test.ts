// Drives the proxy, on every engine, with the clients that egress pods serve, under the rules of OpenShift's pod example, and
// reads its access log for each. Names come from a stub name server, origins are on loopback.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeCertificate } from "../support/certificate.ts";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { type Proxy, startProxy } from "../support/launcher.ts";
import type { LogEntry } from "../support/log_lines.ts";
import { connectRaw } from "../support/raw_client.ts";
import { compiled, program, testWith, working } from "../support/requirements.ts";
import { mustRun, type RunOptions, runProgram } from "../support/run_program.ts";
import {
  type ClientOrigin,
  LARGE_BYTES,
  makeAptRepository,
  makeGitRepository,
  makeNpmPackage,
  startClientOrigin,
} from "./client_origin.ts";

setDefaultTimeout(120_000);

/** OpenShift's example, with the range that holds this test's origins before its last line. */
const RULES = ["!*.example.com", "!192.168.1.0/24", "192.168.2.1", "127.0.0.0/8", "*"];

const OPENSSL = program("openssl");
const CURL = program("curl");
const SKIP_REASON = await compiled() ?? OPENSSL();
if (SKIP_REASON !== undefined) console.log(`Real clients skipped: ${SKIP_REASON}`);

/** Every way to run the program with sockets of another kind. */
const WAYS = [
  { way: "the executable", target: "executable", engine: "posix" },
  { way: "the executable, portable engine", target: "executable", engine: "portable" },
  { way: "Deno, posix engine", target: "deno", engine: "posix" },
  { way: "Deno, portable engine", target: "deno", engine: "portable" },
] as const;

describe.skipIf(SKIP_REASON !== undefined).each([...WAYS])("through the proxy ($way),", ({ target, engine }) => {
  let folder = "";
  let authority = "";
  let dns: DnsStub;
  let origin: ClientOrigin;
  let proxy: Proxy;

  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/clients-`);
    const certificate = await makeCertificate(folder, ["*.allowed.test", "allowed.test"]);
    authority = certificate.authorityFile;
    dns = await startDnsStub();
    dns.set("inside.range.test", { addresses: ["192.168.1.7"] });
    origin = startClientOrigin(folder, certificate);
    proxy = await startProxy({
      target,
      dns,
      args: ["--engine", engine],
      env: { EGRESS_HTTP_PROXY_DESTINATION: RULES.join("\n") },
    });
  });

  afterAll(async () => {
    await proxy?.stop();
    await origin?.[Symbol.asyncDispose]();
    await dns?.stop();
    if (folder !== "") await rm(folder, { recursive: true, force: true });
  });

  /** A name of its own for a test, so that its log lines are its own; it leads to loopback. */
  function name(label: string): string {
    dns.set(`${label}.allowed.test`, { addresses: ["127.0.0.1"] });
    return `${label}.allowed.test`;
  }

  function http(host: string, path: string): string {
    return `http://${host}:${origin.httpPort}${path}`;
  }

  function https(host: string, path: string): string {
    return `https://${host}:${origin.httpsPort}${path}`;
  }

  /** The environment of a client that is told of the proxy as a pod's container is. */
  function clientEnv(): Record<string, string> {
    const url = `http://${proxy.host}:${proxy.port}`;
    return { HOME: folder, http_proxy: url, https_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url, no_proxy: "" };
  }

  function run(command: readonly string[], options: RunOptions = {}) {
    return mustRun(command, { ...options, env: { ...clientEnv(), ...options.env } });
  }

  function curl(...args: readonly string[]) {
    return run(["curl", "--silent", "--show-error", "--cacert", authority, ...args]);
  }

  /** The log line of the first exchange with a host. */
  function logged(host: string, method?: string): Promise<LogEntry> {
    return proxy.waitForAccess(
      `${method ?? "any"} ${host}`,
      (entry) => entry.host === host && (method === undefined || entry.method === method),
    );
  }

  const ALLOWED = { decision: "allow", rule_line: 4, rule: "127.0.0.0/8", status: 200 };

  describe("curl", () => {
    testWith([CURL], "gets a page by HTTP", async () => {
      const host = name("curl-get");
      expect((await curl(http(host, "/hello"))).stdout).toBe("hello\n");
      const entry = await logged(host);
      expect(entry).toMatchObject({ ...ALLOWED, method: "GET", port: origin.httpPort });
      expect(entry.upstream).toBe(`127.0.0.1:${origin.httpPort}`);
      expect(JSON.stringify(entry)).not.toContain("/hello");
    });

    testWith([CURL], "gets a page by HTTPS", async () => {
      const host = name("curl-https");
      expect((await curl(https(host, "/hello"))).stdout).toBe("hello\n");
      const entry = await logged(host);
      expect(entry).toMatchObject({ ...ALLOWED, method: "CONNECT", port: origin.httpsPort });
      expect(Number(entry.bytes_to_client)).toBeGreaterThan(100);
    });

    testWith([CURL], "asks three times on one connection", async () => {
      const host = name("curl-reuse");
      const { stdout } = await curl("--write-out", "%{num_connects} ", ...[1, 2, 3].map(() => http(host, "/hello")));
      expect(stdout).toBe("hello\n1 hello\n0 hello\n0 ");
      await proxy.waitForAccess("three requests", () => proxy.logs.filter((entry) => entry.host === host).length === 3);
    });

    testWith([CURL], "gets a body of many chunks whole", async () => {
      const host = name("curl-large");
      const { stdout } = await curl("--output", "/dev/null", "--write-out", "%{size_download}", http(host, "/large"));
      expect(stdout).toBe(String(LARGE_BYTES));
      expect(Number((await logged(host)).bytes_to_client)).toBeGreaterThan(LARGE_BYTES);
    });

    const uploads = [
      { title: "with its length", label: "curl-upload", args: [], lengthKnown: true },
      {
        title: "in chunks",
        label: "curl-chunked",
        args: ["--header", "Transfer-Encoding: chunked"],
        lengthKnown: false,
      },
      {
        title: "after 100 Continue",
        label: "curl-expect",
        args: ["--header", "Expect: 100-continue"],
        lengthKnown: true,
      },
    ];
    for (const { title, label, args, lengthKnown } of uploads) {
      testWith([CURL], `uploads a file ${title}`, async () => {
        const host = name(label);
        const body = "0123456789abcdef".repeat(200_000);
        await Bun.write(`${folder}/${label}`, body);
        const { stdout } = await curl(...args, "--upload-file", `${folder}/${label}`, http(host, "/upload"));
        expect(JSON.parse(stdout)).toEqual({
          method: "PUT",
          lengthBytes: body.length,
          sha256: createHash("sha256").update(body).digest("hex"),
          contentLength: lengthKnown ? String(body.length) : null,
          transferEncoding: lengthKnown ? null : "chunked",
        });
        const entry = await logged(host);
        expect(entry).toMatchObject({ ...ALLOWED, method: "PUT" });
        expect(Number(entry.bytes_from_client)).toBeGreaterThanOrEqual(body.length);
      });
    }

    testWith([CURL], "speaks HTTP/1.0", async () => {
      const host = name("curl-http10");
      expect((await curl("--http1.0", http(host, "/hello"))).stdout).toBe("hello\n");
      expect((await curl("--http1.0", "--proxytunnel", http(host, "/hello"))).stdout).toBe("hello\n");
      expect(await logged(host, "GET")).toMatchObject(ALLOWED);
      expect(await logged(host, "CONNECT")).toMatchObject(ALLOWED);
    });

    testWith([CURL], "asks for the head alone", async () => {
      const host = name("curl-head");
      const { stdout } = await curl("--head", http(host, "/hello"));
      expect(stdout).toMatch(/^HTTP\/1\.1 200 /);
      expect(stdout.toLowerCase()).toContain("content-length: 6\r\n");
      expect(await logged(host)).toMatchObject({ ...ALLOWED, method: "HEAD" });
    });

    testWith([CURL], "is shown why a name is refused, which is never resolved", async () => {
      const host = "www.example.com";
      const { stdout } = await curl("--include", http(host, "/hello"));
      expect(stdout).toMatch(/^HTTP\/1\.1 403 /);
      expect(stdout.toLowerCase()).toContain("proxy-status: egress-http-proxy; error=http_request_denied");
      expect(stdout.split("\r\n\r\n")[1]).toContain("!*.example.com");
      expect(dns.queries.filter((query) => query.name.toLowerCase().endsWith("example.com"))).toEqual([]);
      expect(await logged(host)).toMatchObject({
        ...{ method: "GET", decision: "deny", rule_line: 1, rule: "!*.example.com", status: 403 },
        error: "http_request_denied",
      });
    });

    testWith([CURL], "is refused a tunnel to a name", async () => {
      const { code, stderr } = await runProgram(["curl", "--silent", "--show-error", "https://sub.www.example.com/"], {
        env: clientEnv(),
      });
      expect({ code, stderr }).toEqual({ code: 56, stderr: "curl: (56) CONNECT tunnel failed, response 403\n" });
      expect(await logged("sub.www.example.com"))
        .toMatchObject({ method: "CONNECT", decision: "deny", rule_line: 1, status: 403 });
    });

    const ranges = [
      { title: "an address in the range", host: "192.168.1.7" },
      { title: "a name that leads into the range", host: "inside.range.test" },
      { title: "an address in the range in another spelling", host: "0xc0a80107", loggedHost: "192.168.1.7", port: 81 },
    ];
    for (const { title, host, loggedHost, port } of ranges) {
      testWith([CURL], `is refused ${title}`, async () => {
        const url = `http://${host}:${port ?? 80}/`;
        // By way of a request target of its own: curl would spell the address in the usual form.
        const client = await connectRaw(proxy);
        await client.send(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        const response = await client.readResponse();
        expect(response.raw).toMatch(/^HTTP\/1\.1 403 /);
        if (host === loggedHost || loggedHost === undefined) {
          expect((await curl("--output", "/dev/null", "--write-out", "%{http_code}", url)).stdout).toBe("403");
        }
        const wanted = port ?? 80;
        const entry = await proxy.waitForAccess(
          `${host}:${wanted}`,
          (line) => line.host === (loggedHost ?? host) && line.port === wanted,
        );
        expect(entry).toMatchObject({ decision: "deny", rule_line: 2, rule: "!192.168.1.0/24", status: 403 });
      });
    }

    testWith([CURL], "is told that a name does not exist", async () => {
      const { stdout } = await curl("--include", http("nowhere.test", "/"));
      expect(stdout).toMatch(/^HTTP\/1\.1 502 /);
      expect(stdout).toContain("error=dns_error");
      expect(await logged("nowhere.test")).toMatchObject({ status: 502, error: "dns_error" });
    });
  });

  testWith([program("wget")], "wget gets pages by HTTP and HTTPS", async () => {
    const host = name("wget");
    const wget = ["wget", "--quiet", "--output-document=-", `--ca-certificate=${authority}`];
    expect((await run([...wget, http(host, "/hello")])).stdout).toBe("hello\n");
    expect((await run([...wget, https(host, "/hello")])).stdout).toBe("hello\n");
    expect(await logged(host, "GET")).toMatchObject(ALLOWED);
    expect(await logged(host, "CONNECT")).toMatchObject(ALLOWED);
  });

  testWith([program("git")], "git clones and pushes by HTTP, and clones by HTTPS", async () => {
    await makeGitRepository(folder);
    const host = name("git");
    const env = { GIT_SSL_CAINFO: authority, GIT_TERMINAL_PROMPT: "0" };
    const clone = (url: string, to: string) => run(["git", "clone", "--quiet", url, `${folder}/${to}`], { env });
    await clone(http(host, "/git/tiny.git"), "clone-http");
    expect(await Bun.file(`${folder}/clone-http/README`).text()).toBe("cloned through the proxy\n");
    expect(await logged(host, "GET")).toMatchObject(ALLOWED);
    expect(await logged(host, "POST")).toMatchObject(ALLOWED);

    // More than git's post buffer holds, so that it pushes in chunks.
    const blob = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 2654435761) >>> 8 & 0xff));
    await Bun.write(`${folder}/clone-http/blob`, blob);
    const git = ["git", "-C", `${folder}/clone-http`, "-c", "user.name=T", "-c", "user.email=t@allowed.test"];
    await run([...git, "add", "blob"], { env });
    await run([...git, "commit", "--quiet", "-m", "A blob"], { env });
    await run([...git, "-c", "http.postBuffer=65536", "push", "--quiet", "origin", "HEAD"], { env });

    const secure = name("git-https");
    await clone(https(secure, "/git/tiny.git"), "clone-https");
    expect(Buffer.compare(Buffer.from(await Bun.file(`${folder}/clone-https/blob`).bytes()), blob)).toBe(0);
    expect(await logged(secure)).toMatchObject({ ...ALLOWED, method: "CONNECT" });
  });

  testWith([program("npm", "tar")], "npm installs a package by HTTP and HTTPS", async () => {
    await makeNpmPackage(folder);
    for (const [label, url] of [["npm", http], ["npm-https", https]] as const) {
      const host = name(label);
      const cwd = `${folder}/${label}`;
      await Bun.write(`${cwd}/package.json`, JSON.stringify({ name: "app", version: "1.0.0" }));
      await run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "tiny@1.0.0"],
        {
          cwd,
          env: {
            npm_config_registry: url(host, "/npm/"),
            npm_config_cache: `${cwd}/cache`,
            npm_config_userconfig: `${cwd}/.npmrc`,
            npm_config_cafile: authority,
          },
        },
      );
      expect(await Bun.file(`${cwd}/node_modules/tiny/index.js`).text()).toContain("installed through the proxy");
      expect(await logged(host)).toMatchObject(ALLOWED);
    }
  });

  testWith(
    [working(["python3", "-c", "import ssl, urllib.request"], "python3")],
    "Python's urllib gets pages by HTTP and HTTPS",
    async () => {
      const host = name("python");
      const script = "import ssl, sys, urllib.request as r\n" +
        "context = ssl.create_default_context(cafile=sys.argv[1])\n" +
        "for url in sys.argv[2:]: print(r.urlopen(url, context=context, timeout=20).read().decode(), end='')\n";
      const { stdout } = await run(["python3", "-c", script, authority, http(host, "/hello"), https(host, "/hello")]);
      expect(stdout).toBe("hello\nhello\n");
      expect(await logged(host, "GET")).toMatchObject(ALLOWED);
      expect(await logged(host, "CONNECT")).toMatchObject(ALLOWED);
    },
  );

  testWith([program("apt-get", "dpkg-deb")], "apt-get updates its lists and downloads a package", async () => {
    await makeAptRepository(folder);
    const host = name("apt");
    const state = `${folder}/apt-state`;
    for (
      const path of [
        "lists/partial",
        "cache/archives/partial",
        "etc/apt.conf.d",
        "etc/preferences.d",
        "etc/sources.list.d",
      ]
    ) {
      await mustRun(["mkdir", "-p", `${state}/${path}`]);
    }
    await Bun.write(`${state}/etc/sources.list`, `deb [trusted=yes] ${http(host, "/apt/")} ./\n`);
    await Bun.write(`${state}/status`, "");
    const options = Object.entries({
      "Dir::Etc": `${state}/etc`,
      "Dir::State": state,
      "Dir::State::Lists": `${state}/lists`,
      "Dir::State::status": `${state}/status`,
      "Dir::Cache": `${state}/cache`,
      "APT::Sandbox::User": "",
      "Acquire::http::Proxy": `http://${proxy.host}:${proxy.port}`,
      "Acquire::Languages": "none",
    }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
    // A configuration of the machine (a proxy, say) must not have a part in it.
    const env = { APT_CONFIG: "/dev/null" };
    await run(["apt-get", ...options, "update", "--error-on=any"], { env });
    await run(["apt-get", ...options, "download", "tiny"], { env, cwd: state });
    expect(await Bun.file(`${state}/tiny_1.0_all.deb`).bytes()).toEqual(
      await Bun.file(`${folder}/apt/tiny_1.0_all.deb`).bytes(),
    );
    await proxy.waitForAccess(
      "Packages and the package",
      () => proxy.logs.filter((entry) => entry.host === host && entry.status === 200).length >= 3,
    );
    expect(await logged(host)).toMatchObject({ decision: "allow", rule_line: 4, method: "GET" });
  });

  test("a WebSocket opened by Upgrade carries messages both ways", async () => {
    const host = name("websocket");
    await using client = await connectRaw(proxy);
    const authority = `${host}:${origin.httpPort}`;
    await client.send(
      `GET http://${authority}/ws HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const head = await client.readHead();
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    // The answer to the key of RFC 6455 §1.3.
    expect(head.toLowerCase()).toContain("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=");
    for (const text of ["one", "two"]) {
      await client.send(clientFrame(text));
      expect(await client.read(2 + 5 + text.length)).toBe(`\x81${String.fromCharCode(5 + text.length)}echo ${text}`);
    }
    client.reset();
    const entry = await logged(host);
    expect(entry).toMatchObject({ method: "GET", decision: "allow", rule_line: 4, status: 101 });
    expect(Number(entry.bytes_to_client)).toBeGreaterThan(0);
  });

  test("a WebSocket opened by CONNECT carries messages both ways", async () => {
    const host = name("websocket-connect");
    const url = `ws://${host}:${origin.httpPort}/ws`;
    const socket = new WebSocket(url, { proxy: `http://${proxy.host}:${proxy.port}` });
    const answer = new Promise<string>((resolve, reject) => {
      socket.onopen = () => socket.send("one");
      socket.onmessage = ({ data }) => resolve(String(data));
      socket.onerror = () => reject(new Error("The WebSocket failed"));
    });
    expect(await answer).toBe("echo one");
    socket.close();
    expect(await logged(host)).toMatchObject({ ...ALLOWED, method: "CONNECT" });
  });

  testWith([OPENSSL], "openssl s_client opens a tunnel by HTTP/1.0", async () => {
    const host = name("s-client");
    const trust = ["-verify_return_error", "-CAfile", authority, "-servername", host];
    const way = ["-proxy", `${proxy.host}:${proxy.port}`, "-connect", `${host}:${origin.httpsPort}`];
    // -quiet also keeps it from ending with its input, before the answer.
    const { stdout } = await run(["openssl", "s_client", "-quiet", ...trust, ...way], {
      stdin: `GET /hello HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    });
    expect(stdout).toEndWith("hello\n");
    expect(await logged(host)).toMatchObject({ ...ALLOWED, method: "CONNECT" });
  });
});

/** A text frame from a client with the mask of zeros (RFC 6455 §5.2), one character per octet. */
function clientFrame(text: string): string {
  return `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
}
