// Tests the access log: one line for each request and tunnel, with what an operator asks for and no secret in it.
import { expect, test } from "bun:test";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import type { LogEntry } from "../support/log_lines.ts";
import { isAccess } from "../support/log_lines.ts";
import { startProxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const SECRET = "s3cr3t-t0k3n";
const ANSWER =
  `HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nSet-Cookie: ${SECRET}\r\nContent-Length: 20\r\n\r\n${
    SECRET.padEnd(20)
  }`;

behaviour("Access log", () => {
  let dns: DnsStub;
  const proxy = useProxy(async () => {
    dns = await startDnsStub();
    dns.set("named.test", { addresses: ["127.0.0.1"] });
    return { rules: LOOPBACK_RULES, dns };
  });

  /** The line of the connection that this client port made. */
  function lineOf(clientPort: number): Promise<LogEntry> {
    return proxy().waitForAccess(`client port ${clientPort}`, (entry) => entry.client === `127.0.0.1:${clientPort}`);
  }

  test("the line of a request has every field", async () => {
    await using origin = await Origin.start({ answer: ANSWER });
    await using client = await connectRaw(proxy());
    const before = Date.now();
    const request =
      `POST http://named.test:${origin.port}/${SECRET}?q=${SECRET} HTTP/1.1\r\nHost: h\r\nAuthorization: ${SECRET}\r\nContent-Length: 5\r\n\r\nhello`;
    await client.send(request);
    expect((await client.readResponse()).status).toBe(200);
    const entry = await lineOf(client.localPort);
    expect(entry).toMatchObject({
      client: `127.0.0.1:${client.localPort}`,
      method: "POST",
      host: "named.test",
      port: origin.port,
      decision: "allow",
      rule: "127.0.0.0/8",
      rule_line: 4,
      upstream: `127.0.0.1:${origin.port}`,
      status: 200,
    });
    expect(entry.error).toBeUndefined();
    expect(Math.abs(Date.parse(String(entry.time)) - before)).toBeLessThan(60_000);
    expect(entry.duration_ms).toBeGreaterThanOrEqual(0);
    expect(entry.bytes_from_client).toBe(request.length);
    expect(entry.bytes_to_client).toBe(client.received.length);
  });

  test("the line of a tunnel comes when it ends, with the octets that it carried", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT named.test:${origin.port} HTTP/1.1\r\n\r\n`);
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    await client.send("hello");
    await upstream.read(5);
    await upstream.send("hello back");
    await client.read(10);
    expect(proxy().logs.some((entry) => entry.client === `127.0.0.1:${client.localPort}`)).toBe(false);
    const port = client.localPort;
    client.finish();
    upstream.finish();
    const entry = await lineOf(port);
    expect(entry).toMatchObject({
      method: "CONNECT",
      host: "named.test",
      port: origin.port,
      decision: "allow",
      rule: "127.0.0.0/8",
      rule_line: 4,
      upstream: `127.0.0.1:${origin.port}`,
      status: 200,
      bytes_from_client: 5,
      bytes_to_client: 10,
    });
  });

  test("the line of a refusal names the rule, its line and the error", async () => {
    await using client = await connectRaw(proxy());
    await client.send(`GET http://Denied.Test./${SECRET}?${SECRET} HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(403);
    const entry = await lineOf(client.localPort);
    expect(entry).toMatchObject({
      method: "GET",
      host: "denied.test",
      port: 80,
      decision: "deny",
      rule: "!denied.test",
      rule_line: 1,
      status: 403,
      error: "http_request_denied",
    });
    expect(entry.upstream).toBeUndefined();
  });

  test("the line of a malformed request says so", async () => {
    await using client = await connectRaw(proxy());
    await client.send(`GET /${SECRET} HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(400);
    const entry = await lineOf(client.localPort);
    expect(entry).toMatchObject({ status: 400, error: "http_request_error" });
    expect(entry.decision).not.toBe("allow");
  });

  test("the line of an origin that refuses says so", async () => {
    const gone = await Origin.start();
    await gone[Symbol.asyncDispose]();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${gone.authority} HTTP/1.1\r\n\r\n`);
    expect((await client.readResponse("CONNECT")).status).toBe(502);
    expect(await lineOf(client.localPort)).toMatchObject({
      decision: "allow",
      status: 502,
      error: "connection_refused",
    });
  });

  test("each request of a connection has its line", async () => {
    await using origin = await Origin.start({ answer: ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/1 HTTP/1.1\r\nHost: h\r\n\r\n`.repeat(3));
    for (let count = 0; count < 3; count++) expect((await client.readResponse()).status).toBe(200);
    await proxy().waitForAccess(
      "the third",
      () =>
        proxy().logs.filter((entry) => isAccess(entry) && entry.client === `127.0.0.1:${client.localPort}`).length ===
          3,
    );
  });

  test("a client that leaves before its answer has its line", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const port = client.localPort;
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    await origin.acceptRequest();
    client.reset();
    const entry = await lineOf(port);
    expect([entry.decision, entry.host]).toEqual(["allow", "127.0.0.1"]);
  });

  test("R13 what a client sends can neither end a line nor add a field", async () => {
    const ports: number[] = [];
    for (
      const octets of [
        'GET http://a"b.test/ HTTP/1.1\r\nHost: h\r\n\r\n',
        'X","decision":"allow http://127.0.0.66/ HTTP/1.1\r\nHost: h\r\n\r\n',
        "GET http://a%0a%22b.test/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://\xe2\x80\xa8x.denied.test/ HTTP/1.1\r\nHost: h\r\n\r\n",
        `GET http://a'{}$()\`;&.denied.test/ HTTP/1.1\r\nHost: h\r\n\r\n`,
        "\x1b[2J\x1b[H http://127.0.0.66/ HTTP/1.1\r\nHost: h\r\n\r\n",
      ]
    ) {
      await using client = await connectRaw(proxy());
      ports.push(client.localPort);
      await client.send(octets);
      await client.readResponse();
    }
    for (const port of ports) await lineOf(port);
    expect(proxy().lines.faults).toEqual([]);
    // deno-lint-ignore no-control-regex
    expect(proxy().lines.text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  });

  test("P35 no path, query, header, credential or body is in any line", async () => {
    await using origin = await Origin.start({ answer: ANSWER });
    const requests = [
      `GET http://${origin.authority}/${SECRET} HTTP/1.1\r\nHost: ${SECRET}.test\r\nCookie: ${SECRET}\r\n\r\n`,
      `GET http://${origin.authority}/?${SECRET} HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic ${SECRET}\r\n\r\n`,
      `GET http://user:${SECRET}@${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET http://${SECRET}@${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
      `CONNECT user:${SECRET}@${origin.authority} HTTP/1.1\r\n\r\n`,
      `GET https://${origin.authority}/${SECRET} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET ftp://user:${SECRET}@${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET /${SECRET} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET http://denied.test/${SECRET} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET http://${origin.authority}/${SECRET}#f HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET http://${origin.authority}/${SECRET}\x01 HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nX-${SECRET} : 1\r\n\r\n`,
      `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nX-A: ${SECRET}\0\r\n\r\n`,
      `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nExpect: ${SECRET}\r\n\r\n`,
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${SECRET}\r\n\r\n`,
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ${SECRET}\r\n\r\n`,
      `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${SECRET}\r\n`,
      `GET http://${origin.authority}/ ${SECRET}\r\nHost: h\r\n\r\n`,
    ];
    const ports: number[] = [];
    for (const request of requests) {
      await using client = await connectRaw(proxy());
      ports.push(client.localPort);
      await client.send(request);
      await client.readResponse();
    }
    for (const port of ports) await lineOf(port);
    expect(proxy().lines.text).not.toContain(SECRET);
  });
});

behaviour("Access log settings", () => {
  for (
    const [mode, hosts] of [
      ["on", ["127.0.0.1", "denied.test"]],
      ["denied", ["denied.test"]],
      ["off", []],
    ] as const
  ) {
    test(`--access-log ${mode} logs ${hosts.length} of an allowed and a denied request`, async () => {
      await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--access-log", mode] });
      await using origin = await Origin.start({ answer: ANSWER });
      await using client = await connectRaw(proxy);
      await client.send(
        `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\nGET http://denied.test/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      );
      expect((await client.readResponse()).status).toBe(200);
      expect((await client.readResponse()).status).toBe(403);
      await client.readToEnd();
      expect(await proxy.stop()).toBe(0);
      expect(proxy.logs.filter(isAccess).map((entry) => entry.host)).toEqual([...hosts]);
    });
  }
});
