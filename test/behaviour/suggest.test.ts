// Tests the way to a first rule set: what --report-only logs goes into suggest, and a proxy with the rules that come out lets
// through what the first one let through by them, and nothing else.
import { expect, test } from "bun:test";
import { Tally } from "../../src/suggest/tally.ts";
import { formatProposal } from "../../src/suggest/format_rules.ts";
import { loadDomains } from "../../src/suggest/domains.ts";
import { proposeRules } from "../../src/suggest/propose.ts";
import { startDnsStub } from "../support/dns_stub.ts";
import { startProxy } from "../support/launcher.ts";
import { isAccess } from "../support/log_lines.ts";
import { Origin } from "../support/origin.ts";
import { OWN_REMOTE_ADDRESS } from "../support/own_address.ts";
import { connectRaw } from "../support/raw_client.ts";
import { behaviour } from "../support/suite.ts";

behaviour("Suggested rules", () => {
  const remote = OWN_REMOTE_ADDRESS ?? "";

  test.skipIf(OWN_REMOTE_ADDRESS === undefined)(
    "of a --report-only run let through what it let through, and deny what it would have denied and the rest",
    async () => {
      await using dns = await startDnsStub();
      const names = ["www.seen.test", "api.seen.test", "bad.denied.test", "www.other.test"];
      for (const name of names) dns.set(name, { addresses: [remote] });
      await using origin = await Origin.start({ address: remote });
      const ask = async (proxy: { readonly host: string; readonly port: number }, host: string) => {
        await using client = await connectRaw(proxy);
        await client.send(`CONNECT ${host}:${origin.port} HTTP/1.1\r\n\r\n`);
        return (await client.readResponse("CONNECT")).status;
      };
      const tally = new Tally();
      {
        await using proxy = await startProxy({ rules: ["!*.denied.test"], dns, args: ["--report-only"] });
        for (const host of ["www.seen.test", "api.seen.test", "bad.denied.test", "127.0.0.6", "none.test"]) {
          await ask(proxy, host);
        }
        proxy.signal("SIGTERM");
        await proxy.exited;
        expect(proxy.logs.filter(isAccess).length).toBe(5);
        for (const line of proxy.lines.text.split("\n")) expect(tally.add(line)).toBe(true);
      }
      const text = formatProposal(tally, proposeRules(tally, await loadDomains(), 0), false);
      await using proxy = await startProxy({ rules: text.split("\n"), dns });
      const statuses: Record<string, number> = {};
      for (const host of [...names, "127.0.0.6", "none.test", remote]) statuses[host] = await ask(proxy, host);
      expect(statuses).toEqual({
        "www.seen.test": 200,
        "api.seen.test": 200,
        "bad.denied.test": 403,
        "www.other.test": 403,
        "127.0.0.6": 403,
        "none.test": 403,
        [remote]: 403,
      });
      // What is denied is not even looked up.
      expect(dns.queries.filter(({ name }) => name === "www.other.test")).toEqual([]);
    },
  );
});
