// What goes wrong around the proxy: its stdout, its clock. It serves on.
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { within } from "../support/deadline.ts";
import { startDnsStub } from "../support/dns_stub.ts";
import { expectRefusal } from "../support/expectations.ts";
import { launch } from "../support/launcher.ts";
import { linesOf } from "../support/lines_of.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { askAdmin, scrape } from "../support/admin_client.ts";
import { compiled } from "../support/requirements.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const EXECUTABLE = `${ROOT}dist/egress-http-proxy`;
const SKIP_REASON = process.platform === "linux" ? await compiled() : "needs Linux";
if (SKIP_REASON !== undefined) console.log(`What goes wrong around the proxy skipped: ${SKIP_REASON}`);

const FAKETIME = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
  .map((folder) => `${folder}/faketime/libfaketime.so.1`).find((path) => existsSync(path));

/** A port that nobody has, as far as can be known: where stdout says nothing, the proxy can't say which it took. */
async function freePort(): Promise<number> {
  await using origin = await Origin.start({ answer: OK_ANSWER });
  return origin.port;
}

/** Connects as soon as somebody listens. */
async function connectSoon(endpoint: Endpoint) {
  const untilMs = performance.now() + 10_000;
  for (;;) {
    try {
      return await connectRaw(endpoint);
    } catch (error) {
      if (performance.now() > untilMs) throw error;
    }
  }
}

async function ask(proxy: Endpoint, host: string) {
  await using client = await connectSoon(proxy);
  await client.send(`GET http://${host}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
  return await client.readResponse();
}

describe.skipIf(SKIP_REASON !== undefined)("The proxy serves on", () => {
  const GONE = "egress-http-proxy: Cannot write the log: stdout is closed; the proxy goes on without it\n";
  const stdouts = [
    { name: "whose stdout is a full disk", shell: 'exec "$@" >/dev/full', stderr: GONE },
    // The runtime puts /dev/null in its place, so that no socket gets the log.
    { name: "without a stdout", shell: 'exec "$@" >&-', stderr: "" },
    { name: "whose stdout is a pipe that is closed", shell: 'exec "$@" > >(exec <&-)', stderr: GONE },
  ];
  for (const { name, shell, stderr } of stdouts) {
    test(name, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      const [port, admin] = [await freePort(), await freePort()];
      const child = Bun.spawn(
        ["bash", "-c", shell, "bash", EXECUTABLE]
          .concat(["--destination", "!127.0.0.66\n127.0.0.0/8", "--listen", `127.0.0.1:${port}`])
          .concat(["--admin", `127.0.0.1:${admin}`]),
        { env: {}, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
      );
      try {
        const proxy = { host: "127.0.0.1", port };
        for (let count = 0; count < 50; count++) {
          expect((await ask(proxy, origin.authority)).status).toBe(200);
          expectRefusal(await ask(proxy, "127.0.0.66"), { status: 403, error: "http_request_denied" });
        }
        expect((await askAdmin(admin, "/readyz")).status).toBe(200);
        const { values } = await scrape(admin);
        const deny = 'egress_http_proxy_requests_total{method="GET",decision="deny",status="403"}';
        expect(values.get(deny)).toBe(50);
        child.kill("SIGTERM");
        expect(await within("the program to exit", child.exited)).toBe(0);
        expect(await new Response(child.stderr).text()).toBe(stderr);
      } finally {
        child.kill("SIGKILL");
      }
    });
  }

  test("whose stdout nobody reads, and counts what is lost of the log", async () => {
    const admin = await freePort();
    const child = Bun.spawn(
      // Reads the first line and no more; the program's end ends it.
      ["bash", "-c", 'exec "$@" > >(read -r line; echo "$line" >&2; exec sleep 3600)', "bash", EXECUTABLE]
        .concat(["--destination", "!*.test", "--listen", "127.0.0.1:0", "--admin", `127.0.0.1:${admin}`]),
      { env: { PATH: process.env.PATH ?? "" }, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    try {
      const { value } = await within("the first line", linesOf(child.stderr).next());
      const { address } = JSON.parse(String(value)) as { address: string };
      const proxy = { host: "127.0.0.1", port: Number(address.split(":")[1]) };
      const label = "a".repeat(60);
      const request = `GET http://${label}.${label}.${label}.${label}.test/ HTTP/1.1\r\nHost: h\r\n\r\n`;
      const lost = async () => (await scrape(admin)).values.get("egress_http_proxy_log_writes_lost_total") ?? 0;
      await using client = await connectRaw(proxy);
      // A line has some 700 octets; what waits for stdout has 4 MiB at most, and a pipe takes 64 KiB.
      for (let batch = 0; batch < 400 && await lost() === 0; batch++) {
        await client.send(request.repeat(50));
        for (let count = 0; count < 50; count++) {
          expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
        }
      }
      expect(await lost()).toBeGreaterThan(0);
      expect((await askAdmin(admin, "/healthz")).status).toBe(200);
    } finally {
      child.kill("SIGKILL");
    }
  }, 60_000);

  test.skipIf(FAKETIME === undefined)(
    `whose clock jumps${FAKETIME === undefined ? " [skipped: libfaketime is not installed]" : ""}`,
    async () => {
      const folder = await mkdtemp(`${tmpdir()}/clock-`);
      try {
        const clock = `${folder}/clock`;
        await writeFile(clock, "+0");
        await using dns = await startDnsStub();
        dns.set("open.test", { addresses: ["127.0.0.1"], ttlSeconds: 300 });
        await using origin = await Origin.start({ answer: OK_ANSWER });
        // The wall clock alone jumps, as it does when it is set. The runtime as it comes is linked to libc, so it hears of that.
        await using proxy = await launch([
          ...["--destination", "127.0.0.0/8", "--listen", "127.0.0.1:0", "--log-format=json"],
          ...["--resolver", `${dns.address}:${dns.port}`, "--idle-timeout=10s", "--header-timeout=10s"],
        ], {
          target: "deno",
          env: {
            LD_PRELOAD: FAKETIME ?? "",
            FAKETIME_TIMESTAMP_FILE: clock,
            FAKETIME_NO_CACHE: "1",
            DONT_FAKE_MONOTONIC: "1",
          },
        });
        await proxy.ready();
        await using tunnel = await connectRaw(proxy);
        await tunnel.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: h\r\n\r\n`);
        await tunnel.readHead();
        for (const offset of ["+3d", "-3d", "+400d", "+0"]) {
          await writeFile(clock, offset);
          expect((await ask(proxy, `open.test:${origin.port}`)).status).toBe(200);
        }
        // Neither did the tunnel's idle time pass, nor did the name's answer become old.
        await tunnel.send(`GET / HTTP/1.1\r\nHost: h\r\n\r\n`);
        expect((await tunnel.readResponse()).status).toBe(200);
        expect(dns.queries.length).toBe(2);
        tunnel.reset();
        const ended = await proxy.waitForAccess("the tunnel", (entry) => entry.method === "CONNECT");
        expect(ended.duration_ms).toBeLessThan(60_000);
        // The jumps were seen: the lines have the times.
        const days = new Set(proxy.logs.map(({ time }) => String(time).slice(0, 10)));
        expect(days.size).toBeGreaterThanOrEqual(4);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    60_000,
  );
});
