// Tests --report-only: what * would allow is let through, and what the rules would have done is logged.
import { expect, test } from "bun:test";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { expectRefusal } from "../support/expectations.ts";
import { connectRaw } from "../support/raw_client.ts";
import { between } from "../support/log_lines.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { OWN_REMOTE_ADDRESS } from "../support/own_address.ts";
import { behaviour, useProxy } from "../support/suite.ts";

behaviour("Report only", () => {
  let dns: DnsStub;
  const remote = OWN_REMOTE_ADDRESS ?? "";
  const proxy = useProxy(async () => {
    dns = await startDnsStub();
    return { rules: ["!denied.test", "127.0.0.5"], dns, args: ["--report-only"] };
  });

  const cases = [
    { name: "an address that no rule allows", host: remote, rule: undefined, line: undefined },
    { name: "a name that a rule denies", host: "denied.test", rule: "!denied.test", line: 1 },
    { name: "a name that no rule allows", host: "other.test", rule: undefined, line: undefined },
  ];
  for (const { name, host, rule, line } of cases) {
    for (const method of ["GET", "CONNECT"]) {
      test.skipIf(OWN_REMOTE_ADDRESS === undefined)(
        `${method} of ${name} is let through and logged as would_deny`,
        async () => {
          if (/[a-z]/.test(host)) dns.set(host, { addresses: [remote] });
          await using origin = await Origin.start({ address: remote, answer: OK_ANSWER });
          await using client = await connectRaw(proxy());
          const authority = `${host}:${origin.port}`;
          const target = method === "GET" ? `http://${authority}/` : authority;
          await client.send(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
          expect((await client.readResponse(method)).status).toBe(200);
          client.finish();
          const entry = await proxy().waitForAccess("this request", between(client, origin));
          expect([entry.decision, entry.would_deny, entry.rule, entry.rule_line, entry.status]).toEqual([
            "allow",
            true,
            rule,
            line,
            200,
          ]);
        },
      );
    }
  }

  test("what a rule allows is not would_deny", async () => {
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    const entry = await proxy().waitForAccess("this request", between(client, origin));
    expect([entry.decision, entry.would_deny ?? false, entry.rule]).toEqual(["allow", false, "127.0.0.5"]);
  });

  for (
    const host of [
      "127.0.0.6",
      "169.254.169.254",
      "0.0.0.0",
      "[::1]",
      "[fe80::1]",
      "224.0.0.1",
      "255.255.255.255",
      "to-loopback.test",
    ]
  ) {
    test(`what * would not open stays closed: ${host}`, async () => {
      dns.set("to-loopback.test", { addresses: ["127.0.0.6"] });
      await using origin = await Origin.start({ address: "127.0.0.6", answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${host}:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
      expect(origin.connections.length).toBe(0);
    });
  }

  test("a malformed request is refused as ever", async () => {
    await using client = await connectRaw(proxy());
    await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expectRefusal(await client.readResponse(), { status: 400, error: "http_request_error" });
  });

  test("the own listener stays closed", async () => {
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT 127.0.0.1:${proxy().port} HTTP/1.1\r\n\r\n`);
    const response = await client.readResponse("CONNECT");
    expect([403, 502]).toContain(response.status);
  });
});

behaviour("Without --report-only", () => {
  const remote = OWN_REMOTE_ADDRESS ?? "";
  const proxy = useProxy({ rules: ["!denied.test", "*"] });

  test.skipIf(OWN_REMOTE_ADDRESS === undefined)(
    "A8 * opens a remote address, this machine's own included",
    async () => {
      await using origin = await Origin.start({ address: remote, answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
      const entry = await proxy().waitForAccess("this request", between(client, origin));
      expect([entry.decision, "would_deny" in entry, entry.rule, entry.rule_line]).toEqual(["allow", false, "*", 2]);
    },
  );
});
