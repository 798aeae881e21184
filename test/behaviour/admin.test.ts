// Tests the admin endpoint of a running proxy: what it answers, that its counts are those of what was done, and that
// nobody gets to it through the proxy.
import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEADLINE_MS } from "../support/deadline.ts";
import { startDnsStub } from "../support/dns_stub.ts";
import { expectRefusal } from "../support/expectations.ts";
import type { LogEntry } from "../support/log_lines.ts";
import { launch, type LaunchOptions, type Proxy, startProxy } from "../support/launcher.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { connectRaw } from "../support/raw_client.ts";
import { behaviour, LOOPBACK_RULES } from "../support/suite.ts";
import { askAdmin, type Samples, scrape } from "../support/admin_client.ts";

/** Starts a proxy with an admin endpoint on a free port. */
async function startWithAdmin(options: LaunchOptions): Promise<{ proxy: Proxy; admin: number }> {
  const proxy = await startProxy({ ...options, args: ["--admin", "127.0.0.1:0", ...options.args ?? []] });
  return { proxy, admin: adminPort(await proxy.ready()) };
}

function adminPort(listening: LogEntry): number {
  const port = Number(/^127\.0\.0\.1:([0-9]+)$/.exec(String(listening.admin))?.[1]);
  if (!(port > 0)) throw new Error(`The listening line names no admin endpoint: ${JSON.stringify(listening)}`);
  return port;
}

behaviour("Admin endpoint", () => {
  test("is off unless it is asked for", async () => {
    await using proxy = await startProxy({ rules: ["*"] });
    expect((await proxy.ready()).admin).toBeUndefined();
  });

  test("answers GET and HEAD on its paths and nothing else", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES });
    await using _ = proxy;
    const table = [
      { request: "GET /healthz", status: 200, body: "ok\n" },
      { request: "GET /readyz", status: 200, body: "ready\n" },
      { request: "HEAD /readyz", status: 200, body: "" },
      { request: "GET /", status: 200, body: /^\/healthz / },
      { request: "GET /nothing", status: 404, body: /\/metrics / },
      { request: "GET /readyz/", status: 404, body: /no such path/ },
      { request: "POST /readyz", status: 405, body: "only GET and HEAD\n" },
      { request: "DELETE /rules", status: 405, body: "only GET and HEAD\n" },
      { request: "GET /explain", status: 400, body: /give one target/ },
      { request: "GET /explain?target=a&target=b", status: 400, body: /give one target/ },
      { request: "GET /explain?target=fe80::1%25eth0", status: 400, body: /bad target/ },
      { request: `GET /explain?target=${"a".repeat(1025)}`, status: 400, body: /longer than 1024/ },
    ];
    for (const { request, status, body } of table) {
      const [method = "", path = ""] = request.split(" ");
      const answer = await askAdmin(admin, path, { method });
      expect([request, answer.status]).toEqual([request, status]);
      if (typeof body === "string") expect(answer.body).toBe(body);
      else expect(answer.body).toMatch(body);
      if (status === 405) expect(answer.fields.get("allow")).toBe("GET, HEAD");
      expect(answer.fields.get("cache-control")).toBe("no-store");
    }
  });

  test("answers under an address, a single label or a name of the cluster, and under no other", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES });
    await using _ = proxy;
    const table = [
      ...[
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "localhost",
        "localhost.",
        "proxy",
        "proxy.egress.svc",
        "proxy.egress.svc.cluster.local",
      ]
        .map((host) => ({ host, status: 200 })),
      ...["rebind.example", "proxy.egress.svc.example", "proxy.egress", "a.local"].map((host) => ({
        host,
        status: 403,
      })),
    ];
    for (const { host, status } of table) {
      const answer = await askAdmin(admin, "/readyz", { host });
      expect([host, answer.status]).toEqual([host, status]);
      if (status === 403) expect(answer.body).toStartWith(`${host} is no name of this endpoint`);
    }
  });

  test("keeps nobody out, and costs the proxy no descriptors, where somebody opens many connections", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES });
    await using _ = proxy;
    const silent = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const connection = await connectRaw({ host: "127.0.0.1", port: admin });
        await connection.send("G");
        return connection;
      }),
    );
    try {
      const untilMs = performance.now() + DEADLINE_MS;
      const open = () => silent.filter(({ ending }) => ending === undefined).length;
      while (open() > 32 && performance.now() < untilMs) {
        expect((await askAdmin(admin, "/readyz")).status).toBe(200);
        await using client = await connectRaw(proxy);
        await client.send("GET http://127.0.0.66/ HTTP/1.1\r\nHost: h\r\n\r\n");
        expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
      }
      expect(open()).toBeLessThanOrEqual(32);
    } finally {
      await Promise.all(silent.map((connection) => connection[Symbol.asyncDispose]()));
    }
  });

  test("shows the rules in force with their hits, and a text that was refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "admin-"));
    try {
      const file = join(folder, "rules");
      await writeFile(file, "# ours\n!127.0.0.66\n127.0.0.0/8\n");
      const { proxy, admin } = await startWithAdmin({ args: ["--destination-file", file] });
      await using _ = proxy;
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy);
      for (const host of [origin.authority, origin.authority, "127.0.0.66"]) {
        await client.send(`GET http://${host}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
        await client.readResponse();
      }
      await client.send("GET http://192.0.2.1/ HTTP/1.1\r\nHost: h\r\n\r\n");
      expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
      const rules = JSON.parse((await askAdmin(admin, "/rules")).body);
      expect(rules).toMatchObject({ source: file, count: 2, report_only: false, refused: null, unmatched: 1 });
      expect(rules.digest).toBe((await proxy.ready()).digest);
      expect(rules.rules).toEqual([
        { number: 1, line: 2, text: "!127.0.0.66", action: "deny", hits: 1 },
        { number: 2, line: 3, text: "127.0.0.0/8", action: "allow", hits: 2 },
      ]);

      await writeFile(file, "127.0.0.0/8\n!*\n");
      proxy.signal("SIGHUP");
      await proxy.waitForLog("the refusal", (entry) => String(entry.message).startsWith("rules not reloaded"));
      const kept = JSON.parse((await askAdmin(admin, "/rules")).body);
      expect([kept.digest, kept.count]).toEqual([rules.digest, 2]);
      expect(kept.refused).toMatchObject({ error_count: 1, errors: [{ line: 2 }] });
      expect(kept.refused.digest).not.toBe(rules.digest);
      expect(sample(await scrape(admin), "egress_http_proxy_rules_refused")).toBe(1);

      await writeFile(file, "127.0.0.0/8\n");
      proxy.signal("SIGHUP");
      await proxy.waitForLog("the reload", (entry) => entry.message === "rules reloaded");
      const replaced = JSON.parse((await askAdmin(admin, "/rules")).body);
      expect([replaced.count, replaced.refused]).toEqual([1, null]);
      const samples = await scrape(admin);
      expect(sample(samples, "egress_http_proxy_rules_refused")).toBe(0);
      expect(sample(samples, 'egress_http_proxy_rule_reloads_total{result="applied"}')).toBe(1);
      expect(sample(samples, `egress_http_proxy_rules_info{digest="${replaced.digest}"}`)).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("explains as the command does, and never resolves a denied name", async () => {
    const dns = await startDnsStub();
    dns.set("open.test", { addresses: ["127.0.0.1"] });
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES, dns });
    await using _ = proxy;
    try {
      const denied = JSON.parse((await askAdmin(admin, "/explain?target=denied.test:443")).body);
      expect(denied).toMatchObject({
        host: "denied.test",
        port: 443,
        allowed: false,
        reason: "denied.test: denied by rule 1 at line 1 '!denied.test'",
        rule: { number: 1, line: 1, text: "!denied.test", action: "deny" },
        addresses: [],
      });
      expect(dns.queries.length).toBe(0);
      const open = JSON.parse((await askAdmin(admin, "/explain?target=http://open.test/x")).body);
      expect(open).toMatchObject({ allowed: true, rule: { line: 4 }, addresses: [{ address: "127.0.0.1" }] });
      expect(dns.queries.length).toBeGreaterThan(0);
    } finally {
      await dns.stop();
    }
  });

  test("can't be reached through the proxy, by whatever address of this machine", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: ["127.0.0.0/8", "0.0.0.0/8", "::/0", "*"] });
    await using _ = proxy;
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]) {
      await using client = await connectRaw(proxy);
      await client.send(`CONNECT ${host}:${admin} HTTP/1.1\r\nHost: h\r\n\r\n`);
      expectRefusal(await client.readResponse(), { status: 502, error: "proxy_loop_detected" });
    }
  });

  test("counts what was done", async () => {
    const dns = await startDnsStub();
    dns.set("open.test", { addresses: ["127.0.0.1"] });
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES, dns });
    await using _ = proxy;
    try {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      const before = await scrape(admin);
      await using client = await connectRaw(proxy);
      const named = `open.test:${origin.port}`;
      for (const host of [named, named, "denied.test", "nowhere.test"]) {
        await client.send(`GET http://${host}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
        await client.readResponse();
      }
      await using again = await connectRaw(proxy);
      await again.send(`GET http://${named}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      await again.readToEnd();
      await using tunnel = await connectRaw(proxy);
      await tunnel.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: h\r\n\r\n`);
      await tunnel.readHead();
      await tunnel.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await tunnel.readResponse();
      // One that was told that it ends is open until its client has closed it, too.
      again.finish();
      const during = await scrapeUntil(admin, "egress_http_proxy_connections_open", 2);
      const ofTunnel = (samples: Samples) => sample(samples, "egress_http_proxy_client_sent_bytes_total");
      expect(ofTunnel(await scrape(admin))).toBe(ofTunnel(during));
      expect(sample(during, "egress_http_proxy_tunnels_open")).toBe(1);
      tunnel.finish();
      await tunnel.ended();
      await proxy.waitForAccess("the tunnel", (entry) => entry.method === "CONNECT");
      const after = await scrape(admin);
      const grown = (name: string) => sample(after, name) - sample(before, name);
      const requests = (labels: string) => grown(`egress_http_proxy_requests_total{${labels}}`);
      expect({
        allowed: requests('method="GET",decision="allow",status="200"'),
        denied: requests('method="GET",decision="deny",status="403"'),
        unresolved: requests('method="GET",decision="none",status="502"'),
        tunnels: requests('method="CONNECT",decision="allow",status="200"'),
        deniedErrors: grown('egress_http_proxy_request_errors_total{error="http_request_denied"}'),
        unresolvedErrors: grown('egress_http_proxy_request_errors_total{error="dns_error"}'),
        firstRule: grown('egress_http_proxy_rule_decisions_total{line="1",action="deny"}'),
        loopbackRule: grown('egress_http_proxy_rule_decisions_total{line="4",action="allow"}'),
        connected: grown('egress_http_proxy_dials_total{result="connected"}'),
        dialTimes: grown("egress_http_proxy_dial_duration_seconds_count"),
        firstBytes: grown("egress_http_proxy_response_first_byte_seconds_count"),
        tunnelTimes: grown("egress_http_proxy_tunnel_duration_seconds_count"),
        tunnelsBegun: grown("egress_http_proxy_tunnels_total"),
        lookups: ["hosts", "cache", "server"].map((source) =>
          grown(`egress_http_proxy_dns_lookups_total{source="${source}"}`)
        ),
        nxdomain: grown('egress_http_proxy_dns_failures_total{reason="nxdomain"}'),
      }).toEqual({
        allowed: 3,
        denied: 1,
        unresolved: 1,
        tunnels: 1,
        deniedErrors: 1,
        unresolvedErrors: 1,
        firstRule: 1,
        loopbackRule: 4,
        connected: 3,
        dialTimes: 3,
        firstBytes: 3,
        tunnelTimes: 1,
        tunnelsBegun: 1,
        // open.test for two connections, and the second time it was known.
        lookups: [0, 1, 2],
        nxdomain: 1,
      });
      expect(sample(after, "egress_http_proxy_tunnels_open")).toBe(0);
      // The tunnel's octets were counted while it was open, and not again at its end.
      expect(ofTunnel(after)).toBe(ofTunnel(during));
      const requestBytes = ["GET", "CONNECT"].map((method) =>
        proxy.logs.filter((entry) => entry.method === method).reduce(
          (sum, line) => sum + Number(line.bytes_to_client),
          0,
        )
      );
      expect(requestBytes[1]).toBeGreaterThan(OK_ANSWER.length - 1);
      expect(ofTunnel(after)).toBe(requestBytes[0]! + requestBytes[1]!);
      expect(grown("egress_http_proxy_client_sent_bytes_total")).toBeGreaterThan(2 * OK_ANSWER.length);
      expect(after.text).not.toContain("open.test");
    } finally {
      await dns.stop();
    }
  });

  test("speaks OpenMetrics to who asks for it", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES });
    await using _ = proxy;
    const answer = await askAdmin(admin, "/metrics", { accept: "application/openmetrics-text; version=1.0.0" });
    expect(answer.fields.get("content-type")).toStartWith("application/openmetrics-text");
    expect(answer.body).toEndWith("# EOF\n");
    expect(answer.body).toContain(
      "# TYPE egress_http_proxy_connections counter\negress_http_proxy_connections_total 0\n",
    );
    const unwanted = await askAdmin(admin, "/metrics", { accept: "text/plain, application/openmetrics-text;q=0" });
    expect(unwanted.fields.get("content-type")).toStartWith("text/plain");
    expect((await askAdmin(admin, "/metrics")).fields.get("content-type")).toStartWith("text/plain; version=0.0.4");
  });

  test("is not ready from SIGTERM on, and alive to the end", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES, args: ["--drain-delay", "1h"] });
    await using _ = proxy;
    proxy.signal("SIGTERM");
    await proxy.waitForLog("the end's begin", (entry) => entry.message === "stopping");
    const { status, body } = await askAdmin(admin, "/readyz");
    expect([status, body]).toEqual([503, "not ready: draining\n"]);
    expect((await askAdmin(admin, "/healthz")).status).toBe(200);
    expect(sample(await scrape(admin), "egress_http_proxy_draining")).toBe(1);
    await using client = await connectRaw(proxy);
    await client.send("GET http://127.0.0.66/ HTTP/1.1\r\nHost: h\r\n\r\n");
    expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
  });

  test("on a taken port is one clear error", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: ["*"] });
    await using _ = proxy;
    const second = await launch(["--destination", "*", "--listen", "127.0.0.1:0", "--admin", `127.0.0.1:${admin}`]);
    expect(await second.exited).toBe(1);
    expect(second.lines.stderr).toBe(
      `egress-http-proxy: Cannot listen on "127.0.0.1:${admin}": ` +
        "the address is in use; stop what listens there or choose another port\n",
    );
  });

  test("is what healthcheck asks", async () => {
    const { proxy, admin } = await startWithAdmin({ rules: LOOPBACK_RULES, args: ["--drain-delay", "1h"] });
    await using _ = proxy;
    const check = () => launch(["healthcheck"], { env: { EGRESS_HTTP_PROXY_ADMIN: `127.0.0.1:${admin}` } });
    const ready = await check();
    expect([await ready.exited, ready.lines.text]).toEqual([0, ""]);
    proxy.signal("SIGTERM");
    await proxy.waitForLog("the end's begin", (entry) => entry.message === "stopping");
    const draining = await check();
    expect([await draining.exited, draining.lines.text]).toEqual([
      1,
      `egress-http-proxy: Not healthy: 127.0.0.1:${admin} answers 503: not ready: draining\n`,
    ]);
  });
});

/** Scrapes until a sample has a value. */
async function scrapeUntil(admin: number, name: string, value: number): Promise<Samples> {
  const untilMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const samples = await scrape(admin);
    if (sample(samples, name) === value) return samples;
    if (performance.now() > untilMs) throw new Error(`${name} is ${sample(samples, name)}, not ${value}`);
  }
}

function sample(samples: Samples, name: string): number {
  return samples.values.get(name) ?? 0;
}
