// Tests how a name's addresses are tried (RFC 8305 §5), and what the client is told where none of them answers.
import { expect, test } from "bun:test";
import { startBlackhole } from "../support/blackhole.ts";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { expectClosed, expectRefusal, expectTruthfulPersistence } from "../support/expectations.ts";
import { launch, startProxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, useProxy } from "../support/suite.ts";

/** TCP has no way to a multicast address: the kernel says so at once (ENETUNREACH), on every machine alike. */
const UNROUTABLE = "224.0.0.1";

behaviour("Dialling", () => {
  let dns: DnsStub;
  const proxy = useProxy(async () => {
    dns = await startDnsStub();
    return { rules: ["127.0.0.0/8", "::1", UNROUTABLE], dns };
  });

  test("an address that refuses is passed over for the next", async () => {
    await using origin = await Origin.start({ address: "127.0.0.9", answer: OK_ANSWER });
    dns.set("second-lives.test", { addresses: ["127.0.0.8", "127.0.0.9"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://second-lives.test:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    const entry = await proxy().waitForAccess("this request", (line) => line.host === "second-lives.test");
    expect(entry.upstream).toBe(`127.0.0.9:${origin.port}`);
  });

  for (const [dead, alive] of [["::1", "127.0.0.1"], ["127.0.0.1", "::1"]] as const) {
    test(`an address family that refuses (${dead}) is passed over for the other`, async () => {
      await using origin = await Origin.start({ address: alive, answer: OK_ANSWER });
      const name = `dual-${origin.port}.test`;
      dns.set(name, { addresses: [dead, alive] });
      await using client = await connectRaw(proxy());
      await client.send(`CONNECT ${name}:${origin.port} HTTP/1.1\r\n\r\n`);
      expect((await client.readResponse("CONNECT")).status).toBe(200);
    });
  }

  test("an address that says nothing is not waited for: the next is tried beside it", async () => {
    await using hole = await startBlackhole("127.0.0.1");
    await using origin = await Origin.start({ address: "127.0.0.2", port: hole.port, answer: OK_ANSWER });
    dns.set("first-silent.test", { addresses: ["127.0.0.1", "127.0.0.2"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://first-silent.test:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const response = await client.readResponse();
    expect([response.status, response.body]).toEqual([200, "ok"]);
  });

  test("the attempt that lost is given up", async () => {
    await using slow = await Origin.start({ address: "127.0.0.3", answer: OK_ANSWER });
    await using other = await Origin.start({ address: "127.0.0.4", port: slow.port, answer: OK_ANSWER });
    dns.set("both-live.test", { addresses: ["127.0.0.3", "127.0.0.4"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://both-live.test:${slow.port}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    expect(slow.requests.length + other.requests.length).toBe(1);
    for (const connection of [...slow.connections, ...other.connections]) await connection.ended();
  });

  for (const method of ["GET", "CONNECT"]) {
    test(`${method} to addresses that all refuse is connection_refused`, async () => {
      const gone = await Origin.start({ address: "127.0.0.10" });
      await gone[Symbol.asyncDispose]();
      dns.set("all-refuse.test", { addresses: ["127.0.0.10", "127.0.0.11"] });
      await using client = await connectRaw(proxy());
      const authority = `all-refuse.test:${gone.port}`;
      await client.send(
        `${method} ${method === "GET" ? `http://${authority}/` : authority} HTTP/1.1\r\nHost: h\r\n\r\n`,
      );
      const response = await client.readResponse(method);
      expectRefusal(response, { status: 502, error: "connection_refused" });
      if (method === "CONNECT") await expectClosed(client);
      else await expectTruthfulPersistence(client, response);
    });

    test(`R9 ${method} to an address that says nothing is connection_timeout`, async () => {
      await using hole = await startBlackhole("127.0.0.1");
      await using impatient = await startProxy({ rules: ["127.0.0.0/8"], args: ["--connect-timeout", "300ms"] });
      await using client = await connectRaw(impatient);
      const authority = `127.0.0.1:${hole.port}`;
      await client.send(
        `${method} ${method === "GET" ? `http://${authority}/` : authority} HTTP/1.1\r\nHost: h\r\n\r\n`,
      );
      const response = await client.readResponse(method);
      expectRefusal(response, { status: 504, error: "connection_timeout" });
      if (method === "CONNECT") await expectClosed(client);
      else await expectTruthfulPersistence(client, response);
    });

    test(`${method} of a name that the resolver says nothing of is dns_timeout`, async () => {
      dns.set("silent.test", { silent: true });
      await using impatient = await startProxy({ rules: ["127.0.0.0/8"], dns, args: ["--connect-timeout", "300ms"] });
      await using client = await connectRaw(impatient);
      await client.send(
        `${method} ${method === "GET" ? "http://silent.test/" : "silent.test:80"} HTTP/1.1\r\nHost: h\r\n\r\n`,
      );
      expectRefusal(await client.readResponse(method), { status: 504, error: "dns_timeout" });
    });

    test(`${method} to an address without a route is destination_ip_unroutable`, async () => {
      await using client = await connectRaw(proxy());
      const authority = `${UNROUTABLE}:9`;
      await client.send(
        `${method} ${method === "GET" ? `http://${authority}/` : authority} HTTP/1.1\r\nHost: h\r\n\r\n`,
      );
      expectRefusal(await client.readResponse(method), { status: 502, error: "destination_ip_unroutable" });
    });
  }

  test("a client that leaves while its name is looked up or dialled takes nothing with it", async () => {
    dns.set("slow-name.test", { addresses: ["127.0.0.1"], delayMs: 200 });
    await using hole = await startBlackhole("127.0.0.1");
    for (const authority of ["slow-name.test:1", `127.0.0.1:${hole.port}`]) {
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      client.reset();
    }
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://slow-name.test:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
  });

  test("A8 * opens what is private and what is shared: they are remote", async () => {
    const targets = [
      "10.255.255.1",
      "192.168.255.254:80",
      "172.31.255.254",
      "100.64.0.1",
      "[fd00::1]:443",
      "198.18.0.1",
    ];
    const opened = await launch(["explain", "--destination", "*", ...targets]);
    expect([await opened.exited, opened.lines.stderr]).toEqual([0, ""]);
    const closed = await launch(["explain", "--destination", "*", "127.0.0.1"]);
    expect(await closed.exited).toBe(1);
  });
});
