// Proves the grammar of the rule text, line by line: what each means, and what is said of each that means nothing.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { formatRule } from "../../src/policy/rule.ts";
import { formatRuleProblem } from "../../src/policy/rule_problem.ts";

const LABEL_63 = "a".repeat(63);
const NAME_253 = `${LABEL_63}.${LABEL_63}.${LABEL_63}.${"b".repeat(61)}`;

describe("parseRules() reads", () => {
  const table = [
    { name: "an IPv4 address", input: "192.168.1.1", kind: "address", expected: "192.168.1.1" },
    { name: "an IPv6 address", input: "2001:DB8::1", kind: "address", expected: "2001:db8::1" },
    { name: "an IPv4-mapped address", input: "::ffff:1.2.3.4", kind: "address", expected: "1.2.3.4" },
    { name: "an IPv4 range", input: "192.168.1.0/24", kind: "range", expected: "192.168.1.0/24" },
    { name: "an IPv6 range", input: "fe80::/10", kind: "range", expected: "fe80::/10" },
    { name: "an IPv4-mapped range", input: "::ffff:10.0.0.0/104", kind: "range", expected: "10.0.0.0/8" },
    { name: "all of IPv4", input: "0.0.0.0/0", kind: "range", expected: "0.0.0.0/0" },
    { name: "all of IPv6", input: "::/0", kind: "range", expected: "::/0" },
    { name: "a name", input: "www.example.com", kind: "name", expected: "www.example.com" },
    { name: "a name and all under it", input: "*.example.com", kind: "subdomains", expected: "*.example.com" },
    { name: "a top-level domain", input: "*.com", kind: "subdomains", expected: "*.com" },
    { name: "everything", input: "*", kind: "any", expected: "*" },
    { name: "a denied address", input: "!192.168.1.1", kind: "address", expected: "!192.168.1.1" },
    { name: "a denied range", input: "!10.0.0.0/8", kind: "range", expected: "!10.0.0.0/8" },
    { name: "a denied name", input: "!www.example.com", kind: "name", expected: "!www.example.com" },
    { name: "denied subdomains", input: "!*.example.com", kind: "subdomains", expected: "!*.example.com" },
    { name: "A1: upper case", input: "WWW.Example.COM", kind: "name", expected: "www.example.com" },
    { name: "A1: a trailing dot", input: "example.com.", kind: "name", expected: "example.com" },
    {
      name: "A1: a trailing dot on subdomains",
      input: "!*.Example.com.",
      kind: "subdomains",
      expected: "!*.example.com",
    },
    { name: "A14: an international name", input: "bücher.example", kind: "name", expected: "xn--bcher-kva.example" },
    {
      name: "A14: international subdomains",
      input: "*.BÜCHER.example",
      kind: "subdomains",
      expected: "*.xn--bcher-kva.example",
    },
    { name: "A14: an A-label", input: "XN--BCHER-KVA.example", kind: "name", expected: "xn--bcher-kva.example" },
    { name: "a name of hexadecimal letters", input: "abc.de", kind: "name", expected: "abc.de" },
    { name: "another name of hexadecimal letters", input: "bbc.cc", kind: "name", expected: "bbc.cc" },
    { name: "a name of hexadecimal words", input: "dead.beef", kind: "name", expected: "dead.beef" },
    { name: "localhost", input: "localhost", kind: "name", expected: "localhost" },
    { name: "a single label", input: "intranet", kind: "name", expected: "intranet" },
    { name: "a single letter", input: "a", kind: "name", expected: "a" },
    { name: "the letter that the original skips", input: "www", kind: "name", expected: "www" },
    { name: "A15: an underscore", input: "_sip._tcp.example.com", kind: "name", expected: "_sip._tcp.example.com" },
    { name: "a leading digit", input: "3com.test", kind: "name", expected: "3com.test" },
    { name: "a hyphen at the end of a label", input: "x-.com", kind: "name", expected: "x-.com" },
    { name: "A15: a label of 63", input: `${LABEL_63}.test`, kind: "name", expected: `${LABEL_63}.test` },
    { name: "A15: a name of 253", input: NAME_253, kind: "name", expected: NAME_253 },
    { name: "subdomains of a name of 253", input: `*.${NAME_253}`, kind: "subdomains", expected: `*.${NAME_253}` },
    {
      name: "spaces and tabs around a line",
      input: " \t *.example.com\t ",
      kind: "subdomains",
      expected: "*.example.com",
    },
  ];
  for (const { name, input, kind, expected } of table) {
    test(`${name}: '${input.slice(0, 40)}'`, () => {
      const { rules, errors, warnings } = parseRules(input);
      expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
      expect(rules.map((rule) => ({ kind: rule.match.kind, text: formatRule(rule), raw: rule.text }))).toEqual([
        { kind, text: expected, raw: input.replace(/^[ \t]+|[ \t]+$/g, "") },
      ] as never);
    });
  }

  test("lines, comments and blank lines, with the number and place of each rule", () => {
    const { rules, errors } = parseRules("# first\n\n  a.test\n\t# indented\n \t \n!b.test\n# last\n*\n");
    expect(errors).toEqual([]);
    expect(rules.map(({ number, line, column, text, action }) => ({ number, line, column, text, action }))).toEqual([
      { number: 1, line: 3, column: 3, text: "a.test", action: "allow" },
      { number: 2, line: 6, column: 1, text: "!b.test", action: "deny" },
      { number: 3, line: 8, column: 1, text: "*", action: "allow" },
    ]);
  });

  const lineEnds = [
    { name: "LF", input: "a.test\nb.test" },
    { name: "LF at the end", input: "a.test\nb.test\n" },
    { name: "CR LF", input: "a.test\r\nb.test\r\n" },
    { name: "CR LF and a last line whose LF was cut off", input: "a.test\r\nb.test\r" },
    { name: "a blank before CR LF", input: "a.test \r\nb.test" },
    { name: "a byte order mark", input: "\ufeffa.test\nb.test" },
  ];
  for (const { name, input } of lineEnds) {
    test(`two lines with ${name}`, () => {
      const { rules, errors } = parseRules(input);
      expect(errors).toEqual([]);
      expect(rules.map(({ text, line }) => `${line} ${text}`)).toEqual(["1 a.test", "2 b.test"]);
    });
  }

  const masked = [
    { input: "10.1.2.3/8", expected: "10.0.0.0/8" },
    { input: "!fe80::1/64", expected: "fe80::/64" },
    { input: "1.2.3.4/0", expected: "0.0.0.0/0" },
    { input: "::ffff:10.1.0.0/104", expected: "10.0.0.0/8" },
  ];
  for (const { input, expected } of masked) {
    test(`${input} as ${expected}, with a warning`, () => {
      const { errors, warnings } = parseRules(`# ranges\n ${input}`);
      expect(errors).toEqual([]);
      const message = `Masked the host bits of '${input}': it is read as ${expected}`;
      expect(warnings).toEqual([{ line: 2, column: 2, text: ` ${input}`, message }]);
    });
  }
});

describe("parseRules() refuses", () => {
  const empty = ["", "\n", "\r\n", " \t\n", "# only\n  # comments", "\ufeff", "#"];
  for (const input of empty) {
    test(`a text without rules: ${JSON.stringify(input)}`, () => {
      const { rules, errors } = parseRules(input);
      expect(rules).toEqual([]);
      expect(errors.flatMap(formatRuleProblem)).toEqual(["No EGRESS_HTTP_PROXY_DESTINATION specified"]);
    });
  }

  const ADDRESS = "an IPv4 address is four decimal numbers, as in 192.0.2.1";
  const STAR = "'*' stands alone, or as '*.' before a name, as in *.example.com";
  const PORTS = "ports are not part of a rule";
  const table = [
    { input: "!*", column: 2, why: "'*' cannot be denied, what no rule matches is denied anyway" },
    { input: "!", column: 2, why: "nothing follows the '!'" },
    { input: "!!x.com", column: 2, why: "one '!' denies, leave the second out" },
    { input: "! x.com", column: 2, why: "leave out the white space behind the '!'" },
    { input: "a.*.b", column: 3, why: STAR },
    { input: "*foo.com", column: 1, why: STAR },
    { input: "foo*", column: 4, why: STAR },
    { input: "**", column: 1, why: STAR },
    { input: "*.*", column: 3, why: STAR },
    { input: "*:443", column: 1, why: STAR },
    { input: "*.", column: 1, why: "a name must follow '*.'" },
    {
      input: "exa mple.com",
      column: 4,
      why: "white space is not allowed inside a destination, write one destination a line",
    },
    {
      input: "exa\tmple.com",
      shown: "exa\\x09mple.com",
      column: 4,
      why: "white space is not allowed inside a destination, write one destination a line",
    },
    { input: "a.com,b.com", column: 6, why: "write one destination a line" },
    { input: "http://example.com", column: 1, why: "write the host without http://" },
    { input: "https://example.com/x", column: 1, why: "write the host without https://" },
    { input: "example.com/path", column: 12, why: "paths are not part of a rule" },
    { input: "host:443", column: 5, why: PORTS },
    { input: "!host:443", column: 6, why: PORTS },
    { input: "1.2.3.4:80", column: 8, why: PORTS },
    {
      input: "[::1]:80",
      column: 1,
      why: "ports are not part of a rule, and an IPv6 address is written without brackets",
    },
    { input: "[::1]", column: 1, why: "write an IPv6 address without brackets" },
    { input: "user@host.test", column: 5, why: "user information is not part of a rule" },
    { input: "fe80::1%eth0", column: 8, why: "a zone id or percent-escape is not part of a rule" },
    { input: "1:2:3::4::5", column: 1, why: "it is not an IPv6 address" },
    { input: "dead:beef", column: 5, why: "it is not an IPv6 address" },
    { input: "10.0.0.0/33", column: 10, why: "prefix length must be 0 to 32" },
    { input: "!10.0.0.0/33", column: 11, why: "prefix length must be 0 to 32" },
    { input: "10.0.0.0/", column: 10, why: "prefix length must be 0 to 32" },
    { input: "10.0.0.0/08", column: 10, why: "prefix length must not have leading zeros" },
    { input: "10.0.0.0/-1", column: 10, why: "prefix length must be plain digits" },
    { input: "10.0.0.0/+8", column: 10, why: "prefix length must be plain digits" },
    { input: "10.0.0.0/255.0.0.0", column: 10, why: "write a prefix length instead of a netmask, as in 10.0.0.0/8" },
    { input: "::/129", column: 4, why: "prefix length must be 0 to 128" },
    { input: "::ffff:10.0.0.0/95", column: 17, why: "prefix length must be 96 to 128 for IPv4-mapped addresses" },
    { input: "10.0.0.0/8/8", column: 9, why: "one '/' and a prefix length make a range" },
    { input: "10/8", column: 1, why: ADDRESS },
    { input: "127.1/8", column: 1, why: ADDRESS },
    { input: "::g/8", column: 1, why: "what stands before the '/' is not an IPv6 address" },
    {
      input: "*.10.0.0.0/8",
      column: 1,
      why: "'*.' goes before a name, an address range is written with a prefix length, as in 10.0.0.0/8",
    },
    {
      input: "*.10.0.0.1",
      column: 1,
      why: "'*.' goes before a name, an address range is written with a prefix length, as in 10.0.0.0/8",
    },
    {
      input: "1.2.3.4-1.2.3.9",
      column: 1,
      why: "a range of addresses is written with a prefix length, as in 10.0.0.0/8",
    },
    { input: "999.1.1.1", column: 1, why: "the numbers of an IPv4 address are 0 to 255" },
    { input: "10.0.0.256", column: 1, why: "the numbers of an IPv4 address are 0 to 255" },
    { input: "010.0.0.1", column: 1, why: "the numbers of an IPv4 address must not have leading zeros" },
    { input: "10.1", column: 1, why: ADDRESS },
    { input: "1.2.3", column: 1, why: ADDRESS },
    { input: "1.2.3.4.5", column: 1, why: ADDRESS },
    { input: "10", column: 1, why: ADDRESS },
    { input: "2130706433", column: 1, why: ADDRESS },
    { input: "0x7f.1", column: 1, why: ADDRESS },
    { input: "0x7f000001", column: 1, why: ADDRESS },
    { input: "１２７.0.0.1", column: 1, why: "it is another spelling of an IPv4 address, write four decimal numbers" },
    { input: "foo.1", column: 1, why: "its last label is a number, but it is not an IPv4 address" },
    { input: `${LABEL_63}a.test`, column: 1, why: "a label has at most 63 octets" },
    { input: `${NAME_253}b`, column: 1, why: "a name has at most 253 octets" },
    { input: "a..b.com", column: 1, why: "it has an empty label" },
    { input: "example.com..", column: 1, why: "it has an empty label" },
    { input: "*.example.com..", column: 3, why: "it has an empty label" },
    { input: ".example.com", column: 1, why: "write *.example.com for a name and all names under it" },
    { input: "-example.com", column: 1, why: "a name does not begin with a hyphen" },
    { input: "xn--a.com", column: 1, why: "it is not valid under IDNA" },
    { input: "x.com # comment", column: 7, why: "a comment needs a line of its own" },
    { input: "x.com#comment", column: 6, why: "a comment needs a line of its own" },
    { input: "x.com\\", column: 6, why: "a backslash is not allowed, and does not join lines" },
    { input: "x.com\x0b", shown: "x.com\\x0b", column: 6, why: "the character '\\x0b' is not allowed" },
    { input: "\x0cx.com", shown: "\\x0cx.com", column: 1, why: "the character '\\x0c' is not allowed" },
    { input: "x.com\u00a0", shown: "x.com\\xa0", column: 6, why: "the character '\\xa0' is not allowed" },
    { input: "a\rb.com", shown: "a\\x0db.com", column: 2, why: "the character '\\x0d' is not allowed" },
    { input: "a\0b.com", shown: "a\\x00b.com", column: 2, why: "the character '\\x00' is not allowed" },
    { input: "\x1b[31mx", shown: "\\x1b[31mx", column: 1, why: "the character '\\x1b' is not allowed" },
    { input: "a_b!c", column: 1, why: "the character '!' is not allowed" },
  ];
  for (const { input, shown, column, why } of table) {
    test(`'${(shown ?? input).slice(0, 40)}' at column ${column}`, () => {
      const { errors } = parseRules(`ok.test\n${input}\n`);
      expect(errors).toEqual([{
        line: 2,
        column,
        text: input,
        message: `Bad destination '${shown ?? input}': ${why}`,
      }]);
    });
  }

  test("a line after the wildcard, each such line", () => {
    const { errors } = parseRules("*\n# fine\na.test\n\n*\n");
    expect(errors).toEqual([
      { line: 3, column: 1, text: "a.test", message: "Wildcard must be last rule, if present" },
      { line: 5, column: 1, text: "*", message: "Wildcard must be last rule, if present" },
    ]);
  });

  test("all bad lines at once, in order", () => {
    const { rules, errors } = parseRules("a..b\nok.test\n  10.0.0.0/33\n*\nfoo bar\n");
    expect(rules.map((rule) => rule.text)).toEqual(["ok.test", "*"]);
    expect(errors.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
      "1:1 Bad destination 'a..b': it has an empty label",
      "3:12 Bad destination '10.0.0.0/33': prefix length must be 0 to 32",
      "5:1 Wildcard must be last rule, if present",
      "5:4 Bad destination 'foo bar': white space is not allowed inside a destination, write one destination a line",
    ]);
  });
});

describe("parseRules() on hostile text", () => {
  const piece = fc.constantFrom(
    ..."!*./:#%@[]\\ \t\r\n\0-_,".split(""),
    "a",
    "example.com",
    "1.2.3.4",
    "::1",
    "/33",
    "/8",
    "xn--",
    "ü",
    "１",
    "0x7f",
    "\u202e",
    "\ud800",
    "\ufeff",
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
    fc.string({ unit: "binary" }),
  );

  test("never throws, and reports in one printable line each", () => {
    fc.assert(
      fc.property(text, (input) => {
        const { rules, errors, warnings } = parseRules(input);
        expect(rules.length + errors.length).toBeGreaterThan(0);
        for (const problem of [...errors, ...warnings]) {
          for (const line of formatRuleProblem(problem)) expect(line).not.toMatch(/(?! )[\p{C}\p{Z}]/u);
          expect(problem.column).toBeLessThanOrEqual(Array.from(problem.text).length + 1);
        }
        for (const [index, rule] of rules.entries()) expect(rule.number).toBe(index + 1);
      }),
      { numRuns: 2000 },
    );
  });

  test("reads the normal form of every rule as the same rule", () => {
    fc.assert(
      fc.property(text, (input) => {
        for (const rule of parseRules(input).rules) {
          const again = parseRules(formatRule(rule));
          expect(again.errors).toEqual([]);
          expect(again.warnings).toEqual([]);
          expect(again.rules.map((one) => [one.action, formatRule(one)])).toEqual([[rule.action, formatRule(rule)]]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("says something of every text cut at every offset", () => {
    const whole = "# c\r\n!*.BÜCHER.example.\n10.1.2.3/8\n2001:db8::/32\n*\n";
    for (let end = 0; end <= whole.length; end++) {
      const { rules, errors } = parseRules(whole.slice(0, end));
      expect(rules.length + errors.length).toBeGreaterThan(0);
    }
  });
});
