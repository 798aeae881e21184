import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseHosts } from "../../src/dns/hosts_file.ts";

const KUBERNETES = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
10.128.0.7\tegress-1

# Entries added by HostAliases.
192.0.2.10\tdb.example.test\tDB-Alias.Example.Test
`;

describe("parseHosts()", () => {
  const cases: readonly { name: string; input: string; expected: Readonly<Record<string, string[]>> }[] = [
    { name: "has nothing for an empty text", input: "", expected: {} },
    { name: "takes several names in a line", input: "192.0.2.1 a b", expected: { a: ["192.0.2.1"], b: ["192.0.2.1"] } },
    {
      name: "collects both families in the order of the file",
      input: "192.0.2.2 a\n2001:db8::1 a\n192.0.2.1 a\n",
      expected: { a: ["192.0.2.2", "2001:db8::1", "192.0.2.1"] },
    },
    { name: "drops a repeated address", input: "192.0.2.1 a\n192.0.2.1 a a\n", expected: { a: ["192.0.2.1"] } },
    {
      name: "lowers the case of names",
      input: "192.0.2.1 WWW.Example.TEST",
      expected: { "www.example.test": ["192.0.2.1"] },
    },
    { name: "drops one final dot of a name", input: "192.0.2.1 a.test. .", expected: { "a.test": ["192.0.2.1"] } },
    {
      name: "reads CR LF as LF",
      input: "192.0.2.1 a\r\n192.0.2.2 b\r\n",
      expected: { a: ["192.0.2.1"], b: ["192.0.2.2"] },
    },
    { name: "takes tabs and leading blanks", input: " \t192.0.2.1\t \ta", expected: { a: ["192.0.2.1"] } },
    {
      name: "ends a line at a comment",
      input: "192.0.2.1 a # b\n192.0.2.2 c#d\n#192.0.2.3 e",
      expected: { a: ["192.0.2.1"], c: ["192.0.2.2"] },
    },
    { name: "skips an address without names", input: "192.0.2.1\n192.0.2.2 #a", expected: {} },
    {
      name: "skips what is no plain address",
      input: "010.0.0.1 a\n0x7f.1 b\n127.1 c\nfe80::1%eth0 d\n[::1] e\n192.0.2.300 f\nword g\n192.0.2.1 h",
      expected: { h: ["192.0.2.1"] },
    },
    { name: "reads an IPv4-mapped address as IPv4", input: "::ffff:192.0.2.1 a", expected: { a: ["192.0.2.1"] } },
    {
      name: "keeps names that are properties of objects",
      input: "192.0.2.1 __proto__ constructor",
      expected: JSON.parse('{"__proto__":["192.0.2.1"],"constructor":["192.0.2.1"]}'),
    },
    {
      name: "splits at SP and HTAB only",
      input: "192.0.2.1 a\u00a0b\u000bc",
      expected: { "a\u00a0b\u000bc": ["192.0.2.1"] },
    },
    {
      name: "reads the file of a pod",
      input: KUBERNETES,
      expected: {
        localhost: ["127.0.0.1", "::1"],
        "ip6-localhost": ["::1"],
        "ip6-loopback": ["::1"],
        "ip6-localnet": ["fe00::"],
        "egress-1": ["10.128.0.7"],
        "db.example.test": ["192.0.2.10"],
        "db-alias.example.test": ["192.0.2.10"],
      },
    },
  ];
  for (const { name, input, expected } of cases) {
    test(name, () => expect(listHosts(input)).toEqual(Object.entries(expected).sort(byName)));
  }

  test("throws at no text, cut at any offset or random", () => {
    for (let end = 0; end <= KUBERNETES.length; end++) parseHosts(KUBERNETES.slice(0, end));
    const hostile = fc.string({ unit: fc.constantFrom(..."19.:af#%\t \r\n\u00a0\u0000x") });
    fc.assert(fc.property(hostile, (text) => {
      for (const [name, addresses] of parseHosts(text)) {
        expect(name).toMatch(/^[^ \t\r\n#]+$/);
        expect(addresses.length).toBeGreaterThan(0);
      }
    }));
  });
});

function listHosts(text: string): [string, string[]][] {
  return [...parseHosts(text)].map(([name, list]): [string, string[]] => [name, list.map((address) => address.text)])
    .sort(byName);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
