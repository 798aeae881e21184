// Proves what is decided and by which rule, as the line that people see says it.
import { describe, expect, test } from "bun:test";
import { parseHost } from "../../src/address/host.ts";
import { IpAddress } from "../../src/address/ip_address.ts";
import { decideAddress, decideName, decideNameAddress, type Decision } from "../../src/policy/decide.ts";
import { formatDecision } from "../../src/policy/explain.ts";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";

function compile(lines: readonly string[]): Policy {
  const { rules, errors } = parseRules(lines.join("\n"));
  expect(errors).toEqual([]);
  return Policy.compile(rules);
}

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`Cannot parse '${text}'`);
  return parsed;
}

/** The decision without its subject: "allowed by rule 1 at line 1 'a.test'". */
function say(decision: Decision): string {
  const line = formatDecision(decision, "x");
  expect(line.slice(0, 3)).toBe("x: ");
  const begin =
    { allow: /^allowed by/, deny: /^denied/, "needs-address": /^depends on its addresses/ }[decision.verdict];
  expect(line.slice(3)).toMatch(begin);
  return line.slice(3);
}

interface Row {
  readonly name: string;
  readonly rules: readonly string[];
  /** A target as a client writes it, then what is expected of it: a host, or "name > resolved address". */
  readonly expected: readonly (readonly [target: string, says: string])[];
}

function check({ name, rules, expected }: Row): void {
  for (const [target, says] of expected) {
    test(`${name}: ${rules.join(" | ")} on ${target}`, () => {
      const policy = compile(rules);
      const [hostText = "", resolved] = target.split(" > ");
      const host = parseHost(hostText);
      if (host.kind === "address") expect(say(decideAddress(policy, host.address))).toBe(says);
      else if (resolved === undefined) expect(say(decideName(policy, host.name))).toBe(says);
      else expect(say(decideNameAddress(policy, host.name, address(resolved)))).toBe(says);
    });
  }
}

const NONE = "denied: no rule matches";

/** Denials of every IPv6 address outside fe80::/10. */
const ALL_BUT_LINK_LOCAL = [
  "!::/1",
  "!8000::/2",
  "!c000::/3",
  "!e000::/4",
  "!f000::/5",
  "!f800::/6",
  "!fc00::/7",
  "!fe00::/9",
  "!fec0::/10",
  "!ff00::/8",
];

describe("decideName()", () => {
  const rows: readonly Row[] = [
    {
      name: "matches a name alone",
      rules: ["www.example.com"],
      expected: [
        ["www.example.com", "allowed by rule 1 at line 1 'www.example.com'"],
        ["example.com", NONE],
        ["a.www.example.com", NONE],
        ["com", NONE],
      ],
    },
    {
      name: "matches a name and every name under it",
      rules: ["*.example.com"],
      expected: [
        ["example.com", "allowed by rule 1 at line 1 '*.example.com'"],
        ["a.example.com", "allowed by rule 1 at line 1 '*.example.com'"],
        ["a.b.c.example.com", "allowed by rule 1 at line 1 '*.example.com'"],
        ["com", NONE],
      ],
    },
    {
      name: "A24: matches at label boundaries alone",
      rules: ["*.example.com"],
      expected: [
        ["badexample.com", NONE],
        ["bad-example.com", NONE],
        ["example.com.evil.test", NONE],
        ["xample.com", NONE],
        ["example.comx", NONE],
        ["example.co", NONE],
        ["exampleXcom.test", NONE],
      ],
    },
    {
      name: "A1: matches whatever the case and trailing dot, on both sides",
      rules: ["!Denied.TEST.", "*.Allowed.test."],
      expected: [
        ["denied.test", "denied by rule 1 at line 1 '!Denied.TEST.'"],
        ["DENIED.test.", "denied by rule 1 at line 1 '!Denied.TEST.'"],
        ["a.ALLOWED.test.", "allowed by rule 2 at line 2 '*.Allowed.test.'"],
      ],
    },
    {
      name: "A14: matches A-labels and U-labels alike",
      rules: ["!bücher.example", "*"],
      expected: [
        ["xn--bcher-kva.example", "denied by rule 1 at line 1 '!xn--bcher-kva.example'"],
        ["b\xc3\xbccher.example", "denied by rule 1 at line 1 '!xn--bcher-kva.example'"],
        ["B\xc3\x9cCHER.example", "denied by rule 1 at line 1 '!xn--bcher-kva.example'"],
        ["bucher.example", "allowed by rule 2 at line 2 '*'"],
      ],
    },
    {
      name: "lets the first line that matches decide",
      rules: ["www.example.com", "# a comment", "!*.example.com", "*"],
      expected: [
        ["www.example.com", "allowed by rule 1 at line 1 'www.example.com'"],
        ["example.com", "denied by rule 2 at line 3 '!*.example.com'"],
        ["other.test", "allowed by rule 3 at line 4 '*'"],
      ],
    },
    {
      name: "denies what no rule matches",
      rules: ["!a.test"],
      expected: [["b.test", NONE], ["a.test", "denied by rule 1 at line 1 '!a.test'"]],
    },
    {
      name: "allows by name before any address rule",
      rules: ["a.test", "!10.0.0.0/8", "*"],
      expected: [
        ["a.test", "allowed by rule 1 at line 1 'a.test'"],
        ["b.test", "depends on its addresses, rule 2 at line 2 '!10.0.0.0/8' is tried first"],
      ],
    },
    {
      name: "needs an address where an allowing address rule comes first",
      rules: ["10.0.0.0/8", "!a.test"],
      expected: [
        ["a.test", "depends on its addresses, rule 1 at line 1 '10.0.0.0/8' is tried first"],
        ["b.test", "depends on its addresses, rule 1 at line 1 '10.0.0.0/8' is tried first"],
      ],
    },
    {
      name: "denies a name without a look-up behind denying address rules",
      rules: ["!10.0.0.0/8", "!a.test", "b.test"],
      expected: [
        ["a.test", "denied by rule 2 at line 2 '!a.test'"],
        ["b.test", "depends on its addresses, rule 1 at line 1 '!10.0.0.0/8' is tried first"],
        ["c.test", NONE],
      ],
    },
    {
      name: "denies without a look-up where an earlier denial covers the allowing range",
      rules: ["!10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"],
      expected: [["a.test", NONE]],
    },
    {
      name: "denies without a look-up where two denials together cover the allowing range",
      rules: ["!10.0.0.0/9", "!10.128.0.0/9", "10.0.0.0/8"],
      expected: [["a.test", NONE]],
    },
    {
      name: "denies without a look-up where an unspecified address is allowed and the loopback behind it denied",
      rules: ["!127.0.0.1", "!::1", "0.0.0.0", "::"],
      expected: [["a.test", NONE]],
    },
    {
      name: "needs an address where the loopback behind an allowed unspecified one is denied later",
      rules: ["!127.0.0.2", "0.0.0.0", "!127.0.0.1"],
      expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!127.0.0.2' is tried first"]],
    },
    {
      name: "needs an address where one address of the range is left",
      rules: ["!10.0.0.0/32", "10.0.0.0/31"],
      expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!10.0.0.0/32' is tried first"]],
    },
    {
      name: "denies without a look-up an allowed name whose every remote address is denied",
      rules: ["!0.0.0.0/0", "!::/0", "a.test"],
      expected: [["a.test", "denied: every remote address is denied before rule 3 at line 3 'a.test'"]],
    },
    {
      name: "needs an address where only IPv4 is denied before",
      rules: ["!0.0.0.0/0", "a.test"],
      expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!0.0.0.0/0' is tried first"]],
    },
    {
      name: "needs an address where a special range is opened behind the name",
      rules: ["!1.0.0.0/8", "a.test", "127.0.0.0/8"],
      expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!1.0.0.0/8' is tried first"]],
    },
    {
      name: "denies without a look-up where NAT64 is allowed and every embedded address denied",
      rules: ["!0.0.0.0/0", "64:ff9b::/96"],
      expected: [["a.test", NONE]],
    },
    {
      name: "denies without a look-up where only denied addresses are embedded in the allowed ones",
      rules: [
        "!128.0.0.0/1",
        "2001:0:1:2:3:4::/97",
        "64:ff9b:1:2:3:4:8000:0/97",
        "2002:8000::/17",
        "64:ff9b::8000:0/98",
        "2001:db8::5efe:c000:0/98",
        "::224.0.0.0/100",
      ],
      expected: [["a.test", NONE]],
    },
    ...["2001:0:1:2:3:4::/96", "64:ff9b:1:2:3:4::/96", "2002::/16", "64:ff9b::/96", "2001:db8::5efe:0:0/96", "::/96"]
      .map((
        allowed,
      ) => ({
        name: "needs an address where others are embedded too",
        rules: ["!128.0.0.0/1", allowed],
        expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!128.0.0.0/1' is tried first"]] as const,
      })),
    {
      name: "denies without a look-up where only link-local addresses are not denied before the name",
      rules: ["!0.0.0.0/0", ...ALL_BUT_LINK_LOCAL, "a.test"],
      expected: [["a.test", "denied: every remote address is denied before rule 12 at line 12 'a.test'"]],
    },
    {
      name: "needs an address where those are opened behind the name",
      rules: ["!0.0.0.0/0", ...ALL_BUT_LINK_LOCAL, "a.test", "*.test", "fe80::/10"],
      expected: [["a.test", "depends on its addresses, rule 1 at line 1 '!0.0.0.0/0' is tried first"]],
    },
    {
      name: "denies without a look-up where the name is denied before they are opened",
      rules: ["!0.0.0.0/0", ...ALL_BUT_LINK_LOCAL, "a.test", "!*.test", "fe80::/10"],
      expected: [["a.test", "denied: every remote address is denied before rule 12 at line 12 'a.test'"]],
    },
    {
      name: "A13: judges a single label as it stands",
      rules: ["*.cluster.local", "db"],
      expected: [["db", "allowed by rule 2 at line 2 'db'"], ["svc", NONE], [
        "svc.cluster.local",
        "allowed by rule 1 at line 1 '*.cluster.local'",
      ]],
    },
  ];
  for (const row of rows) check(row);
});

describe("decideAddress()", () => {
  const rows: readonly Row[] = [
    {
      name: "matches address rules alone",
      rules: ["192.0.2.1", "198.51.100.0/24", "2001:db8::/32"],
      expected: [
        ["192.0.2.1", "allowed by rule 1 at line 1 '192.0.2.1'"],
        ["192.0.2.0", NONE],
        ["192.0.2.2", NONE],
        ["198.51.99.255", NONE],
        ["198.51.100.0", "allowed by rule 2 at line 2 '198.51.100.0/24'"],
        ["198.51.100.255", "allowed by rule 2 at line 2 '198.51.100.0/24'"],
        ["198.51.101.0", NONE],
        ["[2001:db8::1]", "allowed by rule 3 at line 3 '2001:db8::/32'"],
        ["[2001:db9::]", NONE],
      ],
    },
    {
      name: "A11: says nothing of names to an address",
      rules: ["!*.test", "*.in-addr.arpa", "none", "192.0.2.1.test"],
      expected: [["192.0.2.1", NONE], ["[2001:db8::1]", NONE]],
    },
    {
      name: "A3: matches every spelling of an address",
      rules: ["!127.0.0.6", "127.0.0.0/8"],
      expected: [
        ["2130706438", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["0x7f000006", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["0177.0.0.6", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["127.6", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["127.0.0.6.", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["127.7", "allowed by rule 2 at line 2 '127.0.0.0/8'"],
      ],
    },
    {
      name: "A4: takes an IPv4-mapped address for its IPv4 address",
      rules: ["!::ffff:127.0.0.5", "::ffff:10.0.0.0/104", "!192.0.2.0/24", "*"],
      expected: [
        ["127.0.0.5", "denied by rule 1 at line 1 '!::ffff:127.0.0.5'"],
        ["[::ffff:7f00:5]", "denied by rule 1 at line 1 '!::ffff:127.0.0.5'"],
        ["10.255.255.255", "allowed by rule 2 at line 2 '::ffff:10.0.0.0/104'"],
        ["[::ffff:192.0.2.7]", "denied by rule 3 at line 3 '!192.0.2.0/24'"],
      ],
    },
    {
      name: "A5: tries deny rules on embedded addresses",
      rules: ["!192.0.2.0/24", "*"],
      expected: [
        ["[64:ff9b::192.0.2.1]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
        ["[64:ff9b::192.0.3.1]", "allowed by rule 2 at line 2 '*'"],
        ["[64:ff9b:1::192.0.2.1]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
        ["[2002:c000:201::1]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
        ["[2001:0:1:2:3:4:3fff:fdfe]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
        ["[::192.0.2.1]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
        ["[2001:db8::5efe:192.0.2.1]", "denied by rule 1 at line 1 '!192.0.2.0/24' for the embedded address 192.0.2.1"],
      ],
    },
    {
      name: "A6: tries deny rules on the loopback address that a connection to an unspecified one reaches",
      rules: ["!127.0.0.0/8", "!::1", "0.0.0.0/0", "::/0"],
      expected: [
        ["0.0.0.0", "denied by rule 1 at line 1 '!127.0.0.0/8' for 127.0.0.1, which a connection to it would reach"],
        ["0", "denied by rule 1 at line 1 '!127.0.0.0/8' for 127.0.0.1, which a connection to it would reach"],
        [
          "[::ffff:0.0.0.0]",
          "denied by rule 1 at line 1 '!127.0.0.0/8' for 127.0.0.1, which a connection to it would reach",
        ],
        ["[::]", "denied by rule 2 at line 2 '!::1' for ::1, which a connection to it would reach"],
        ["0.0.0.1", "allowed by rule 3 at line 3 '0.0.0.0/0'"],
        ["[::2]", "allowed by rule 4 at line 4 '::/0'"],
      ],
    },
    {
      name: "A6: keeps the order between an unspecified address and the loopback address behind it",
      rules: ["0.0.0.0", "::", "!127.0.0.1", "!::1", "*"],
      expected: [
        ["0.0.0.0", "allowed by rule 1 at line 1 '0.0.0.0'"],
        ["[::]", "allowed by rule 2 at line 2 '::'"],
      ],
    },
    {
      name: "A6: leaves an unspecified address open where another loopback address alone is denied",
      rules: ["!127.0.0.2", "0.0.0.0/0"],
      expected: [["0.0.0.0", "allowed by rule 2 at line 2 '0.0.0.0/0'"]],
    },
    {
      name: "A5: tries allow rules on the address itself alone",
      rules: ["192.0.2.0/24", "127.0.0.0/8"],
      expected: [["[64:ff9b::192.0.2.1]", NONE], ["[64:ff9b::127.0.0.1]", NONE]],
    },
    {
      name: "A5: keeps the order between outer and embedded address",
      rules: ["64:ff9b::/96", "!192.0.2.0/24"],
      expected: [["[64:ff9b::192.0.2.1]", "allowed by rule 1 at line 1 '64:ff9b::/96'"]],
    },
    {
      name: "keeps the families apart",
      rules: ["0.0.0.0/0"],
      expected: [["192.0.2.1", "allowed by rule 1 at line 1 '0.0.0.0/0'"], ["[2001:db8::1]", NONE], ["[::1]", NONE]],
    },
    {
      name: "keeps the families apart",
      rules: ["::/0"],
      expected: [["192.0.2.1", NONE], ["[::ffff:192.0.2.1]", NONE], [
        "[2001:db8::1]",
        "allowed by rule 1 at line 1 '::/0'",
      ]],
    },
    {
      name: "really takes a prefix of 0 for the whole family",
      rules: ["10.0.0.0/0"],
      expected: [["192.0.2.1", "allowed by rule 1 at line 1 '10.0.0.0/0'"]],
    },
  ];
  for (const row of rows) check(row);

  const special: readonly (readonly [address: string, range: string])[] = [
    ["0.0.0.0", "unspecified"],
    ["127.0.0.1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["[::]", "unspecified"],
    ["[::1]", "loopback"],
    ["[fe80::1]", "link-local"],
    ["[ff02::1]", "multicast"],
    ["[64:ff9b::127.0.0.1]", "loopback"],
    ["[2002:a9fe:a9fe::]", "link-local"],
  ];
  for (const [target, range] of special) {
    check({
      name: "A6: opens only what is remote by the wildcard",
      rules: ["!10.0.0.0/8", "*"],
      expected: [[
        target,
        `denied: rule 2 at line 2 '*' opens only remote addresses and this is ${range}; no later rule matches`,
      ]],
    });
  }
  check({
    name: "A6: opens what is not remote by a range that covers it",
    rules: ["127.0.0.0/8", "0.0.0.0/32", "fe80::/10", "64:ff9b::/96", "*"],
    expected: [
      ["127.0.0.1", "allowed by rule 1 at line 1 '127.0.0.0/8'"],
      ["0.0.0.0", "allowed by rule 2 at line 2 '0.0.0.0/32'"],
      ["[fe80::1]", "allowed by rule 3 at line 3 'fe80::/10'"],
      ["[64:ff9b::127.0.0.1]", "allowed by rule 4 at line 4 '64:ff9b::/96'"],
      [
        "169.254.169.254",
        "denied: rule 5 at line 5 '*' opens only remote addresses and this is link-local; no later rule matches",
      ],
    ],
  });
});

describe("decideNameAddress()", () => {
  const rows: readonly Row[] = [
    {
      name: "judges each address of a name on its own",
      rules: ["!127.0.0.6", "127.0.0.0/8", "a.test"],
      expected: [
        ["a.test > 127.0.0.6", "denied by rule 1 at line 1 '!127.0.0.6'"],
        ["a.test > 127.0.0.5", "allowed by rule 2 at line 2 '127.0.0.0/8'"],
        ["a.test > 192.0.2.1", "allowed by rule 3 at line 3 'a.test'"],
        ["b.test > 192.0.2.1", NONE],
      ],
    },
    {
      name: "A6: passes over an allowing name rule for what is not remote",
      rules: ["*.test"],
      expected: [
        [
          "a.test > 127.0.0.1",
          "denied: rule 1 at line 1 '*.test' opens only remote addresses and this is loopback; no later rule matches",
        ],
        [
          "a.test > 64:ff9b::7f00:1",
          "denied: rule 1 at line 1 '*.test' opens only remote addresses and this is loopback; no later rule matches",
        ],
        ["a.test > 126.255.255.255", "allowed by rule 1 at line 1 '*.test'"],
      ],
    },
    {
      name: "A6: tries the next rule after passing one over",
      rules: ["a.test", "127.0.0.0/9", "!a.test", "127.0.0.0/8", "*"],
      expected: [
        ["a.test > 127.0.0.1", "allowed by rule 2 at line 2 '127.0.0.0/9'"],
        ["a.test > 127.128.0.1", "denied by rule 3 at line 3 '!a.test'"],
        ["b.test > 127.128.0.1", "allowed by rule 4 at line 4 '127.0.0.0/8'"],
        [
          "b.test > 169.254.0.1",
          "denied: rule 5 at line 5 '*' opens only remote addresses and this is link-local; no later rule matches",
        ],
      ],
    },
    {
      name: "lets a denying name rule deny special addresses too",
      rules: ["!a.test", "127.0.0.0/8"],
      expected: [["a.test > 127.0.0.1", "denied by rule 1 at line 1 '!a.test'"]],
    },
    {
      name: "A5: tries deny rules on embedded addresses of a name",
      rules: ["!10.0.0.0/8", "a.test"],
      expected: [[
        "a.test > 64:ff9b::10.0.0.1",
        "denied by rule 1 at line 1 '!10.0.0.0/8' for the embedded address 10.0.0.1",
      ]],
    },
    {
      name: "A12: judges the name that was asked for",
      rules: ["!denied.test", "alias.test"],
      expected: [["alias.test > 192.0.2.1", "allowed by rule 2 at line 2 'alias.test'"]],
    },
  ];
  for (const row of rows) check(row);
});

describe("decide()", () => {
  // Pairs of names with the same 32-bit FNV-1a hash, taken from the last character to the first.
  for (const [ruled, other] of [["6lwz.test", "8dq2.test"], ["h9182.example.com", "h697514.example.com"]] as const) {
    for (const [one, two] of [[ruled, other], [other, ruled]] as const) {
      test(`takes ${two} not for ${one}, whose hash it has`, () => {
        const only = compile([`*.${one}`]);
        expect([decideName(only, one).verdict, decideName(only, two).verdict]).toEqual(["allow", "deny"]);
        const both = compile([`!${one}`, `*.${two}`]);
        expect(say(decideName(both, one))).toBe(`denied by rule 1 at line 1 '!${one}'`);
        expect(say(decideName(both, `a.${two}`))).toBe(`allowed by rule 2 at line 2 '*.${two}'`);
      });
    }
  }

  test("decides among 100,000 rules as the first of them says", () => {
    const lines: string[] = [];
    for (let i = 0; i < 33_000; i++) {
      lines.push(`host${i}.example.com`, `!*.zone${i}.test`, `10.${i >> 8}.${i & 255}.0/25`);
    }
    lines.push("!*.example.com", "*");
    const policy = compile(lines);
    expect(policy.rules.length).toBe(99_002);
    expect(say(decideNameAddress(policy, "host32999.example.com", address("8.8.8.8")))).toBe(
      "allowed by rule 98998 at line 98998 'host32999.example.com'",
    );
    expect(say(decideNameAddress(policy, "host33000.example.com", address("8.8.8.8")))).toBe(
      "denied by rule 99001 at line 99001 '!*.example.com'",
    );
    expect(say(decideAddress(policy, address("10.128.231.127")))).toBe(
      "allowed by rule 99000 at line 99000 '10.128.231.0/25'",
    );
    expect(say(decideAddress(policy, address("10.128.231.128")))).toBe("allowed by rule 99002 at line 99002 '*'");
  });
});
