// Tests what a plain request may name (RFC 9112 §3.2.2): an http URL in absolute-form, whose authority alone decides.
import { expect, test } from "bun:test";
import { expectRefusal } from "../support/expectations.ts";
import { connectRaw } from "../support/raw_client.ts";
import { utf8 } from "../support/raw_connection.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { fill, malformed, type RefusedCase, testRefused } from "../support/refusal_table.ts";
import { startProxy } from "../support/launcher.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

/** A GET of this target. */
function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: {o}\r\n\r\n`;
}

const CASES: readonly RefusedCase[] = [
  ...["/", "/index.html", "/healthz", "/metrics", "/readyz", "/squid-internal-mgr/menu"].map((target) => ({
    name: `A23 origin-form ${target} says that this is a proxy`,
    send: get(target),
    expect: malformed(/proxy/i),
  })),
  { name: "asterisk-form with OPTIONS", send: "OPTIONS * HTTP/1.1\r\nHost: {o}\r\n\r\n", expect: malformed() },
  { name: "asterisk-form with GET", send: get("*"), expect: malformed() },
  { name: "authority-form with GET", send: get("{o}"), expect: malformed() },
  ...[
    "https://{o}/",
    "HTTPS://{o}/",
    "ftp://{o}/file",
    "ws://{o}/",
    "wss://{o}/",
    "gopher://{o}/",
    "cache_object://{o}/menu",
    "unix://{o}/",
  ].map((target) => ({
    name: `P37 ${target} says to use CONNECT`,
    send: get(target),
    expect: malformed(/CONNECT/),
  })),
  ...["urn:isbn:0451450523", "javascript:alert(1)", "mailto:a@b.test", "file:///etc/passwd", "data:,x"].map((
    target,
  ) => ({
    name: `P37 ${target}`,
    send: get(target),
    expect: malformed(),
  })),
  { name: "P37 one slash", send: get("http:/{o}/"), expect: malformed() },
  { name: "P37 no slash", send: get("http:{o}"), expect: malformed() },
  { name: "P37 three slashes", send: get("http:///{o}/"), expect: malformed() },
  { name: "P37 no scheme", send: get("://{o}/"), expect: malformed() },
  { name: "P37 scheme-relative", send: get("//{o}/"), expect: malformed() },
  { name: "P37 backslashes", send: get("http:\\\\{o}\\"), expect: malformed() },
  { name: "P35 user and password", send: get("http://user:secret@{o}/"), expect: malformed() },
  { name: "P35 user", send: get("http://user@{o}/"), expect: malformed() },
  { name: "P35 empty user information", send: get("http://@{o}/"), expect: malformed() },
  { name: "P35 an encoded at sign", send: get("http://user%40{o}/"), expect: malformed() },
  { name: "P36 a fragment", send: get("http://{o}/a#f"), expect: malformed() },
  { name: "P36 a fragment behind the authority", send: get("http://{o}#f"), expect: malformed() },
  { name: "P36 a fragment before another host", send: get("http://{o}#@denied.test/"), expect: malformed() },
  { name: "P36 a backslash in the authority", send: get("http://{h}\\@denied.test/"), expect: malformed() },
  { name: "P36 a backslash in the path", send: get("http://{o}/a\\b"), expect: malformed() },
  { name: "P36 an octet over 7F in the path", send: get("http://{o}/\xe4"), expect: malformed() },
  { name: "P36 UTF-8 in the query", send: get(`http://{o}/?q=${utf8("ä")}`), expect: malformed() },
  { name: "P36 an encoded NUL in the host", send: get("http://a%00b/"), expect: malformed() },
  {
    name: "P36 an encoded line end in the host",
    send: get("http://denied.test%0d%0aX-Injected:%20yes/"),
    expect: malformed(),
  },
  { name: "P36 an encoded dot in the host", send: get("http://127.0.0.66%2e/"), expect: malformed() },
  { name: "A19 port 0", send: get("http://{h}:0/"), expect: malformed() },
  { name: "A19 port 65536", send: get("http://{h}:65536/"), expect: malformed() },
  { name: "A19 a port that wraps", send: get("http://{h}:4294967376/"), expect: malformed() },
  { name: "A19 a port with a plus sign", send: get("http://{h}:+{p}/"), expect: malformed() },
  { name: "A19 a port with a leading zero", send: get("http://{h}:0{p}/"), expect: malformed() },
  { name: "A19 a port with letters", send: get("http://{h}:{p}x/"), expect: malformed() },
  { name: "A19 a hexadecimal port", send: get("http://{h}:0x50/"), expect: malformed() },
  { name: "no host", send: get("http:///"), expect: malformed() },
  { name: "a port without a host", send: get("http://:{p}/"), expect: malformed() },
  { name: "a query without a host", send: get("http://?x"), expect: malformed() },
  { name: "A2 brackets round IPv4", send: get("http://[127.0.0.1]:{p}/"), expect: malformed() },
  { name: "A2 brackets round a name", send: get("http://[denied.test]/"), expect: malformed() },
  { name: "A2 a bracket not closed", send: get("http://[::1/"), expect: malformed() },
  { name: "A16 a zone id", send: get("http://[fe80::1%25eth0]/"), expect: malformed() },
  { name: "A1 two trailing dots", send: get("http://a.test../"), expect: malformed() },
  { name: "A1 an empty label", send: get("http://a..test/"), expect: malformed() },
  { name: "A3 IPv4 of five parts", send: get("http://1.2.3.4.5/"), expect: malformed() },
  { name: "A3 an IPv4 part over 255", send: get("http://256.0.0.1/"), expect: malformed() },
  { name: "A15 a label of 64 octets", send: get(`http://${"a".repeat(64)}.test/`), expect: malformed() },
  { name: "A15 a name of 254 octets", send: get(`http://${"a23456789.".repeat(25)}test/`), expect: malformed() },
  ...["<", ">", "^", "|", "%", "[", "]"].map((character) => ({
    name: `a host with the forbidden ${character}`,
    send: get(`http://a${character}b.test/`),
    expect: malformed(),
  })),
];

/** What a plain request names, and that the same rules hold for it as for a CONNECT. */
const DENIED: readonly (readonly [name: string, authority: string, says: RegExp])[] = [
  ["a denied name", "denied.test", /line 1\b/],
  ["A1 a denied name with a trailing dot", "denied.test.", /line 1\b/],
  ["A1 a denied name in upper case", "DENIED.TEST:80", /line 1\b/],
  ["A14 a denied name in full-width letters", utf8("ｄｅｎｉｅｄ.test"), /line 1\b/],
  ["A24 the apex of a denied zone", "deniedzone.test", /line 2\b/],
  ["a name under a denied zone", "x.y.deniedzone.test", /line 2\b/],
  ["a denied address", "127.0.0.66", /line 3\b/],
  ["A3 a denied address as a number", "2130706498", /line 3\b/],
  ["A3 a denied address in octal", "0177.0.0.0102", /line 3\b/],
  ["A3 a denied address in hexadecimal", "0x7F000042", /line 3\b/],
  ["A4 a denied address mapped into IPv6", "[::ffff:127.0.0.66]", /line 3\b/],
  ["A4 a denied address mapped, fully written", "[0:0:0:0:0:FFFF:7F00:0042]", /line 3\b/],
  ["A5 a denied address through NAT64", "[64:ff9b::127.0.0.66]", /line 3\b/],
  ["A6 0", "0", /./],
  ["A6 0.0.0.0", "0.0.0.0", /./],
  ["A6 0.255.255.255", "0.255.255.255", /./],
  ["A6 [::]", "[::]", /./],
  ["A7 the metadata address", "169.254.169.254", /./],
  ["A7 the metadata address as a number", "2852039166", /./],
  ["A7 the metadata address through NAT64", "[64:ff9b::a9fe:a9fe]", /./],
  ["A6 link-local IPv6", "[fe80::1]", /./],
  ["A6 link-local IPv6 at its end", "[febf:ffff::1]", /./],
  ["A6 multicast IPv4", "239.255.255.255", /./],
  ["A6 multicast IPv6", "[ff02::1]", /./],
  ["A6 broadcast", "255.255.255.255", /./],
];

behaviour("Targets of plain requests", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  testRefused(proxy, CASES);

  for (const [name, authority, says] of DENIED) {
    test(`${name} is refused by rule, and the next request on the connection is served`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${authority}/secret?token=1 HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`);
      await client.send(fill("GET http://{o}/next HTTP/1.1\r\nHost: {o}\r\n\r\n", origin));
      const refusal = await client.readResponse();
      expectRefusal(refusal, { status: 403, error: "http_request_denied", says });
      expect(refusal.closes).toBe(false);
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests.map((request) => request.target)).toEqual(["/next"]);
    });
  }

  test("a refusal says when a rule matched but opens no such address, and that no other did", async () => {
    await using client = await connectRaw(proxy());
    await client.send("GET http://169.254.169.254/ HTTP/1.1\r\nHost: h\r\n\r\n");
    const response = await client.readResponse();
    expectRefusal(response, { status: 403, error: "http_request_denied", says: /line 6 .*no (?:later |other )?rule/i });
  });

  test("a refusal says when no rule matched", async () => {
    await using strict = await startProxy({ rules: ["allowed.test"] });
    await using client = await connectRaw(strict);
    await client.send(
      "GET http://127.0.0.1/ HTTP/1.1\r\nHost: h\r\n\r\nGET http://other.test/ HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    const denied = { status: 403, error: "http_request_denied", says: /no rule/i };
    expectRefusal(await client.readResponse(), denied);
    expectRefusal(await client.readResponse(), denied);
  });

  test("a refusal of HEAD has the length of its body and no body", async () => {
    await using client = await connectRaw(proxy());
    await client.send("HEAD http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n");
    expectRefusal(await client.readResponse("HEAD"), { status: 403, error: "http_request_denied" });
    await client.send("GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n");
    expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
  });

  const targets: readonly (readonly [target: string, received: string])[] = [
    ["http://{o}/a?b=c", "GET /a?b=c HTTP/1.1"],
    ["http://{o}", "GET / HTTP/1.1"],
    ["http://{o}?q=1", "GET /?q=1 HTTP/1.1"],
    ["HTTP://{o}/x", "GET /x HTTP/1.1"],
    ["hTtP://{o}//a/../b/./c//", "GET //a/../b/./c// HTTP/1.1"],
    ["http://{o}/%00%0d%0a%2e%2E/%7e?%0D%0A=%20+&x=a:b@c", "GET /%00%0d%0a%2e%2E/%7e?%0D%0A=%20+&x=a:b@c HTTP/1.1"],
    ["http://{o}/http://denied.test/", "GET /http://denied.test/ HTTP/1.1"],
    ["http://{o}/@denied.test", "GET /@denied.test HTTP/1.1"],
    ["http://{o}/;a=b,c!$&'()*?/?", "GET /;a=b,c!$&'()*?/? HTTP/1.1"],
    ["http://{o}/squid-internal-static/icons", "GET /squid-internal-static/icons HTTP/1.1"],
    ["http://2130706433:{p}/n", "GET /n HTTP/1.1"],
    ["http://0x7f.1:{p}/n", "GET /n HTTP/1.1"],
    ["http://[::ffff:127.0.0.1]:{p}/n", "GET /n HTTP/1.1"],
    ["http://127.0.0.1.:{p}/n", "GET /n HTTP/1.1"],
  ];
  for (const [target, received] of targets) {
    test(`${target} is sent as ${received}`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(fill(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, origin));
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests[0]?.startLine).toBe(received);
      expect(origin.requests[0]?.values("host")).toEqual([origin.authority]);
    });
  }

  test("OPTIONS without a path is sent in asterisk-form (RFC 9112 §3.2.4)", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(fill("OPTIONS http://{o} HTTP/1.1\r\nHost: {o}\r\n\r\n", origin));
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.startLine).toBe("OPTIONS * HTTP/1.1");
  });

  for (
    const [url, host, port] of [["http://127.0.0.66/", "127.0.0.66", 80], [
      "http://127.0.0.66:/",
      "127.0.0.66",
      80,
    ]] as const
  ) {
    test(`${url} means port 80`, async () => {
      await using client = await connectRaw(proxy());
      await client.send(`GET ${url} HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(403);
      const entry = await proxy().waitForAccess(
        "this request",
        (line) => String(line.client).endsWith(`:${client.localPort}`),
      );
      expect([entry.host, entry.port]).toEqual([host, port]);
    });
  }

  for (
    const [hosts, name] of [["Host: other.example", "another host"], ["Host: denied.test", "a denied host"], [
      "Host: {h}:1",
      "another port",
    ]] as const
  ) {
    test(`P21 a Host of ${name} is replaced by the target's`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(fill(`GET http://{o}/ HTTP/1.1\r\nX-Before: 1\r\n${hosts}\r\n\r\n`, origin));
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests[0]?.values("host")).toEqual([origin.authority]);
    });
  }
});
