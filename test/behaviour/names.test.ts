// Tests names: what is asked of the name server and what never is, and that what was judged is what is dialled.
import { expect, test } from "bun:test";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import { startProxy } from "../support/launcher.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { utf8 } from "../support/raw_connection.ts";
import { behaviour, useProxy } from "../support/suite.ts";

const RULES = [
  "!denied.test",
  "!*.deniedzone.test",
  "allowed.test",
  "*.allowedzone.test",
  "!127.0.0.66",
  "127.0.0.0/28",
  "::1",
  "!blocked-late.test",
  "*",
];

const DENIED = { status: 403, error: "http_request_denied" };

/** The status and refusal of one plain request and one CONNECT to a name, on fresh connections. */
async function ask(proxy: Endpoint, authority: string): Promise<{ plain: number; connect: number }> {
  await using plain = await connectRaw(proxy);
  await plain.send(`GET http://${authority}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  await using connect = await connectRaw(proxy);
  await connect.send(`CONNECT ${authority} HTTP/1.1\r\n\r\n`);
  return { plain: (await plain.readResponse()).status, connect: (await connect.readResponse("CONNECT")).status };
}

behaviour("Names", () => {
  let dns: DnsStub;
  const proxy = useProxy(async () => {
    dns = await startDnsStub();
    return { rules: RULES, dns };
  });

  /** Names as they were asked for, whatever the letter case on the wire. */
  function asked(): string[] {
    return dns.queries.map((query) => query.name.toLowerCase());
  }

  for (
    const name of [
      "denied.test",
      "DENIED.test",
      "denied.test.",
      utf8("ｄｅｎｉｅｄ.test"),
      "deniedzone.test",
      "secret.deniedzone.test",
      `${"a".repeat(60)}.${"b".repeat(60)}.deniedzone.test`,
    ]
  ) {
    test(`a denied name is refused and never asked for: ${JSON.stringify(name)}`, async () => {
      dns.queries.length = 0;
      expect(await ask(proxy(), `${name}:80`)).toEqual({ plain: 403, connect: 403 });
      expect(dns.queries).toEqual([]);
    });
  }

  test("a name that no rule could allow any more is never asked for", async () => {
    await using strict = await startProxy({ rules: ["allowed.test", "!127.0.0.0/8", "!10.0.0.0/8"], dns });
    dns.queries.length = 0;
    expect(await ask(strict, "other.test:80")).toEqual({ plain: 403, connect: 403 });
    expect(await ask(strict, "x.allowed.test:80")).toEqual({ plain: 403, connect: 403 });
    expect(dns.queries).toEqual([]);
  });

  test("a name is asked for where an address rule could still allow it", async () => {
    dns.set("late.test", { addresses: ["127.0.0.5"] });
    await using strict = await startProxy({ rules: ["127.0.0.5"], dns });
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    expect(await ask(strict, `late.test:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
  });

  test("a name rule behind an address rule decides for the addresses that the address rule leaves", async () => {
    dns.set("blocked-late.test", { addresses: ["127.0.0.5", "127.0.0.200"] });
    await using good = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await using bad = await Origin.start({ address: "127.0.0.200", port: good.port, answer: OK_ANSWER });
    expect(await ask(proxy(), `blocked-late.test:${good.port}`)).toEqual({ plain: 200, connect: 200 });
    expect(bad.connections.length).toBe(0);
  });

  test("A10 only approved addresses are dialled, wherever they stand in the answer", async () => {
    await using good = await Origin.start({ address: "127.0.0.6", answer: OK_ANSWER });
    await using bad = await Origin.start({ address: "127.0.0.66", port: good.port, answer: OK_ANSWER });
    for (
      const [name, addresses] of [["bad-first.test", ["127.0.0.66", "127.0.0.6"]], ["bad-last.test", [
        "127.0.0.6",
        "127.0.0.66",
      ]]] as const
    ) {
      dns.set(name, { addresses });
      expect(await ask(proxy(), `${name}:${good.port}`)).toEqual({ plain: 200, connect: 200 });
    }
    expect(bad.connections.length).toBe(0);
    expect(good.requests.map((request) => request.value("host"))).toEqual([
      `bad-first.test:${good.port}`,
      `bad-last.test:${good.port}`,
    ]);
  });

  test("A10 where every address is refused the answer is a 403 that names the rule", async () => {
    await using bad = await Origin.start({ address: "127.0.0.66", answer: OK_ANSWER });
    dns.set("all-bad.test", { addresses: ["127.0.0.66"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://all-bad.test:${bad.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expectRefusal(await client.readResponse(), { ...DENIED, says: /!127\.0\.0\.66.*|line 5/ });
    expect(bad.connections.length).toBe(0);
  });

  test("A10 approved addresses that do not answer are not made up for by refused ones", async () => {
    await using bad = await Origin.start({ address: "127.0.0.66", answer: OK_ANSWER });
    dns.set("dead-good.test", { addresses: ["127.0.0.66", "127.0.0.7"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://dead-good.test:${bad.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expectRefusal(await client.readResponse(), { status: 502, error: "connection_refused" });
    expect(bad.connections.length).toBe(0);
  });

  for (
    const [what, name, address] of [
      ["A6 loopback that no address rule opens", "to-loopback.test", "127.0.0.200"],
      ["A6 0.0.0.0", "to-zero.test", "0.0.0.0"],
      ["A6 ::", "to-unspecified.test", "::"],
      ["A7 the metadata address", "metadata.google.internal", "169.254.169.254"],
      ["A6 link-local IPv6", "to-link-local.test", "fe80::1"],
      ["A4 loopback mapped into IPv6", "to-mapped.test", "::ffff:127.0.0.200"],
      ["A5 loopback through NAT64", "to-nat64.test", "64:ff9b::7f00:c8"],
      ["A6 multicast", "to-multicast.test", "224.0.0.1"],
      ["A6 broadcast", "to-broadcast.test", "255.255.255.255"],
    ] as const
  ) {
    test(`${what}, reached by a name, is opened by neither * nor a name rule`, async () => {
      dns.set(name, { addresses: [address] });
      dns.set("allowed.test", { addresses: [address] });
      dns.set(`x${name.length}.allowedzone.test`, { addresses: [address] });
      await using origin = await Origin.start({ address: "127.0.0.200", answer: OK_ANSWER });
      expect(await ask(proxy(), `${name}:${origin.port}`)).toEqual({ plain: 403, connect: 403 });
      expect(await ask(proxy(), `x${name.length}.allowedzone.test:${origin.port}`)).toEqual({
        plain: 403,
        connect: 403,
      });
      expect(origin.connections.length).toBe(0);
    });
  }

  test("a name rule lets go on to an address rule that opens loopback", async () => {
    dns.set("x.allowedzone.test", { addresses: ["127.0.0.5"] });
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    expect(await ask(proxy(), `x.allowedzone.test:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
  });

  test("A24 a wildcard matches at label boundaries alone", async () => {
    await using strict = await startProxy({ rules: ["!evil.test", "!*.evilzone.test", "127.0.0.0/8"], dns });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    for (
      const [name, status] of [
        ["evilzone.test", 403],
        ["a.evilzone.test", 403],
        ["a.b.evilzone.test", 403],
        ["evil.test", 403],
        ["notevilzone.test", 200],
        ["xevil.test", 200],
        ["sub.evil.test", 200],
        ["evil.test.example", 200],
        ["evilzone.test.example", 200],
      ] as const
    ) {
      dns.set(name, { addresses: ["127.0.0.1"] });
      expect([name, await ask(strict, `${name}:${origin.port}`)]).toEqual([name, { plain: status, connect: status }]);
    }
  });

  test("A9 the address that was judged is dialled: one look-up, though the next answer would differ", async () => {
    await using good = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await using bad = await Origin.start({ address: "127.0.0.66", port: good.port, answer: OK_ANSWER });
    let round = 0;
    dns.set("rebind.test", () => ({ addresses: [round++ === 0 ? "127.0.0.5" : "127.0.0.66"], ttlSeconds: 0 }), "A");
    dns.set("rebind.test", {}, "AAAA");
    dns.queries.length = 0;
    await using client = await connectRaw(proxy());
    await client.send(`GET http://rebind.test:${good.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    expect(asked().filter((name) => name === "rebind.test").length).toBe(
      dns.queries.some((query) => query.type === "AAAA") ? 2 : 1,
    );
    expect(bad.connections.length).toBe(0);
  });

  test("A9 answers are cached by their TTL, and one look-up serves all who wait for it", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.set("cached.test", { addresses: ["127.0.0.1"], ttlSeconds: 60, delayMs: 50 });
    dns.queries.length = 0;
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(proxy())));
    try {
      await Promise.all(
        clients.map((client) => client.send(`GET http://cached.test:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`)),
      );
      for (const client of clients) expect((await client.readResponse()).status).toBe(200);
    } finally {
      for (const client of clients) await client[Symbol.asyncDispose]();
    }
    expect(await ask(proxy(), `cached.test:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
    expect(dns.queries.filter((query) => query.type === "A").length).toBe(1);
    expect(dns.queries.filter((query) => query.type === "AAAA").length).toBeLessThanOrEqual(1);
  });

  test("R5 a failure is remembered too", async () => {
    dns.set("gone.test", { failure: "NXDOMAIN" });
    dns.queries.length = 0;
    for (let round = 0; round < 5; round++) {
      expect(await ask(proxy(), "gone.test:80")).toEqual({ plain: 502, connect: 502 });
    }
    expect(dns.queries.filter((query) => query.type === "A").length).toBe(1);
  });

  for (const name of ["db", "svc.ns", "db.ns.svc", "a.b.c.d.e.f"]) {
    test(`A13 ${name} is asked for as it is, without any search domain`, async () => {
      dns.queries.length = 0;
      expect(await ask(proxy(), `${name}:80`)).toEqual({ plain: 502, connect: 502 });
      expect([...new Set(asked())]).toEqual([name]);
    });
  }

  test("A12 rules are on the name that was asked for; aliases on the way are not names of the request", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.set("alias.test", { aliases: ["denied.test"], addresses: ["127.0.0.1"] });
    expect(await ask(proxy(), `alias.test:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
  });

  test("A11 an address is never looked up, neither way", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.queries.length = 0;
    expect(await ask(proxy(), origin.authority)).toEqual({ plain: 200, connect: 200 });
    expect(await ask(proxy(), `2130706433:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
    expect(await ask(proxy(), "127.0.0.66:80")).toEqual({ plain: 403, connect: 403 });
    expect(dns.queries).toEqual([]);
  });

  test("/etc/hosts is honoured: localhost is not asked for", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.queries.length = 0;
    expect(await ask(proxy(), `localhost:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
    expect(dns.queries).toEqual([]);
  });

  test("A14 a name in UTF-8 is asked for, sent and judged in its ASCII form", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.set("xn--bcher-kva.test", { addresses: ["127.0.0.1"] });
    dns.queries.length = 0;
    expect(await ask(proxy(), `${utf8("Bücher.test")}:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
    expect([...new Set(asked())]).toEqual(["xn--bcher-kva.test"]);
    expect(origin.requests[0]?.value("host")).toBe(`xn--bcher-kva.test:${origin.port}`);
  });

  for (
    const name of [
      "under_score.test",
      "3com.test",
      "1.test",
      "0-x.test",
      "a--b.test",
      `${"a".repeat(63)}.test`,
      `${"a23456789.".repeat(24)}a234567.test`,
    ]
  ) {
    test(`A15 ${name.length > 40 ? `a name of ${name.length} octets` : name} is a name`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      dns.set(name, { addresses: ["127.0.0.1"] });
      expect(await ask(proxy(), `${name}:${origin.port}`)).toEqual({ plain: 200, connect: 200 });
    });
  }

  test("the Host that is sent is the target's authority in plain form", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    dns.set("plain.test", { addresses: ["127.0.0.1"] });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://PLAIN.Test.:${origin.port}/ HTTP/1.1\r\nHost: other.test\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.value("host")?.toLowerCase()).toMatch(/^plain\.test\.?:[0-9]+$/);
  });

  for (
    const [what, answer] of [
      ["NXDOMAIN", { failure: "NXDOMAIN" }],
      ["no data", {}],
      ["SERVFAIL", { failure: "SERVFAIL" }],
      ["REFUSED", { failure: "REFUSED" }],
    ] as const
  ) {
    test(`${what} is dns_error`, async () => {
      const name = `${what.toLowerCase().replace(" ", "-")}.fails.test`;
      dns.set(name, answer);
      for (const method of ["GET", "CONNECT"]) {
        await using client = await connectRaw(proxy());
        await client.send(
          `${method} ${method === "GET" ? `http://${name}/` : `${name}:80`} HTTP/1.1\r\nHost: h\r\n\r\n`,
        );
        expectRefusal(await client.readResponse(method), { status: 502, error: "dns_error", says: new RegExp(name) });
        if (method === "CONNECT") await expectClosed(client);
      }
    });
  }
});
