// Tests what a CONNECT may name (RFC 9110 §9.3.6, RFC 9112 §3.2.3): host and port, both written plainly. Everything else
// is refused, and a refused CONNECT ends its connection (RFC 9931).
import { expect, test } from "bun:test";
import { connectRaw } from "../support/raw_client.ts";
import { utf8 } from "../support/raw_connection.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { fill, malformed, type RefusedCase, testRefused } from "../support/refusal_table.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

/** A CONNECT to this target. */
function connect(target: string, ...fields: string[]): string {
  return [`CONNECT ${target} HTTP/1.1`, `Host: {o}`, ...fields, "", ""].join("\r\n");
}

const BAD_TARGETS: readonly (readonly [what: string, target: string])[] = [
  ["no port", "{h}"],
  ["an empty port", "{h}:"],
  ["A19 port 0", "{h}:0"],
  ["A19 port 65536", "{h}:65536"],
  ["A19 port 94437", "{h}:94437"],
  ["A19 a port of 20 digits", "{h}:18446744073709551617"],
  ["A19 a port that wraps to a good one", "{h}:4294967376"],
  ["A19 a port with a leading zero", "{h}:0{p}"],
  ["A19 a port with a plus sign", "{h}:+{p}"],
  ["A19 a port with a minus sign", "{h}:-{p}"],
  ["A19 a blank before the port", "{h}: {p}"],
  ["A19 a hexadecimal port", "{h}:0x50"],
  ["A19 a port with a letter behind it", "{h}:{p}x"],
  ["A19 a port in full-width digits", `{h}:${utf8("８０")}`],
  ["A19 a port by its service name", "{h}:http"],
  ["a path", "{h}:{p}/path"],
  ["a slash", "{h}:{p}/"],
  ["a query", "{h}:{p}?x"],
  ["P36 a fragment", "{h}:{p}#f"],
  ["P35 user information", "user:pw@{h}:{p}"],
  ["P35 a user name", "user@{h}:{p}"],
  ["P35 an at sign alone", "@{h}:{p}"],
  ["a URL", "http://{h}:{p}/"],
  ["a URL without a path", "http://{h}:{p}"],
  ["origin-form", "/"],
  ["asterisk-form", "*"],
  ["no host", ":{p}"],
  ["IPv6 without brackets", "::1:{p}"],
  ["two ports", "{h}:{p}:{p}"],
  ["A2 brackets round IPv4", "[127.0.0.1]:{p}"],
  ["A2 brackets round a name", "[denied.test]:{p}"],
  ["A2 empty brackets", "[]:{p}"],
  ["A2 a bracket not closed", "[::1:{p}"],
  ["A2 a bracket not opened", "::1]:{p}"],
  ["A2 brackets with something behind", "[::1]x:{p}"],
  ["A2 brackets with something before", "x[::1]:{p}"],
  ["A2 double brackets", "[[::1]]:{p}"],
  ["A2 IPv6 of nine groups", "[1:2:3:4:5:6:7:8:9]:{p}"],
  ["A2 IPv6 with two gaps", "[1::2::3]:{p}"],
  ["A2 IPvFuture", "[v1.x]:{p}"],
  ["A16 a zone id", "[::1%25lo]:{p}"],
  ["A16 a zone id without escape", "[fe80::1%lo]:{p}"],
  ["A16 a zone id on IPv4", "127.0.0.1%25lo:{p}"],
  ["P36 a percent-encoded NUL", "a%00b:{p}"],
  ["P36 a percent-encoded dot", "127.0.0.6%2e:{p}"],
  ["P36 a percent-encoded line end", "denied.test%0d%0aX-Injected:%20yes:{p}"],
  ["P36 a backslash", "{h}\\@denied.test:{p}"],
  ["A15 a host of 300 letters", `${"a".repeat(300)}:{p}`],
  ["A15 a label of 64 octets", `${"a".repeat(64)}.test:{p}`],
  ["A15 a name of 254 octets", `${"a23456789.".repeat(25)}test:{p}`],
  ["A1 two trailing dots", "a.test..:{p}"],
  ["A1 an empty label", "a..test:{p}"],
  ["A1 a leading dot", ".a.test:{p}"],
  ["A1 a dot alone", ".:{p}"],
  ["A3 IPv4 of five parts", "1.2.3.4.5:{p}"],
  ["A3 an IPv4 part over 255", "127.0.0.256:{p}"],
  ["A3 a number over 2^32", "4294967296:{p}"],
  ["A3 a bad octal number", "127.0.0.08:{p}"],
  ["A3 a name that ends in a number", "a.test.1:{p}"],
  ["A3 a name that ends in 0x", "a.test.0x1:{p}"],
  ["A14 UTF-8 that is none", "b\xfccher.test:{p}"],
  ["A14 overlong UTF-8", "a\xc0\xae.test:{p}"],
  ["A14 a punycode label that is none", "xn--\xff.test:{p}"],
  ...["<", ">", "^", "|", "%", "@", "?", "\\", "[", "]"].map((character) =>
    [`a host with the forbidden ${character}`, `a${character}b.test:{p}`] as const
  ),
];

const CASES: readonly RefusedCase[] = [
  ...BAD_TARGETS.map(([what, target]) => ({ name: `CONNECT to ${what}`, send: connect(target), expect: malformed() })),
  { name: "P16 CONNECT to a NUL in the target", send: connect("a\0b.test:{p}"), expect: malformed() },
  { name: "CONNECT with two Hosts", send: connect("{o}", "Host: {o}"), expect: malformed(/host/i) },
  { name: "P22 CONNECT with CL", send: connect("{o}", "Content-Length: 5"), expect: malformed() },
  { name: "P22 CONNECT with TE", send: connect("{o}", "Transfer-Encoding: chunked"), expect: malformed() },
  {
    name: "P22 CONNECT with CL 0 and TE",
    send: connect("{o}", "Content-Length: 0", "Transfer-Encoding: chunked"),
    expect: malformed(),
  },
  { name: "P22 CONNECT with a bad CL", send: connect("{o}", "Content-Length: +0"), expect: malformed() },
  { name: "P12 CONNECT with LF lines", send: "CONNECT {o} HTTP/1.1\nHost: {o}\n\n", expect: malformed() },
  {
    name: "P18 CONNECT with HTTP/2.0",
    send: "CONNECT {o} HTTP/2.0\r\nHost: {o}\r\n\r\n",
    expect: malformed(undefined, 505),
  },
  { name: "CONNECT in lower case", send: "connect {o} HTTP/1.1\r\nHost: {o}\r\n\r\n", expect: malformed() },
];

const DENIED = (says: RegExp) => ({ status: 403, error: "http_request_denied", says });

/** Refused by rule: the line that decided is named. */
const DENIED_CASES: readonly RefusedCase[] = [
  {
    name: "P23 CONNECT to a denied name",
    send: connect("denied.test:{p}"),
    expect: DENIED(/line 1\b.*!denied\.test|!denied\.test.*line 1\b/),
  },
  {
    name: "A1 CONNECT to a denied name with a trailing dot",
    send: connect("denied.test.:{p}"),
    expect: DENIED(/!denied\.test/),
  },
  {
    name: "A1 CONNECT to a denied name in upper case",
    send: connect("DENIED.Test:{p}"),
    expect: DENIED(/!denied\.test/),
  },
  {
    name: "A14 CONNECT to a denied name in full-width letters",
    send: connect(`${utf8("ｄｅｎｉｅｄ．ｔｅｓｔ")}:{p}`),
    expect: DENIED(/!denied\.test/),
  },
  {
    name: "A14 CONNECT to a denied name with an ideographic full stop",
    send: connect(`denied${utf8("。")}test:{p}`),
    expect: DENIED(/!denied\.test/),
  },
  {
    name: "A14 CONNECT to a denied name with a soft hyphen",
    send: connect(`den${utf8("\u00ad")}ied.test:{p}`),
    expect: DENIED(/!denied\.test/),
  },
  {
    name: "A14 CONNECT to a denied name in UTF-8",
    send: connect(`www.${utf8("bücher")}.deniedzone.test:{p}`),
    expect: DENIED(/!\*\.deniedzone\.test/),
  },
  { name: "CONNECT under a denied name", send: connect("a.b.deniedzone.test:{p}"), expect: DENIED(/line 2\b/) },
  { name: "CONNECT to the apex of a denied zone", send: connect("deniedzone.test:{p}"), expect: DENIED(/line 2\b/) },
  { name: "CONNECT to a denied address", send: connect("127.0.0.66:{p}"), expect: DENIED(/line 3\b/) },
  {
    name: "A3 CONNECT to a denied address as a number",
    send: connect("2130706498:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A3 CONNECT to a denied address in octal",
    send: connect("0177.0.0.0102:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A3 CONNECT to a denied address in hexadecimal",
    send: connect("0x7f.0.0.0x42:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A3 CONNECT to a denied address in short form",
    send: connect("127.66:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A1 CONNECT to a denied address with a trailing dot",
    send: connect("127.0.0.66.:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A14 CONNECT to a denied address in full-width digits",
    send: connect(`${utf8("１２７.0.0.66")}:{p}`),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A4 CONNECT to a denied address mapped into IPv6",
    send: connect("[::ffff:127.0.0.66]:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A4 CONNECT to a denied address mapped, in hexadecimal",
    send: connect("[::ffff:7f00:42]:{p}"),
    expect: DENIED(/!127\.0\.0\.66/),
  },
  {
    name: "A5 CONNECT to a denied address through NAT64",
    send: connect("[64:ff9b::7f00:42]:{p}"),
    expect: DENIED(/line 3\b/),
  },
  {
    name: "A4 CONNECT to loopback as an IPv4-compatible address",
    send: connect("[::127.0.0.1]:{p}"),
    expect: DENIED(/./),
  },
  { name: "A6 CONNECT to 0", send: connect("0:{p}"), expect: DENIED(/./) },
  { name: "A6 CONNECT to 0.0.0.0", send: connect("0.0.0.0:{p}"), expect: DENIED(/./) },
  { name: "A6 CONNECT to [::]", send: connect("[::]:{p}"), expect: DENIED(/./) },
  { name: "A6 CONNECT to a link-local address", send: connect("[fe80::1]:{p}"), expect: DENIED(/./) },
  { name: "A7 CONNECT to the metadata address", send: connect("169.254.169.254:80"), expect: DENIED(/./) },
  { name: "A6 CONNECT to multicast", send: connect("224.0.0.1:{p}"), expect: DENIED(/./) },
  { name: "A6 CONNECT to broadcast", send: connect("255.255.255.255:{p}"), expect: DENIED(/./) },
];

interface TunnelledCase {
  readonly name: string;
  readonly send: string;
  readonly address?: string;
}

const TUNNELLED: readonly TunnelledCase[] = [
  { name: "plain address and port", send: connect("{o}") },
  { name: "without a Host", send: "CONNECT {o} HTTP/1.1\r\n\r\n" },
  { name: "with a Host that lacks the port", send: "CONNECT {o} HTTP/1.1\r\nHost: {h}\r\n\r\n" },
  { name: "with another Host", send: "CONNECT {o} HTTP/1.1\r\nHost: denied.test:443\r\n\r\n" },
  { name: "HTTP/1.0", send: "CONNECT {o} HTTP/1.0\r\n\r\n" },
  { name: "P22 CL 0", send: connect("{o}", "Content-Length: 0") },
  { name: "A3 a number for the address", send: connect("2130706433:{p}") },
  { name: "A3 hexadecimal for the address", send: connect("0x7f.1:{p}") },
  { name: "A3 octal for the address", send: connect("0177.0.0.1:{p}") },
  { name: "A3 a short address", send: connect("127.1:{p}") },
  { name: "A1 an address with a trailing dot", send: connect("127.0.0.1.:{p}") },
  { name: "A4 IPv4 mapped into IPv6", send: connect("[::ffff:127.0.0.1]:{p}") },
  { name: "IPv6 loopback", send: connect("[::1]:{p}"), address: "::1" },
  { name: "IPv6 loopback at full length", send: connect("[0:0:0:0:0:0:0:1]:{p}"), address: "::1" },
];

behaviour("Targets of CONNECT", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  testRefused(proxy, CASES);
  testRefused(proxy, DENIED_CASES);

  for (const tunnelled of TUNNELLED) {
    test(`CONNECT, ${tunnelled.name}: a tunnel`, async () => {
      await using origin = await Origin.start({ address: tunnelled.address ?? "127.0.0.1" });
      await using client = await connectRaw(proxy());
      await client.send(fill(tunnelled.send, origin));
      const upstream = await origin.accept();
      expect((await client.readResponse("CONNECT")).startLine).toBe("HTTP/1.1 200 Connection established");
      await client.send("ping");
      expect(await upstream.read(4)).toBe("ping");
      await upstream.send("pong");
      expect(await client.read(4)).toBe("pong");
    });
  }

  test("A18 a rule on an address closes every port of it, a node's and an API server's too", async () => {
    for (const port of [22, 443, 6443, 10250, 22623, 22624, 65535]) {
      await using client = await connectRaw(proxy());
      await client.send(`CONNECT 127.0.0.66:${port} HTTP/1.1\r\n\r\n`);
      expect([port, (await client.readResponse("CONNECT")).status]).toEqual([port, 403]);
    }
  });

  test("P23 a request sent only after a refused CONNECT is not read either", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(connect("denied.test:443").replaceAll("{o}", "denied.test"));
    expect((await client.readResponse()).status).toBe(403);
    await client.send(`GET http://${origin.authority}/later HTTP/1.1\r\nHost: h\r\n\r\n`);
    const end = await client.readToEnd();
    expect(end.octets).toBe("");
    expect(origin.connections.length).toBe(0);
  });
});
