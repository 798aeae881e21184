// What becomes of plain requests that are under way when other rules deny them: with real sockets, and a clock that the test
// puts on.
import { expect, test } from "bun:test";
import { REVOKED_REQUEST_MS } from "../../src/limits.ts";
import type { Exchange } from "../../src/observe/exchange.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";
import { PolicyStore } from "../../src/policy/store.ts";
import type { RevokedCounts } from "../../src/proxy/revocation.ts";
import { ProxyServer } from "../../src/proxy/server.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { expectRefusal } from "../support/expectations.ts";
import { Origin } from "../support/origin.ts";
import { connectRaw } from "../support/raw_client.ts";

const policyOf = (text: string) => Policy.compile(parseRules(text).rules);

async function startServer() {
  const runtime = await detectRuntime();
  const skipped = { ms: 0 };
  const clock = { nowMs: () => runtime.clock.nowMs() + skipped.ms, epochMs: () => runtime.clock.epochMs() };
  const revoked: RevokedCounts[] = [];
  const exchanges: Exchange[] = [];
  const policy = new PolicyStore(policyOf("127.0.0.0/8"));
  const server = new ProxyServer({
    createEngine: runtime.createEngine,
    clock,
    policy,
    settings: {
      connectTimeoutMs: 0,
      headerTimeoutMs: 0,
      idleTimeoutMs: 0,
      responseTimeoutMs: 0,
      maxConnections: 100,
      maxConnectionsPerClient: 0,
      reportOnly: false,
    },
    record: (exchange) => exchanges.push(exchange),
    localAddresses: () => [],
    onRevoked: (counts) => revoked.push(counts),
  });
  const { port } = await server.listen(undefined, 0);
  return {
    endpoint: { host: "127.0.0.1", port },
    revoked,
    exchanges,
    replaceRules(text: string) {
      policy.replace(policyOf(text));
      server.enforcePolicy();
    },
    pass(ms: number) {
      skipped.ms += ms;
      server.onWake(clock.nowMs());
    },
    [Symbol.dispose]() {
      server.stopAccepting();
      server.cut();
    },
  };
}

test("a request without an answer yet gets a 403 that names the rule, once its time is over; an allowed one goes on", async () => {
  using server = await startServer();
  await using denied = await Origin.start({ address: "127.0.0.5" });
  await using allowed = await Origin.start({ address: "127.0.0.6" });
  const ask = async (origin: Origin) => {
    const client = await connectRaw(server.endpoint);
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    return { client, ...await origin.acceptRequest() };
  };
  const late = await ask(denied);
  const kept = await ask(allowed);
  server.replaceRules("!127.0.0.5\n127.0.0.0/8");
  server.pass(REVOKED_REQUEST_MS - 1_000);
  expect(server.revoked).toEqual([]);
  server.pass(1_000);
  const response = await late.client.readResponse();
  expectRefusal(response, { status: 403, error: "http_request_denied" });
  expect(response.body).toContain("127.0.0.5: denied by rule 1 at line 1 '!127.0.0.5'");
  await late.upstream.ended();
  expect(server.revoked).toEqual([{ tunnels: 0, requests: 1, keptAlive: 0 }]);
  await kept.upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  expect((await kept.client.readResponse()).body).toBe("ok");
  for (const { client } of [late, kept]) await client[Symbol.asyncDispose]();
});

test("an answer that is still coming is cut so that it is seen, and recorded with the reason", async () => {
  using server = await startServer();
  await using origin = await Origin.start({ address: "127.0.0.5" });
  await using client = await connectRaw(server.endpoint);
  await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { upstream } = await origin.acceptRequest();
  await upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel");
  await client.readHead();
  server.replaceRules("!127.0.0.5");
  await upstream.send("lo");
  expect(await client.read(5)).toBe("hello");
  server.pass(REVOKED_REQUEST_MS);
  await client.ended();
  await upstream.ended();
  const [exchange] = server.exchanges;
  expect([exchange?.decision, exchange?.status, exchange?.error]).toEqual(["allow", 200, "http_request_denied"]);
  expect(exchange?.details).toStartWith("closed by new rules: 127.0.0.5: denied by rule 1");
});

test("what is allowed again before its time is over goes on", async () => {
  using server = await startServer();
  await using origin = await Origin.start({ address: "127.0.0.5" });
  await using client = await connectRaw(server.endpoint);
  await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { upstream } = await origin.acceptRequest();
  server.replaceRules("!127.0.0.5");
  server.replaceRules("127.0.0.5");
  server.pass(REVOKED_REQUEST_MS);
  await upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  expect((await client.readResponse()).body).toBe("ok");
});
