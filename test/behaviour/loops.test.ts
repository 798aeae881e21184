// Tests that no request comes back to the proxy that sent it: by its own name in Via, or by its own listener.
import { networkInterfaces } from "node:os";
import { expect, test } from "bun:test";
import { startDnsStub } from "../support/dns_stub.ts";
import { expectClosed, expectRefusal, probe } from "../support/expectations.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { startProxy } from "../support/launcher.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const LOOP = { status: 502, error: "proxy_loop_detected" };

/** The Via that the proxy adds to a request. */
async function learnVia(proxy: Endpoint): Promise<string> {
  await using origin = await Origin.start({ answer: OK_ANSWER });
  await probe(proxy, origin);
  return origin.requests[0]?.value("via") ?? "";
}

behaviour("Loops", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  for (
    const [name, fields] of [
      ["alone", (via: string) => [`Via: ${via}`]],
      ["among others", (via: string) => [`Via: 1.0 fred, ${via}, 1.1 other`]],
      ["on a line of its own", (via: string) => ["Via: 1.0 fred", `via: ${via}`]],
    ] as const
  ) {
    test(`a request with the proxy's own Via, ${name}, is a loop`, async () => {
      const via = await learnVia(proxy());
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send([`GET http://${origin.authority}/ HTTP/1.1`, "Host: h", ...fields(via), "", ""].join("\r\n"));
      expectRefusal(await client.readResponse(), LOOP);
      expect(origin.connections.length).toBe(0);
    });
  }

  test("a CONNECT with the proxy's own Via is a loop", async () => {
    const via = await learnVia(proxy());
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: h\r\nVia: ${via}\r\n\r\n`);
    expectRefusal(await client.readResponse("CONNECT"), LOOP);
    await expectClosed(client);
    expect(origin.connections.length).toBe(0);
  });

  for (const via of ["1.1 egress-http-proxy (other)", "1.1 egress-http-proxy", "1.1 egress-http-proxy ()"]) {
    test(`Via: ${via} is another proxy's, and passes`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nVia: ${via}\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
    });
  }

  test("two proxies in a row pass, since each has an instance of its own", async () => {
    await using second = await startProxy({ rules: LOOPBACK_RULES });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${second.host}:${second.port} HTTP/1.1\r\n\r\n`);
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nVia: ${await learnVia(proxy())}\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
  });

  for (const method of ["CONNECT", "GET"]) {
    for (const host of ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1."]) {
      test(`A17 ${method} to the own listener as ${host} is a loop`, async () => {
        await using client = await connectRaw(proxy());
        const authority = `${host}:${proxy().port}`;
        await client.send(
          `${method} ${method === "GET" ? `http://${authority}/` : authority} HTTP/1.1\r\nHost: h\r\n\r\n`,
        );
        expectRefusal(await client.readResponse(method), LOOP);
      });
    }
  }

  test("A17 a listener on every address is found on each of them, by name too, whatever the rules open", async () => {
    await using dns = await startDnsStub();
    const own = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []).filter((info) =>
      info.scopeid === undefined || info.scopeid === 0
    );
    const everywhere = await startProxy({
      listen: ":0",
      dns,
      rules: ["0.0.0.0/0", "::/0", "*"],
    });
    await using _ = everywhere;
    dns.set("self.test", { addresses: ["127.0.0.1"] });
    const hosts = [
      ...own.map((info) => info.family === "IPv6" ? `[${info.address}]` : info.address),
      "127.0.0.2",
      "127.255.255.254",
      "0.0.0.0",
      "0",
      "[::]",
      "[::1]",
      "[::ffff:127.0.0.3]",
      "self.test",
    ];
    const seen: [string, number, string | undefined][] = [];
    for (const host of hosts) {
      await using client = await connectRaw(everywhere);
      await client.send(`CONNECT ${host}:${everywhere.port} HTTP/1.1\r\n\r\n`);
      const response = await client.readResponse("CONNECT");
      seen.push([host, response.status, /error=([a-z_]+)/.exec(response.value("proxy-status") ?? "")?.[1]]);
    }
    expect(seen).toEqual(hosts.map((host) => [host, 502, "proxy_loop_detected"]));
  });
});
