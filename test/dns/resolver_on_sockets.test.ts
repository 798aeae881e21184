import { describe, expect, test } from "bun:test";
import { Resolver } from "../../src/dns/resolver.ts";
import { systemClock } from "../../src/runtime/node/clock.ts";
import { systemDns } from "../../src/runtime/node/dns_transport.ts";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { FakeFiles, server } from "./fake_parts.ts";
import { format } from "./resolver_desk.ts";

const FORGED = "203.0.113.66";

describe("Resolver on real sockets", () => {
  test("takes the answers of a server by UDP and TCP, and only those", async () => {
    await using stub = await startDnsStub();
    stub.set("www.example.test", { addresses: ["192.0.2.1", "2001:db8::1"] });
    stub.set("alias.example.test", { aliases: ["www.example.test"], addresses: ["192.0.2.2"] });
    stub.set("big.example.test", { addresses: ["192.0.2.3", "2001:db8::3"], truncated: true });
    stub.set("fail.example.test", { failure: "SERVFAIL" });
    stub.set("slow.example.test", { addresses: ["192.0.2.4"], delayMs: 20 });
    stub.set("forged.example.test", {
      addresses: ["192.0.2.5"],
      mangle: (message) => {
        const forged = message.slice();
        forged[0] = forged[0]! ^ 0xff;
        forged.set(FORGED.split(".").map(Number), forged.length - 4);
        return [forged, message];
      },
    });
    using resolver = await openResolver([stub]);
    const expected: readonly [name: string, answer: string][] = [
      ["www.example.test", "2001:db8::1 192.0.2.1"],
      ["alias.example.test", "192.0.2.2"],
      ["big.example.test", "2001:db8::3 192.0.2.3"],
      ["fail.example.test", "SERVFAIL"],
      ["slow.example.test", "192.0.2.4"],
      ["forged.example.test", "192.0.2.5"],
      ["other.example.test", "NXDOMAIN"],
      ["here.example.test", "192.0.2.99"],
    ];
    const answers = await Promise.all(expected.map(([name]) => resolver.resolve(name)));
    expect(answers.map((answer, index) => [expected[index]![0], format(answer)])).toEqual(
      expected as [string, string][],
    );
    expect(stub.queries.filter(({ name }) => name === "here.example.test")).toEqual([]);
    expect(
      stub.queries.filter(({ transport }) => transport === "tcp").map(({ name, type }) => `${name} ${type}`).toSorted(),
    )
      .toEqual(["big.example.test A", "big.example.test AAAA"]);
  });

  test("asks the next server when the first is silent", async () => {
    await using silent = await startDnsStub();
    await using stub = await startDnsStub();
    silent.set("www.example.test", { silent: true });
    stub.set("www.example.test", { addresses: ["192.0.2.1"] });
    using resolver = await openResolver([silent, stub], 300);
    expect(format(await resolver.resolve("www.example.test"))).toBe("192.0.2.1");
    expect(silent.queries).toHaveLength(2);
    expect(stub.queries).toHaveLength(2);
  });

  test("says timeout when every server is silent", async () => {
    await using stub = await startDnsStub();
    stub.set("www.example.test", { silent: true });
    using resolver = await openResolver([stub], 100);
    expect(format(await resolver.resolve("www.example.test"))).toBe("timeout");
    expect(stub.queries).toHaveLength(4);
  });

  // Not more: two packets each, and while all are sent the stub, in the same thread, can take none; its socket holds some 270.
  test("answers 100 look-ups at once", async () => {
    await using stub = await startDnsStub();
    const names = Array.from({ length: 100 }, (_, n) => `n${n}.example.test`);
    for (const [n, name] of names.entries()) stub.set(name, { addresses: [`192.0.2.${n % 250}`] });
    using resolver = await openResolver([stub]);
    const answers = await Promise.all(names.map((name) => resolver.resolve(name)));
    expect(answers.map(format)).toEqual(names.map((_, n) => `192.0.2.${n % 250}`));
    expect(resolver.inFlightCount).toBe(0);
  });
});

function openResolver(stubs: readonly DnsStub[], attemptTimeoutMs = 4_000): Promise<Resolver> {
  const files = new FakeFiles({ "/etc/hosts": "192.0.2.99 here.example.test" });
  const servers = stubs.map(({ address, port }) => server(address, port));
  return Resolver.create({ dns: systemDns, files, clock: systemClock }, { servers, attemptTimeoutMs });
}
