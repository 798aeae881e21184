// A real Prometheus scrapes the executable at work: it takes the exposition, every alert and every query of the dashboard,
// and each of them finds something.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { DEADLINE_MS, within } from "../support/deadline.ts";
import { ALERTS_PATH, readAlertQueries, readDashboardQueries } from "../support/deployed_queries.ts";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { startProxy } from "../support/launcher.ts";
import { linesOf } from "../support/lines_of.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { compiled, program } from "../support/requirements.ts";
import { mustRun } from "../support/run_program.ts";

setDefaultTimeout(120_000);

const SKIP_REASON = await compiled() ?? program("prometheus", "promtool")();
if (SKIP_REASON !== undefined) console.log(`A real Prometheus skipped: ${SKIP_REASON}`);

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** Prometheus on a port that the kernel chose, ended with the test. */
class Prometheus implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #folder: string;
  #url = "";

  private constructor(child: Bun.Subprocess<"ignore", "ignore", "pipe">, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  static async start(targets: readonly string[]): Promise<Prometheus> {
    const folder = await mkdtemp(`${tmpdir()}/prometheus-`);
    await Bun.write(
      `${folder}/prometheus.yml`,
      JSON.stringify({
        global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "200ms" },
        rule_files: [ALERTS_PATH],
        scrape_configs: [{ job_name: "egress", static_configs: [{ targets, labels: { namespace: "test" } }] }],
      }),
    );
    const child = Bun.spawn([
      "prometheus",
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      "--web.listen-address=127.0.0.1:0",
      "--log.level=info",
    ], { cwd: folder, env: { PATH: process.env.PATH ?? "" }, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const prometheus = new Prometheus(child, folder);
    await within("Prometheus to start", prometheus.#waitUntilReady(), 30_000);
    return prometheus;
  }

  /** Reads on to the end: Prometheus dies where nobody takes what it says. */
  #waitUntilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const read = async () => {
        for await (const line of linesOf(this.#child.stderr)) {
          const [, address] = /msg="Listening on" address=(\S+)/.exec(line) ?? [];
          if (address !== undefined) this.#url = `http://${address}`;
          if (line.includes("Server is ready to receive web requests")) resolve();
        }
      };
      read().then(() => reject(new Error("Prometheus ended before it was ready")), reject);
    });
  }

  async query(expr: string): Promise<QueryAnswer> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    return await response.json() as QueryAnswer;
  }

  async rules(): Promise<{ name: string; health: string; lastError?: string }[]> {
    const { data } = await (await fetch(`${this.#url}/api/v1/rules`)).json() as {
      data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    };
    return data.groups.flatMap(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await rm(this.#folder, { recursive: true });
  }
}

/** One of everything that is counted. */
async function work(proxy: Endpoint, origin: Origin): Promise<void> {
  await using client = await connectRaw(proxy);
  for (const host of [origin.authority, `open.test:${origin.port}`, "denied.test", "broken.test", "127.0.0.1:1"]) {
    await client.send(`GET http://${host}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    await client.readResponse();
  }
  await using tunnel = await connectRaw(proxy);
  await tunnel.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await tunnel.readHead();
  tunnel.finish();
  await tunnel.ended();
}

describe.skipIf(SKIP_REASON !== undefined)("Prometheus", () => {
  test("takes the alerts as promtool checks them", async () => {
    const { stdout } = await mustRun(["promtool", "check", "rules", ALERTS_PATH]);
    expect(stdout).toContain(`SUCCESS: ${(await readAlertQueries()).length} rules found`);
  });

  test("finds something by every query of the dashboard and by what every alert compares", async () => {
    await using dns: DnsStub = await startDnsStub();
    dns.set("open.test", { addresses: ["127.0.0.1"] });
    dns.set("broken.test", { failure: "SERVFAIL" });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using proxy = await startProxy({
      target: "executable",
      rules: ["!denied.test", "127.0.0.0/8", "*"],
      dns,
      args: ["--admin", "127.0.0.1:0", "--workers", "2"],
    });
    const { admin } = await proxy.ready();
    await work(proxy, origin);
    await using prometheus = await Prometheus.start([String(admin)]);
    // Rates take two scrapes of a series, and what is to be seen as grown must grow in between.
    const untilMs = performance.now() + 3 * DEADLINE_MS;
    const twice = 'count_over_time(egress_http_proxy_requests_total{decision="deny"}[1m]) > 2';
    while ((await prometheus.query(twice)).data?.result.length !== 1) {
      if (performance.now() > untilMs) throw new Error("Prometheus has not scraped the proxy");
      await work(proxy, origin);
    }
    const queries = [
      ...await readDashboardQueries(),
      // Without its comparison an alert's query says what would be compared. Of absent() nothing is left to be found.
      ...(await readAlertQueries())
        .filter(({ expr }) => !expr.startsWith("absent("))
        .map(({ owner, expr }) => ({ owner, expr: expr.trim().replace(/\s(==|>|<)\s[0-9.]+$/, "") })),
    ];
    for (const { owner, expr } of queries) {
      const { status, error, data } = await prometheus.query(expr);
      expect({ owner, expr, status, error, found: (data?.result.length ?? 0) > 0 }).toEqual({
        owner,
        expr,
        status: "success",
        error: undefined,
        found: true,
      });
    }
    const rules = await prometheus.rules();
    expect(rules.length).toBe((await readAlertQueries()).length);
    for (const { name, health, lastError } of rules) {
      expect({ name, bad: health === "err" ? lastError : undefined }).toEqual({ name, bad: undefined });
    }
  });

  test("takes the exposition without a remark", async () => {
    await using proxy = await startProxy({ target: "executable", rules: ["*"], args: ["--admin", "127.0.0.1:0"] });
    const { admin } = await proxy.ready();
    const text = await (await fetch(`http://${admin}/metrics`)).text();
    const checked = await mustRun(["promtool", "check", "metrics"], { stdin: text });
    expect(checked.stdout + checked.stderr).toBe("");
  });
});
