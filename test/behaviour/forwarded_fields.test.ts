// Tests which fields a plain request and its response keep, gain and lose on the way (RFC 9110 §7.6): what is end to end
// is untouched, what is hop by hop goes no further, and nothing that this proxy says can be said in its name.
import { expect, test } from "bun:test";
import { type FieldLine, type HttpResponse, listOf } from "../support/http_message.ts";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import type { Proxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
const OWN_VIA = /^1\.1 egress-http-proxy \(([A-Za-z0-9_-]+)\)$/;

/** Sends a GET with these field lines and gives what the origin saw and what the client got for `answer`. */
async function exchange(proxy: Proxy, fields: readonly string[], answer: string = OK_ANSWER) {
  await using origin = await Origin.start({ answer });
  await using client = await connectRaw(proxy);
  await client.send(
    [`GET http://${origin.authority}/ HTTP/1.1`, `Host: ${origin.authority}`, ...fields, "", ""].join("\r\n"),
  );
  const response = await client.readResponse();
  const request = origin.requests[0];
  if (request === undefined) throw new Error(`The origin got no request; the client ${response.raw}`);
  return { request, response, authority: origin.authority };
}

/** An answer of 200 with these field lines. */
function answerWith(...fields: string[]): string {
  return ["HTTP/1.1 200 OK", DATE, ...fields, "Content-Length: 2", "", "ok"].join("\r\n");
}

/** The fields that are neither the proxy's own nor framing. */
function endToEnd(fields: readonly FieldLine[]): FieldLine[] {
  return fields.filter(([name]) =>
    !["via", "connection", "content-length", "host", "date"].includes(name.toLowerCase())
  );
}

behaviour("Forwarded fields", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  test("request fields keep their order, letter case, repeats and values", async () => {
    const fields: FieldLine[] = [
      ["X-One", "1"],
      ["accept", "text/html, */*;q=0.8"],
      ["X-one", "again"],
      ["Cookie", "a=b; c=d"],
      ["COOKIE", "e=f"],
      ["X-Empty", ""],
      ["X-Forwarded-For", "192.0.2.7"],
      ["Forwarded", "for=192.0.2.7"],
      ["Authorization", "Bearer abc"],
      ["Accept-Encoding", "gzip"],
      ["x-Two", "a  b\tc"],
    ];
    const { request } = await exchange(proxy(), fields.map(([name, value]) => `${name}: ${value}`));
    expect(endToEnd(request.fields)).toEqual(fields);
  });

  test("white space around a value is dropped, inside it is kept", async () => {
    const { request } = await exchange(proxy(), ["X-A: \t a  b \t "]);
    expect(request.value("x-a")).toBe("a  b");
  });

  test("nothing is added to a request but Via: no address of the client, no cache control", async () => {
    const { request } = await exchange(proxy(), []);
    const added = request.names.filter((name) => !["host", "via", "connection"].includes(name));
    expect(added).toEqual([]);
  });

  test("response fields keep their order, letter case, repeats and values", async () => {
    const fields: FieldLine[] = [
      ["Server", "stub"],
      ["Set-Cookie", "a=1; Path=/"],
      ["X-Thing", "1"],
      ["set-cookie", "b=2, with comma"],
      ["Content-Type", "text/html"],
      ["Content-Encoding", "gzip"],
      ["ETag", '"x"'],
      ["X-Empty", ""],
      ["X-High", "\xe4\xff\x80"],
    ];
    const { response } = await exchange(proxy(), [], answerWith(...fields.map(([name, value]) => `${name}: ${value}`)));
    expect(endToEnd(response.fields)).toEqual(fields);
    expect(response.values("date")).toEqual(["Thu, 01 Jan 2026 00:00:00 GMT"]);
  });

  const HOP_BY_HOP: readonly (readonly [line: string, name: string])[] = [
    ["Connection: keep-alive", "keep-alive"],
    ["Keep-Alive: timeout=5", "keep-alive"],
    ["Proxy-Connection: keep-alive", "proxy-connection"],
    ["Proxy-Authorization: Basic c2VjcmV0", "proxy-authorization"],
    ["Proxy-Authenticate: Basic", "proxy-authenticate"],
    ["TE: gzip", "te"],
    ["Upgrade-Insecure-Requests: 1\r\nUpgrade: foo", "upgrade"],
    ["Connection: X-Hop\r\nX-Hop: 1", "x-hop"],
    ["Connection: close, x-hOP , , other\r\nX-Hop: 1", "x-hop"],
    ["X-Hop: 1\r\nConnection: X-Hop", "x-hop"],
    ["Connection: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nx-hop: 2", "x-hop"],
    ["Connection: Authorization\r\nAuthorization: Bearer abc", "authorization"],
    ["Connection: cookie\r\nCookie: a=b", "cookie"],
  ];
  for (const [lines, name] of HOP_BY_HOP) {
    test(`${JSON.stringify(lines)} of a request goes no further`, async () => {
      const { request } = await exchange(proxy(), lines.split("\r\n"));
      expect(request.names).not.toContain(name);
      for (const option of listOf(request.values("connection"))) {
        expect(["close", "keep-alive"]).toContain(option.toLowerCase());
      }
    });
  }

  test("P33 a Proxy field (httpoxy, CVE-2016-5385) goes no further", async () => {
    const { request } = await exchange(proxy(), ["Proxy: http://evil.example/", "PROXY: b", "X-Proxy: kept"]);
    expect(request.names).not.toContain("proxy");
    expect(request.value("x-proxy")).toBe("kept");
  });

  test("P34 Proxy-Authorization goes no further", async () => {
    const { request } = await exchange(proxy(), ["Proxy-Authorization: Basic c2VjcmV0"]);
    expect(request.raw).not.toContain("c2VjcmV0");
  });

  for (
    const named of ["Host", "Content-Length", "Transfer-Encoding", "connection", "Via", "close, Host, content-length"]
  ) {
    test(`P32 Connection: ${named} takes away neither Host nor framing nor Via`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(
        `POST http://${origin.authority}/ HTTP/1.1\r\nHost: ${origin.authority}\r\nConnection: ${named}\r\nContent-Length: 5\r\n\r\nhello`,
      );
      const response = await client.readResponse();
      if (response.status === 400) return expectRefusal(response, { status: 400, error: "http_request_error" });
      expect(response.status).toBe(200);
      expect(origin.requests[0]?.body).toBe("hello");
      expect(origin.requests[0]?.values("host")).toEqual([origin.authority]);
      expect(origin.requests[0]?.values("via").join(", ")).toMatch(OWN_VIA);
    });
  }

  test("TE: trailers is passed on, and named in Connection (RFC 9110 §10.1.4)", async () => {
    const { request } = await exchange(proxy(), ["TE: gzip;q=0.5, trailers", "Connection: TE"]);
    expect(request.value("te")?.toLowerCase()).toBe("trailers");
    expect(listOf(request.values("connection")).map((option) => option.toLowerCase())).toContain("te");
  });

  for (
    const [lines, name] of [
      ["Connection: X-Hop\r\nX-Hop: 1", "x-hop"],
      ["Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100", "keep-alive"],
      ["Proxy-Connection: keep-alive", "proxy-connection"],
      ["Proxy-Authenticate: Basic realm=x", "proxy-authenticate"],
      ["Upgrade: h2c\r\nConnection: Upgrade", "upgrade"],
      ["Connection: set-cookie\r\nSet-Cookie: a=b", "set-cookie"],
    ] as const
  ) {
    test(`${JSON.stringify(lines)} of a response goes no further`, async () => {
      const { response } = await exchange(proxy(), [], answerWith(...lines.split("\r\n")));
      expect([response.status, response.body]).toEqual([200, "ok"]);
      expect(response.names).not.toContain(name);
    });
  }

  test("a 407 of the origin is passed on without its Proxy-Authenticate", async () => {
    const answer = `HTTP/1.1 407 Mine\r\n${DATE}\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n`;
    const { response } = await exchange(proxy(), [], answer);
    expect(response.startLine).toBe("HTTP/1.1 407 Mine");
    expect(response.names).not.toContain("proxy-authenticate");
  });

  test("Via is added both ways with one and the same instance", async () => {
    const { request, response } = await exchange(proxy(), []);
    const instance = OWN_VIA.exec(request.value("via") ?? "")?.[1];
    expect(instance).toBeDefined();
    expect(OWN_VIA.exec(response.value("via") ?? "")?.[1]).toBe(instance);
    const again = await exchange(proxy(), []);
    expect(OWN_VIA.exec(again.request.value("via") ?? "")?.[1]).toBe(instance);
  });

  test("Via is added behind what is there, and says the version that was received", async () => {
    const answer = `HTTP/1.0 200 OK\r\n${DATE}\r\nVia: 1.1 inner, 1.0 outer\r\nContent-Length: 2\r\n\r\nok`;
    const { request, response } = await exchange(proxy(), ["Via: 1.0 fred", "Via: 1.1 p.example (x, y)"], answer);
    const sent = request.values("via").join(", ");
    expect(sent).toMatch(/^1\.0 fred, 1\.1 p\.example \(x, y\), 1\.1 egress-http-proxy \([A-Za-z0-9_-]+\)$/);
    expect(response.values("via").join(", ")).toMatch(
      /^1\.1 inner, 1\.0 outer, 1\.[01] egress-http-proxy \([A-Za-z0-9_-]+\)$/,
    );
  });

  test("a response without Date gains one (RFC 9110 §6.6.1)", async () => {
    const { response } = await exchange(proxy(), [], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect(Math.abs(Date.parse(response.value("date") ?? "") - Date.now())).toBeLessThan(60_000);
  });

  const FAKES: readonly (readonly [name: string, lines: readonly string[], kept: string])[] = [
    ["alone", ["Proxy-Status: egress-http-proxy; error=http_request_denied"], ""],
    ["without parameters", ["proxy-status: egress-http-proxy"], ""],
    ["as a string", ['Proxy-Status: "egress-http-proxy"; error=dns_error'], ""],
    [
      "behind another",
      ["Proxy-Status: r34.example; error=dns_error, egress-http-proxy; error=dns_error"],
      "r34.example; error=dns_error",
    ],
    ["before another", ["Proxy-Status: egress-http-proxy;error=x,r34.example;error=y"], "r34.example;error=y"],
    ["on a line of its own", ["Proxy-Status: one.example", "Proxy-Status: egress-http-proxy; error=x"], "one.example"],
  ];
  for (const [name, lines, kept] of FAKES) {
    test(`A22 a Proxy-Status in this proxy's name, ${name}, is dropped`, async () => {
      const { response } = await exchange(proxy(), [], answerWith(...lines));
      expect(response.status).toBe(200);
      expect(response.values("proxy-status").join(", ")).toBe(kept);
    });
  }

  test("A22 Proxy-Status of others is untouched, this proxy's name inside a string included", async () => {
    const value = 'r34.example; details="a, egress-http-proxy; error=x", b.example; error=dns_error';
    const { response } = await exchange(proxy(), [], answerWith(`Proxy-Status: ${value}`));
    expect(response.value("proxy-status")).toBe(value);
  });

  test("A22 a Proxy-Status in this proxy's name is dropped from trailers too (RFC 9209 §2)", async () => {
    const answer = `HTTP/1.1 200 OK\r\n${DATE}\r\nTransfer-Encoding: chunked\r\nTrailer: Proxy-Status, X-T\r\n\r\n` +
      "2\r\nok\r\n0\r\nX-T: 1\r\nProxy-Status: egress-http-proxy; error=http_request_denied\r\n\r\n";
    const { response } = await exchange(proxy(), ["TE: trailers", "Connection: TE"], answer);
    expect(response.trailers).toEqual([["X-T", "1"]]);
  });

  test("P17 what a request says cannot add a field to the refusal", async () => {
    await using client = await connectRaw(proxy());
    await client.send('GET http://x"y\\z,;{}~!$&()*+=.denied.test/ HTTP/1.1\r\nHost: h\r\n\r\n');
    const response: HttpResponse = await client.readResponse();
    expect([400, 403, 502]).toContain(response.status);
    expect(response.values("proxy-status").length).toBe(1);
    expect(response.value("proxy-status")).toMatch(
      /^egress-http-proxy; error=[a-z_]+; details="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+"$/,
    );
    if (response.closes) await expectClosed(client);
  });
});
