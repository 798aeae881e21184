// Tests what each form of rule opens and closes, asked on the wire: the rule text as an operator writes it, in one end and
// connections or refusals out of the other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type DnsStub, startDnsStub } from "../support/dns_stub.ts";
import { startProxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { Origin } from "../support/origin.ts";
import { behaviour } from "../support/suite.ts";

interface RuleCase {
  readonly name: string;
  readonly rules: readonly string[];
  /** Hosts, each with whether it is opened. All names are 127.0.0.5, all origins answer. */
  readonly hosts: Readonly<Record<string, boolean>>;
}

const CASES: readonly RuleCase[] = [
  { name: "an address", rules: ["127.0.0.5"], hosts: { "127.0.0.5": true, "127.0.0.4": false, "127.0.0.6": false } },
  { name: "an IPv6 address", rules: ["::1"], hosts: { "[::1]": true, "[::]": false, "127.0.0.1": false } },
  {
    name: "an IPv4-mapped address is the IPv4 address",
    rules: ["::ffff:127.0.0.5"],
    hosts: { "127.0.0.5": true, "[::ffff:127.0.0.5]": true, "127.0.0.6": false },
  },
  {
    name: "a range, to its edges",
    rules: ["127.0.0.4/30"],
    hosts: { "127.0.0.3": false, "127.0.0.4": true, "127.0.0.7": true, "127.0.0.8": false },
  },
  { name: "a range with host bits", rules: ["127.0.0.6/30"], hosts: { "127.0.0.4": true, "127.0.0.8": false } },
  { name: "0.0.0.0/0 is IPv4 alone", rules: ["0.0.0.0/0"], hosts: { "127.0.0.5": true, "[::1]": false } },
  { name: "::/0 is IPv6 alone", rules: ["::/0"], hosts: { "[::1]": true, "127.0.0.5": false } },
  {
    name: "the first line that matches decides: allow before deny",
    rules: ["127.0.0.5", "!127.0.0.0/8", "*"],
    hosts: { "127.0.0.5": true, "127.0.0.6": false },
  },
  {
    name: "the first line that matches decides: deny before allow",
    rules: ["!127.0.0.5", "127.0.0.0/8"],
    hosts: { "127.0.0.5": false, "127.0.0.6": true },
  },
  {
    name: "a name alone",
    rules: ["!name.test", "127.0.0.0/8"],
    hosts: { "name.test": false, "NAME.test.": false, "www.name.test": true, "aname.test": true },
  },
  {
    name: "a name and all under it",
    rules: ["!*.name.test", "127.0.0.0/8"],
    hosts: { "name.test": false, "a.name.test": false, "a.b.c.name.test": false, "aname.test": true },
  },
  {
    name: "a denied name before an opened zone",
    rules: ["!x.name.test", "!*.other.test", "127.0.0.0/8"],
    hosts: { "x.name.test": false, "y.name.test": true, "other.test": false },
  },
  {
    name: "a name with a trailing dot and capitals in the rule",
    rules: ["!Name.TEST.", "127.0.0.0/8"],
    hosts: { "name.test": false, "other.test": true },
  },
  {
    name: "an international name in the rule",
    rules: ["!*.b\u00fccher.test", "127.0.0.0/8"],
    hosts: { "xn--bcher-kva.test": false, "a.xn--bcher-kva.test": false, "bucher.test": true },
  },
  {
    name: "hexadecimal letters alone make a name, not an address",
    rules: ["!abc.de", "127.0.0.0/8"],
    hosts: { "abc.de": false, "bcd.ef": true },
  },
  {
    name: "comments, blank lines, white space and CR LF",
    rules: ["# first", "", "  !127.0.0.5 \t\r", "\t# second\r", "127.0.0.0/8\r"],
    hosts: { "127.0.0.5": false, "127.0.0.6": true },
  },
  {
    name: "* alone opens no loopback",
    rules: ["*"],
    hosts: { "127.0.0.5": false, "[::1]": false, "name.test": false },
  },
  {
    name: "an allowed name alone opens no loopback",
    rules: ["name.test"],
    hosts: { "name.test": false, "other.test": false },
  },
  {
    name: "an allowed name lets an address rule behind it open loopback",
    rules: ["name.test", "127.0.0.5"],
    hosts: { "name.test": true, "127.0.0.6": false },
  },
  {
    name: "a deny of loopback stands before *",
    rules: ["!127.0.0.0/8", "*"],
    hosts: { "127.0.0.5": false, "name.test": false, "[::1]": false, "0": false },
  },
];

behaviour("Rules", () => {
  let dns: DnsStub;
  beforeAll(async () => {
    dns = await startDnsStub();
    const names = CASES.flatMap((rules) => Object.keys(rules.hosts)).filter((host) => /[a-z]/i.test(host));
    for (const name of names) dns.set(name.replace(/\.$/, ""), { addresses: ["127.0.0.5"] });
  });
  afterAll(() => dns.stop());

  for (const { name, rules, hosts } of CASES) {
    test(`${name}: ${JSON.stringify(rules)}`, async () => {
      await using proxy = await startProxy({ rules, dns });
      await using origin = await Origin.start({ address: "0.0.0.0" });
      await using origin6 = await Origin.start({ address: "::1" });
      const seen: Record<string, boolean> = {};
      for (const host of Object.keys(hosts)) {
        await using client = await connectRaw(proxy);
        await client.send(`CONNECT ${host}:${host.startsWith("[::1") ? origin6.port : origin.port} HTTP/1.1\r\n\r\n`);
        const { status } = await client.readResponse("CONNECT");
        expect([200, 403]).toContain(status);
        seen[host] = status === 200;
      }
      expect(seen).toEqual({ ...hosts });
    });
  }
});
