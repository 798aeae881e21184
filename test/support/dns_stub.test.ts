import { describe, expect, test } from "bun:test";
import { Resolver } from "node:dns/promises";
import { startDnsStub } from "./dns_stub.ts";

describe("startDnsStub()", () => {
  test("answers an independent resolver, records its queries and says NXDOMAIN for what was not set", async () => {
    await using stub = await startDnsStub();
    const resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([`${stub.address}:${stub.port}`]);
    stub.set("www.example.test", { addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"], ttlSeconds: 7 });
    stub.set("alias.example.test", { aliases: ["target.example.test"], addresses: ["192.0.2.3", "::ffff:192.0.2.4"] });
    stub.set("big.example.test", { addresses: ["192.0.2.5"], truncated: true });

    expect(await resolver.resolve4("www.example.test", { ttl: true })).toEqual([
      { address: "192.0.2.1", ttl: 7 },
      { address: "192.0.2.2", ttl: 7 },
    ]);
    expect(await resolver.resolve6("www.example.test")).toEqual(["2001:db8::1"]);
    expect(await resolver.resolve4("alias.example.test")).toEqual(["192.0.2.3"]);
    expect(await resolver.resolve6("alias.example.test")).toEqual(["::ffff:192.0.2.4"]);
    expect(await resolver.resolve4("big.example.test")).toEqual(["192.0.2.5"]);
    expect(await resolver.resolve4("other.example.test").catch((error: { code: string }) => error.code)).toBe(
      "ENOTFOUND",
    );
    await stub.waitForQueries(7);
    expect(stub.queries.map((query) => `${query.name} ${query.type} ${query.transport}`)).toEqual([
      "www.example.test A udp",
      "www.example.test AAAA udp",
      "alias.example.test A udp",
      "alias.example.test AAAA udp",
      "big.example.test A udp",
      "big.example.test A tcp",
      "other.example.test A udp",
    ]);
  });
});
