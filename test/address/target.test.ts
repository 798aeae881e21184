// Proves where a request target leads, in each of its forms, and that what could be read in two ways is refused.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAbsoluteForm, parseAuthorityForm, parseTargetArgument, type Target } from "../../src/address/target.ts";
import { ProxyError } from "../../src/errors.ts";

function show({ host, hostText, port, authority }: Target): string {
  expect(hostText).toBe(
    host.kind === "name" ? host.name : host.address.family === 6 ? `[${host.address.text}]` : host.address.text,
  );
  return `${host.kind} ${hostText} ${port} ${authority}`;
}

/** What a parser makes of a text: its result, or the error's message without its beginning. */
function outcome(parse: () => string): string {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    expect({ code: error.code, status: error.status }).toEqual({ code: "http_request_error", status: 400 });
    expect(error.message).toMatch(/^[\x20-\x7e]+$/);
    return error.message.replace(/^Cannot read the request target: /, "");
  }
}

const ONLY_AUTHORITY = "the target of a CONNECT is host:port and nothing else";
const NEEDS_PORT = "the target of a CONNECT needs a port, as in host:443";
const NEEDS_BRACKETS = "an IPv6 address needs brackets, as in [2001:db8::1]:443";
const NO_USER = "user information is not allowed in the target";

function badPort(text: string): string {
  return `the port must be 1 to 65535 in plain digits: '${text}'`;
}

/** Ports that some parser somewhere reads as another number (A19). */
const BAD_PORTS = [
  "0",
  "00",
  "080",
  "65536",
  "94437",
  "655360",
  "4294967739",
  "18446744073709551695",
  "+80",
  "-80",
  "80x",
  "8 0",
  " 80",
  "80 ",
  "0x50",
  "1e3",
  "８０",
];

describe("parseAuthorityForm()", () => {
  const connect = (text: string) => outcome(() => show(parseAuthorityForm(text)));
  const table = [
    { name: "a name", input: "example.com:443", expected: "name example.com 443 example.com:443" },
    { name: "A19: the lowest port", input: "h:1", expected: "name h 1 h:1" },
    { name: "A19: the highest port", input: "h:65535", expected: "name h 65535 h:65535" },
    { name: "port 80, which stays", input: "h:80", expected: "name h 80 h:80" },
    {
      name: "A1: case and a trailing dot",
      input: "Example.COM.:443",
      expected: "name example.com 443 example.com:443",
    },
    { name: "a name with a leading digit", input: "3com.test:443", expected: "name 3com.test 443 3com.test:443" },
    { name: "IPv4", input: "192.0.2.1:443", expected: "address 192.0.2.1 443 192.0.2.1:443" },
    { name: "A3: short IPv4", input: "0:443", expected: "address 0.0.0.0 443 0.0.0.0:443" },
    { name: "IPv6", input: "[::1]:443", expected: "address [::1] 443 [::1]:443" },
    { name: "A4: IPv4-mapped IPv6", input: "[::ffff:1.2.3.4]:443", expected: "address 1.2.3.4 443 1.2.3.4:443" },
    {
      name: "A14: UTF-8",
      input: "b\xc3\xbccher.example:443",
      expected: "name xn--bcher-kva.example 443 xn--bcher-kva.example:443",
    },
    { name: "no port", input: "example.com", expected: NEEDS_PORT },
    { name: "an empty port", input: "example.com:", expected: NEEDS_PORT },
    { name: "no port behind brackets", input: "[::1]", expected: NEEDS_PORT },
    { name: "an empty port behind brackets", input: "[::1]:", expected: NEEDS_PORT },
    { name: "nothing", input: "", expected: NEEDS_PORT },
    { name: "a colon", input: ":", expected: NEEDS_PORT },
    { name: "no host", input: ":443", expected: "Cannot read host '': it is empty" },
    { name: "IPv6 without brackets", input: "::1:443", expected: NEEDS_BRACKETS },
    { name: "two ports", input: "example.com:443:443", expected: NEEDS_BRACKETS },
    {
      name: "A2: IPv4 in brackets",
      input: "[127.0.0.5]:443",
      expected: "Cannot read host '[127.0.0.5]': brackets hold an IPv6 address and nothing else",
    },
    {
      name: "A2: a name in brackets",
      input: "[a.test]:443",
      expected: "Cannot read host '[a.test]': brackets hold an IPv6 address and nothing else",
    },
    {
      name: "text between bracket and port",
      input: "[::1]x:443",
      expected: "only a port may follow the closing bracket of an address",
    },
    {
      name: "A16: a zone id",
      input: "[::1%25lo]:443",
      expected: "Cannot read host '[::1%25lo]': a zone id is not allowed",
    },
    {
      name: "a percent-escape",
      input: "a%00b:443",
      expected: "Cannot read host 'a%00b': a percent-escape or zone id is not allowed",
    },
    { name: "NUL", input: "a\0b:443", expected: "Cannot read host 'a\\x00b': a control character is not allowed" },
    {
      name: "300 letters",
      input: `${"a".repeat(300)}:443`,
      expected: `Cannot read host '${"a".repeat(300)}': a name has at most 253 octets`,
    },
    {
      name: "user information",
      input: "user:pw@h:443",
      expected: "user information is not allowed in the target of a CONNECT",
    },
    { name: "a URL", input: "http://h:443/", expected: ONLY_AUTHORITY },
    { name: "a path", input: "h:443/path", expected: ONLY_AUTHORITY },
    { name: "a query", input: "h:443?x", expected: ONLY_AUTHORITY },
    { name: "a fragment", input: "h:443#f", expected: ONLY_AUTHORITY },
    { name: "origin-form", input: "/", expected: ONLY_AUTHORITY },
    { name: "asterisk-form", input: "*", expected: ONLY_AUTHORITY },
    {
      name: "a backslash",
      input: "h\\:443",
      expected: "Cannot read host 'h\\x5c': the character '\\x5c' is not allowed",
    },
  ];
  for (const { name, input, expected } of table) {
    test(`answers to ${name}: '${input.slice(0, 40).replaceAll(/[^ -~]/g, "?")}'`, () => {
      expect(connect(input)).toBe(expected);
    });
  }
  for (const port of BAD_PORTS.filter((text) => !/[^\0-\xff]/.test(text))) {
    test(`A19: refuses the port '${port}'`, () => expect(connect(`h:${port}`)).toBe(badPort(port)));
  }
});

describe("parseAbsoluteForm()", () => {
  const get = (text: string) =>
    outcome(() => {
      const { target, originForm, isBare } = parseAbsoluteForm(text);
      return `${show(target)} ${originForm}${isBare ? " bare" : ""}`;
    });
  const H = "name h 80 h";
  const PRINTABLE = "only printable ASCII is allowed in a request target, the rest is percent-encoded";
  const table = [
    { name: "a path", input: "http://h/a/b", expected: `${H} /a/b` },
    { name: "a path and query", input: "http://h/a?b=c&d", expected: `${H} /a?b=c&d` },
    { name: "the root", input: "http://h/", expected: `${H} /` },
    { name: "no path", input: "http://h", expected: `${H} / bare` },
    { name: "a query without a path", input: "http://h?x=/y", expected: `${H} /?x=/y` },
    { name: "an empty query without a path", input: "http://h?", expected: `${H} /?` },
    { name: "upper-case scheme", input: "HTTP://h/", expected: `${H} /` },
    { name: "mixed-case scheme", input: "hTtP://h/", expected: `${H} /` },
    { name: "a port", input: "http://h:8080/", expected: "name h 8080 h:8080 /" },
    { name: "port 80, which is left out", input: "http://h:80/", expected: `${H} /` },
    { name: "port 443, which is kept", input: "http://h:443/", expected: "name h 443 h:443 /" },
    { name: "an empty port", input: "http://h:/", expected: `${H} /` },
    { name: "an empty port without a path", input: "http://h:", expected: `${H} / bare` },
    { name: "the highest port", input: "http://h:65535/", expected: "name h 65535 h:65535 /" },
    {
      name: "A1: case and trailing dot",
      input: "http://Example.COM./P",
      expected: "name example.com 80 example.com /P",
    },
    { name: "IPv6", input: "http://[2001:DB8::1]:81/x", expected: "address [2001:db8::1] 81 [2001:db8::1]:81 /x" },
    { name: "IPv6 without a port", input: "http://[::1]", expected: "address [::1] 80 [::1] / bare" },
    { name: "A3: hexadecimal IPv4", input: "http://0x7f.1/", expected: "address 127.0.0.1 80 127.0.0.1 /" },
    {
      name: "A14: UTF-8 in the host",
      input: "http://b\xc3\xbccher.example/",
      expected: "name xn--bcher-kva.example 80 xn--bcher-kva.example /",
    },
    {
      name: "path octets untouched",
      input: "http://h/a/../b/./%7e%2F//c;d='e'(f)[g]{h}|^`<>\"",
      expected: `${H} /a/../b/./%7e%2F//c;d='e'(f)[g]{h}|^\`<>"`,
    },
    { name: "an at sign in the path", input: "http://h/a@b", expected: `${H} /a@b` },
    { name: "an at sign in the query", input: "http://h?a@b", expected: `${H} /?a@b` },
    { name: "a URL in the path", input: "http://h/http://g:1/", expected: `${H} /http://g:1/` },
    { name: "a bad percent-escape, which is the server's to judge", input: "http://h/%zz", expected: `${H} /%zz` },
    { name: "https", input: "https://h/", expected: "https is not proxied by its URL, use CONNECT host:443" },
    {
      name: "upper-case HTTPS",
      input: "HTTPS://h/",
      expected: "https is not proxied by its URL, use CONNECT host:443",
    },
    { name: "ftp", input: "ftp://h/", expected: "only http is proxied by its URL, not 'ftp', use CONNECT host:port" },
    { name: "ws", input: "ws://h/", expected: "only http is proxied by its URL, not 'ws', use CONNECT host:port" },
    {
      name: "cache_object",
      input: "cache-object://h/",
      expected: "only http is proxied by its URL, not 'cache-object', use CONNECT host:port",
    },
    {
      name: "a scheme that only begins with http",
      input: "httpx://h/",
      expected: "only http is proxied by its URL, not 'httpx', use CONNECT host:port",
    },
    { name: "one slash", input: "http:/h/", expected: "a URL begins with http://" },
    { name: "no slash", input: "http:h", expected: "a URL begins with http://" },
    { name: "backslashes for slashes", input: "http:\\\\h\\", expected: "a URL begins with http://" },
    {
      name: "origin-form",
      input: "/secret?token",
      expected: "this is a proxy, send the whole URL (http://host/path) or use CONNECT host:port",
    },
    {
      name: "origin-form of two slashes",
      input: "//h/",
      expected: "this is a proxy, send the whole URL (http://host/path) or use CONNECT host:port",
    },
    {
      name: "asterisk-form",
      input: "*",
      expected: "the request names no target, send the whole URL (http://host/path)",
    },
    { name: "nothing", input: "", expected: "the request names no target, send the whole URL (http://host/path)" },
    {
      name: "authority-form",
      input: "h.test:443",
      expected: "this is a proxy, send the whole URL (http://host/path), or use CONNECT for host:port",
    },
    {
      name: "a urn",
      input: "urn:isbn:1",
      expected: "this is a proxy, send the whole URL (http://host/path), or use CONNECT for host:port",
    },
    { name: "no host", input: "http:///x", expected: "Cannot read host '': it is empty" },
    { name: "no host but a port", input: "http://:80/x", expected: "Cannot read host '': it is empty" },
    { name: "nothing behind the scheme", input: "http://", expected: "Cannot read host '': it is empty" },
    { name: "user information", input: "http://user:secret@h/", expected: NO_USER },
    { name: "empty user information", input: "http://@h/", expected: NO_USER },
    { name: "an at sign behind the port", input: "http://h:80@g/", expected: NO_USER },
    {
      name: "a password with a slash",
      input: "http://user:se/cret@h/",
      expected: "it has no valid host before the path, and user information is not allowed",
    },
    { name: "a fragment", input: "http://h/a#f", expected: "a fragment is not allowed in a request target" },
    {
      name: "a fragment behind the host",
      input: "http://h#f",
      expected: "a fragment is not allowed in a request target",
    },
    {
      name: "a backslash behind the host",
      input: "http://h\\@denied.test/",
      expected: "a backslash is not allowed in a request target",
    },
    {
      name: "a backslash in the path",
      input: "http://h/a\\b",
      expected: "a backslash is not allowed in a request target",
    },
    { name: "a space in the path", input: "http://h/a b", expected: PRINTABLE },
    { name: "a tab in the path", input: "http://h/a\tb", expected: PRINTABLE },
    { name: "CR LF in the path", input: "http://h/a\r\nb", expected: PRINTABLE },
    { name: "NUL in the query", input: "http://h/?a\0", expected: PRINTABLE },
    { name: "DEL in the path", input: "http://h/\x7f", expected: PRINTABLE },
    { name: "UTF-8 in the path", input: "http://h/\xc3\xbc", expected: PRINTABLE },
    { name: "a space before the host", input: "http:// h/", expected: "Cannot read host ' h': a space is not allowed" },
    { name: "IPv6 without brackets", input: "http://::1/", expected: NEEDS_BRACKETS },
    {
      name: "A16: a zone id",
      input: "http://[fe80::1%25eth0]/",
      expected: "Cannot read host '[fe80::1%25eth0]': a zone id is not allowed",
    },
  ];
  for (const { name, input, expected } of table) {
    test(`answers to ${name}: '${input.replaceAll(/[^ -~]/g, "?")}'`, () => expect(get(input)).toBe(expected));
  }
  for (const port of BAD_PORTS.filter((text) => !/[^\0-\xff]/.test(text))) {
    test(`A19: refuses the port '${port}'`, () => expect(get(`http://h:${port}/`)).toBe(badPort(port)));
  }

  test("never repeats user information, a path or a query in an error", () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string(), (user, rest) => {
      for (
        const input of [
          `http://SECRET${user}@h/SECRET${rest}`,
          `http://h:0/SECRET${rest}`,
          `/SECRET${user}`,
          `http://u:SECRET@${rest}`,
        ]
      ) {
        expect(get(input).startsWith("name") ? "" : get(input)).not.toContain("SECRET");
      }
      expect(outcome(() => show(parseAuthorityForm(`u:SECRET@${rest}`)))).not.toContain("SECRET");
    }));
  });
});

describe("parseAbsoluteForm(), time and again", () => {
  test("gives the same for the same text, whatever came between", () => {
    const texts = Array.from({ length: 600 }, (_, index) => `http://h${index}.test:${index + 1000}/p?q`);
    const first = texts.map((text) => parseAbsoluteForm(text));
    const second = texts.map((text) => parseAbsoluteForm(text));
    expect(second).toEqual(first);
    expect(second.map(({ target }) => target.authority)).toEqual(
      texts.map((_, index) => `h${index}.test:${index + 1000}`),
    );
  });

  test("refuses the same text each time", () => {
    for (let time = 0; time < 3; time++) {
      expect(() => parseAbsoluteForm("http://a_b%2f/")).toThrow("Cannot read");
      expect(parseAbsoluteForm("http://again.test/").target.port).toBe(80);
      expect(() => parseAbsoluteForm("http://u@again.test/")).toThrow("user information");
    }
  });
});

describe("parseTargetArgument()", () => {
  const explain = (text: string) => outcome(() => show(parseTargetArgument(text)));
  const table = [
    { name: "a host", input: "example.com", expected: "name example.com 443 example.com" },
    { name: "host:port", input: "example.com:80", expected: "name example.com 80 example.com:80" },
    {
      name: "a host in Unicode",
      input: "bücher.example",
      expected: "name xn--bcher-kva.example 443 xn--bcher-kva.example",
    },
    { name: "IPv4", input: "192.0.2.1", expected: "address 192.0.2.1 443 192.0.2.1:443" },
    { name: "IPv6", input: "2001:db8::1", expected: "address [2001:db8::1] 443 [2001:db8::1]:443" },
    { name: "IPv6 in brackets", input: "[2001:db8::1]", expected: "address [2001:db8::1] 443 [2001:db8::1]" },
    { name: "IPv6 with a port", input: "[2001:db8::1]:80", expected: "address [2001:db8::1] 80 [2001:db8::1]:80" },
    { name: "an http URL", input: "http://h/p?q#f", expected: "name h 80 h" },
    { name: "an https URL", input: "https://h/p", expected: "name h 443 h" },
    { name: "an https URL with a port", input: "HTTPS://H:8443/", expected: "name h 8443 h:8443" },
    { name: "a ws URL", input: "ws://h", expected: "name h 80 h" },
    { name: "a wss URL", input: "wss://h", expected: "name h 443 h" },
    {
      name: "an ftp URL",
      input: "ftp://h/",
      expected: "a URL to explain begins with http://, https://, ws:// or wss://",
    },
    { name: "a URL with user information", input: "https://u:SECRET@h/", expected: NO_USER },
    { name: "user information alone", input: "u:SECRET@h", expected: NO_USER },
    {
      name: "a path without a scheme",
      input: "h/p",
      expected: "Cannot read host 'h/p': the character '/' is not allowed",
    },
    { name: "nothing", input: "", expected: "Cannot read host '': it is empty" },
    { name: "a bad port", input: "h:0", expected: badPort("0") },
  ];
  for (const { name, input, expected } of table) {
    test(`answers to ${name}: '${input}'`, () => expect(explain(input)).toBe(expected));
  }
});

describe("every target parser", () => {
  const parsers = [
    { name: "parseAuthorityForm", parse: (text: string) => show(parseAuthorityForm(text)) },
    { name: "parseAbsoluteForm", parse: (text: string) => show(parseAbsoluteForm(text).target) },
    { name: "parseTargetArgument", parse: (text: string) => show(parseTargetArgument(text)) },
  ];
  const whole = [
    "http://user@[2001:db8::1]:8080/p?q#f",
    "http://b\xc3\xbccher.example.:65535/%41\\",
    "[::ffff:1.2.3.4]:443",
    "https://h:1/",
  ];
  const piece = fc.constantFrom(
    "http://",
    "HTTP:",
    "https://",
    "h",
    ".",
    ":",
    "80",
    "@",
    "[",
    "]",
    "::1",
    "/",
    "?",
    "#",
    "\\",
    "%",
    " ",
    "\0",
    "\xff",
    "0x7f",
  );
  for (const { name, parse } of parsers) {
    test(`${name}() throws nothing but its error for a text cut at every offset`, () => {
      for (const text of whole) {
        for (let end = 0; end <= text.length; end++) expect(outcome(() => parse(text.slice(0, end)))).not.toBe("");
      }
    });
    test(`${name}() throws nothing but its error for hostile text`, () => {
      const text = fc.oneof(
        fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
        fc.string({ unit: "binary" }),
      );
      fc.assert(fc.property(text, (input) => expect(outcome(() => parse(input))).not.toBe("")), { numRuns: 2000 });
    });
  }

  test("reads back the authority that it made", () => {
    fc.assert(fc.property(fc.array(piece, { maxLength: 8 }).map((pieces) => `http://${pieces.join("")}`), (text) => {
      let target: Target;
      try {
        target = parseAbsoluteForm(text).target;
      } catch {
        return;
      }
      expect(parseAbsoluteForm(`http://${target.authority}/`).target).toEqual(target);
      expect(parseAuthorityForm(`${target.hostText}:${target.port}`).host).toEqual(target.host);
    }));
  });
});
