// Proves that the squid lines are the original's, byte for byte. The first two tables are the facts of its own test
// (github.com/openshift/images, egress/http-proxy/egress_http_proxy_test.go); the rest was measured with its script
// in bash 5.2 (C.UTF-8).
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatSquidAcls } from "../../src/policy/squid_format.ts";

describe("formatSquidAcls() prints what the original's test expects of", () => {
  const table = [
    { input: "*", stdout: "\nhttp_access allow all\n" },
    {
      input: "example.com",
      stdout: "\nacl dest1 dstdomain example.com\nhttp_access allow dest1\n\nhttp_access deny all\n",
    },
    {
      input: "!example.com",
      stdout: "\nacl dest1 dstdomain example.com\nhttp_access deny dest1\n\nhttp_access deny all\n",
    },
    {
      input: "*.example.com",
      stdout: "\nacl dest1 dstdomain .example.com\nhttp_access allow dest1\n\nhttp_access deny all\n",
    },
    {
      input: "192.168.1.1",
      stdout: "\nacl dest1 dst 192.168.1.1\nhttp_access allow dest1\n\nhttp_access deny all\n",
    },
    {
      input: "192.168.1.0/24",
      stdout: "\nacl dest1 dst 192.168.1.0/24\nhttp_access allow dest1\n\nhttp_access deny all\n",
    },
    {
      input: "\n!*.example.net\n*\n",
      stdout: "\nacl dest1 dstdomain .example.net\nhttp_access deny dest1\n\nhttp_access allow all\n",
    },
    {
      input: "\n# HTTP proxy config\n\n!*.bad.example.com\n*.example.com\n\n192.168.0.0/16\nfe80::/10\n\n# end\n",
      stdout: "\nacl dest1 dstdomain .bad.example.com\nhttp_access deny dest1\n" +
        "\nacl dest2 dstdomain .example.com\nhttp_access allow dest2\n" +
        "\nacl dest3 dst 192.168.0.0/16\nhttp_access allow dest3\n" +
        "\nacl dest4 dst fe80::/10\nhttp_access allow dest4\n" +
        "\nhttp_access deny all\n",
    },
  ];
  for (const { input, stdout } of table) {
    test(JSON.stringify(input), () => expect(formatSquidAcls(input)).toEqual({ stdout, stderr: "", exitCode: 0 }));
  }

  const bad = [
    { input: "", last: "No EGRESS_HTTP_PROXY_DESTINATION specified" },
    { input: "*\nexample.com", last: "Wildcard must be last rule, if present" },
    { input: "foo bar", last: "Bad destination 'foo bar'" },
  ];
  for (const { input, last } of bad) {
    test(`${JSON.stringify(input)}, which it refuses`, () => {
      const { stdout, stderr, exitCode } = formatSquidAcls(input);
      expect(exitCode).toBe(1);
      expect((stdout + stderr).split("\n").at(-2)).toBe(last);
    });
  }
});

describe("formatSquidAcls() keeps the original's ways:", () => {
  const allow = (value: string, number = 1) => `\nacl dest${number} ${value}\nhttp_access allow dest${number}\n`;
  const DENY_ALL = "\nhttp_access deny all\n";
  const table = [
    { name: "a text of blanks has no rules and is no error", input: " \n", stdout: DENY_ALL },
    { name: "lines of the letter w are skipped", input: "w\nww\nwww\nx.w", stdout: allow("dstdomain x.w") + DENY_ALL },
    { name: "the wildcard may stand before comments", input: "*\n# end\n", stdout: "\nhttp_access allow all\n" },
    { name: "the wildcard twice is once", input: "*\n*", stdout: "\nhttp_access allow all\n" },
    { name: "hexadecimal names are addresses", input: "abc.de", stdout: allow("dst abc.de") + DENY_ALL },
    { name: "an address and port is an address", input: "1.2.3.4:80", stdout: allow("dst 1.2.3.4:80") + DENY_ALL },
    { name: "short addresses are addresses", input: "127.1", stdout: allow("dst 127.1") + DENY_ALL },
    { name: "any digits are a prefix length", input: "1.2.3.4/33", stdout: allow("dst 1.2.3.4/33") + DENY_ALL },
    { name: "one number is a name", input: "2130706433", stdout: allow("dstdomain 2130706433") + DENY_ALL },
    { name: "a trailing dot stays", input: "example.com.", stdout: allow("dstdomain example.com.") + DENY_ALL },
    { name: "UTF-8 stays", input: "bücher.example", stdout: allow("dstdomain bücher.example") + DENY_ALL },
    { name: "a backslash joins lines", input: "example\\\n.com", stdout: allow("dstdomain example.com") + DENY_ALL },
    { name: "a backslash vanishes", input: "exam\\ple.com", stdout: allow("dstdomain example.com") + DENY_ALL },
    {
      name: "a last line that ends in a backslash is never read",
      input: "a.com\nb.com\\",
      stdout: allow("dstdomain a.com") + DENY_ALL,
    },
    { name: "blanks around a line go", input: "\t example.com \t", stdout: allow("dstdomain example.com") + DENY_ALL },
    {
      name: "rules are counted, skipped lines are not",
      input: "#\n\nx.com\n#\ny.com",
      stdout: allow("dstdomain x.com") + allow("dstdomain y.com", 2) + DENY_ALL,
    },
  ];
  for (const { name, input, stdout } of table) {
    test(name, () => expect(formatSquidAcls(input)).toEqual({ stdout, stderr: "", exitCode: 0 }));
  }

  const bad = [
    {
      name: "what came before an error is printed",
      input: "x.com\nfoo bar",
      stdout: `${allow("dstdomain x.com")}\n`,
      message: "Bad destination 'foo bar'",
    },
    { name: "a denied line is named without its sign", input: "!*", stdout: "\n", message: "Bad destination '*'" },
    { name: "a CR stays in the message", input: "x.com\r\n", stdout: "\n", message: "Bad destination 'x.com\r'" },
    { name: "a single letter is bad", input: "a", stdout: "\n", message: "Bad destination 'a'" },
    { name: "an underscore is bad", input: "foo_bar.com", stdout: "\n", message: "Bad destination 'foo_bar.com'" },
    {
      name: "a bad line after the wildcard is a line after the wildcard",
      input: "*\nfoo bar",
      stdout: "",
      message: "Wildcard must be last rule, if present",
    },
    {
      name: "an escaped blank at the end of one word stays",
      input: "x.com\\ ",
      stdout: "\n",
      message: "Bad destination 'x.com '",
    },
    {
      name: "an escaped blank at the end of two words goes",
      input: "x.com y\\ ",
      stdout: "\n",
      message: "Bad destination 'x.com y'",
    },
    {
      name: "an escaped blank at the beginning stays",
      input: " \\ x.com",
      stdout: "\n",
      message: "Bad destination ' x.com'",
    },
  ];
  for (const { name, input, stdout, message } of bad) {
    test(name, () => expect(formatSquidAcls(input)).toEqual({ stdout, stderr: `${message}\n`, exitCode: 1 }));
  }

  test("every text has an end: a closing line, or one line of error", () => {
    const piece = fc.constantFrom(
      "a",
      "w",
      "x.com",
      ".",
      "*",
      "!",
      "\\",
      "\n",
      " ",
      "\t",
      "#",
      "1.2.3.4",
      "/24",
      ":",
      "\r",
      "ü",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")), (text) => {
        const { stdout, stderr, exitCode } = formatSquidAcls(text);
        if (exitCode === 0) expect(stdout).toMatch(/\nhttp_access (?:allow|deny) all\n$/);
        else expect(stderr).toMatch(/^[^\n]+\n$/);
        expect(stderr === "").toBe(exitCode === 0);
      }),
      { numRuns: 1000 },
    );
  });
});
