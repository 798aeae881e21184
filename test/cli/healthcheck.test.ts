// `healthcheck`: whom it asks, and what each answer comes to. A running proxy's answers are the behaviour suite's.
import { describe, expect, test } from "bun:test";
import { runCommand } from "../../src/cli/cli.ts";
import { formatSocketAddress } from "../../src/address/ip_address.ts";
import type { HttpAnswer } from "../../src/runtime/runtime.ts";
import { FakeRuntime } from "./fake_runtime.ts";

interface Outcome {
  readonly code: number;
  readonly stderr: string;
  readonly asked: readonly string[];
}

async function healthcheck(
  args: readonly string[],
  answer: (server: string) => HttpAnswer | Error,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const asked: string[] = [];
  const fake = new FakeRuntime({
    args: ["healthcheck", ...args],
    env,
    httpGet(server, path) {
      const place = formatSocketAddress(server.address, server.port);
      asked.push(`${place}${path}`);
      const said = answer(place);
      return said instanceof Error ? Promise.reject(said) : Promise.resolve(said);
    },
  });
  const code = await runCommand(fake.runtime);
  return { code, stderr: fake.stderr, asked };
}

const READY: HttpAnswer = { status: 200, body: "ready\n" };

describe("healthcheck asks", () => {
  const table = [
    { admin: "127.0.0.1:8081", expected: ["127.0.0.1:8081/readyz"] },
    { admin: "[::1]:8081", expected: ["[::1]:8081/readyz"] },
    { admin: "10.1.2.3:9", expected: ["10.1.2.3:9/readyz"] },
    { admin: ":8081", expected: ["127.0.0.1:8081/readyz"] },
    { admin: "0.0.0.0:8081", expected: ["127.0.0.1:8081/readyz"] },
    { admin: "[::]:8081", expected: ["[::1]:8081/readyz"] },
  ];
  for (const { admin, expected } of table) {
    test(`${expected} for ${admin}`, async () => {
      expect(await healthcheck(["--admin", admin], () => READY)).toEqual({ code: 0, stderr: "", asked: expected });
    });
  }

  test("the other loopback address where the first does not answer", async () => {
    const answer = (server: string) => server.startsWith("[") ? READY : new Error("connection refused");
    const { code, asked } = await healthcheck(["--admin=:8081"], answer);
    expect([code, ...asked]).toEqual([0, "127.0.0.1:8081/readyz", "[::1]:8081/readyz"]);
  });

  test("where the variable says, and needs no rules", async () => {
    const { code, asked } = await healthcheck([], () => READY, { EGRESS_HTTP_PROXY_ADMIN: "127.0.0.1:7" });
    expect([code, ...asked]).toEqual([0, "127.0.0.1:7/readyz"]);
  });
});

test("healthcheck has one time for both addresses, which is less than a probe's 2 seconds", async () => {
  const limits: number[] = [];
  const fake = new FakeRuntime({
    args: ["healthcheck", "--admin=:8081"],
    httpGet(_server, _path, limitMs) {
      limits.push(limitMs);
      fake.nowMs += limits.length === 1 ? 900 : limitMs;
      return Promise.reject(new Error("no answer in time"));
    },
  });
  expect(await runCommand(fake.runtime)).toBe(1);
  expect(limits).toEqual([1500, 600]);
});

describe("healthcheck fails", () => {
  const NOT_GIVEN =
    "egress-http-proxy: Missing --admin: give it, or EGRESS_HTTP_PROXY_ADMIN, the value that the proxy has\n";
  const table = [
    { name: "without an endpoint", args: [], code: 2, stderr: NOT_GIVEN },
    { name: "with the endpoint off", args: ["--admin=off"], code: 2, stderr: NOT_GIVEN },
    {
      name: "with port 0",
      args: ["--admin=127.0.0.1:0"],
      code: 2,
      stderr: "egress-http-proxy: Bad value '127.0.0.1:0' for --admin: expected the port that the proxy has\n",
    },
    {
      name: "where nobody answers",
      args: ["--admin=127.0.0.1:1"],
      answer: new Error("connection refused"),
      code: 1,
      stderr: "egress-http-proxy: Cannot ask 127.0.0.1:1: connection refused; is the proxy running with --admin?\n",
    },
    {
      name: "where the proxy is not ready",
      args: ["--admin=127.0.0.1:1"],
      answer: { status: 503, body: "not ready: draining\n" },
      code: 1,
      stderr: "egress-http-proxy: Not healthy: 127.0.0.1:1 answers 503: not ready: draining\n",
    },
    {
      name: "where somebody else answers",
      args: ["--admin=127.0.0.1:1"],
      answer: { status: 404, body: `no\r\n\u001b[31m${"x".repeat(999)}` },
      code: 1,
      stderr: `egress-http-proxy: Not healthy: 127.0.0.1:1 answers 404: no\\x0d\\x0a\\x1b[31m${"x".repeat(191)}\n`,
    },
  ];
  for (const { name, args, answer, code, stderr } of table) {
    test(name, async () => {
      const outcome = await healthcheck(args, () => answer ?? READY);
      expect(outcome).toMatchObject({ code, stderr });
    });
  }
});
