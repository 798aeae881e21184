// Tests what becomes of an upstream's answer (RFC 9112 §4 to §8): passed on in a framing that its client knows, with what
// does not belong to it cut off.
import { expect, test } from "bun:test";
import { DATE, Exchange, head } from "../support/exchange.ts";
import { expectRefusal, expectTruthfulPersistence } from "../support/expectations.ts";
import type { HttpResponse } from "../support/http_message.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const OK = "HTTP/1.1 200 OK";
const PROTOCOL_ERROR = { status: 502, error: "http_protocol_error" };

behaviour("Responses", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  interface PassedCase {
    readonly name: string;
    readonly method?: string;
    readonly octets: string;
    /** The upstream ends its side behind them. */
    readonly finish?: boolean;
    check(response: HttpResponse): void;
  }

  const PASSED: readonly PassedCase[] = [
    {
      name: "no reason phrase",
      octets: `${head("HTTP/1.1 200 ", DATE, "Content-Length: 2")}ok`,
      check: (response) => expect([response.status, response.body]).toEqual([200, "ok"]),
    },
    {
      name: "no reason phrase and no blank before it",
      octets: `${head("HTTP/1.1 200", DATE, "Content-Length: 2")}ok`,
      check: (response) => expect([response.status, response.body]).toEqual([200, "ok"]),
    },
    {
      name: "a reason of its own with octets over 7F",
      octets: `${head("HTTP/1.1 404 Nicht gefunden \xe4", DATE, "Content-Length: 2")}ok`,
      check: (response) => expect([response.status, response.body]).toEqual([404, "ok"]),
    },
    {
      name: "the same CL twice",
      octets: `${head(OK, DATE, "Content-Length: 2", "Content-Length: 2")}ok`,
      check: (response) =>
        expect([response.status, response.values("content-length"), response.body]).toEqual([200, ["2"], "ok"]),
    },
    {
      name: "CL with leading zeros",
      octets: `${head(OK, DATE, "Content-Length: 002")}ok`,
      check: (response) => expect([response.value("content-length"), response.body]).toEqual(["2", "ok"]),
    },
    {
      name: "chunks with extensions and trailers",
      octets: `${
        head(OK, DATE, "Transfer-Encoding: chunked")
      }5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n`,
      check: (response) =>
        expect([response.framing, response.body, response.trailers]).toEqual(["chunked", "hello!", [["X-T", "1"], [
          "X-U",
          "2",
        ]]]),
    },
    {
      name: "an empty chunked body",
      octets: `${head(OK, DATE, "Transfer-Encoding: Chunked")}0\r\n\r\n`,
      check: (response) => expect([response.framing, response.body]).toEqual(["chunked", ""]),
    },
    {
      name: "CL 0",
      octets: head(OK, DATE, "Content-Length: 0"),
      check: (response) => expect([response.value("content-length"), response.body]).toEqual(["0", ""]),
    },
    {
      name: "a body that ends with the connection",
      octets: `${head(OK, DATE)}until close`,
      finish: true,
      check: (response) =>
        expect([response.status, response.complete, response.body]).toEqual([200, true, "until close"]),
    },
    {
      name: "an HTTP/1.0 answer",
      octets: `${head("HTTP/1.0 200 OK", DATE)}until close`,
      finish: true,
      check: (response) => expect([response.startLine, response.body]).toEqual([OK, "until close"]),
    },
    {
      name: "an HTTP/1.0 answer with a length",
      octets: `${head("HTTP/1.0 200 OK", DATE, "Content-Length: 2")}ok`,
      check: (response) => expect([response.startLine, response.body]).toEqual([OK, "ok"]),
    },
    {
      name: "an empty body that ends with the connection",
      octets: head(OK, DATE),
      finish: true,
      check: (response) => expect([response.complete, response.body]).toEqual([true, ""]),
    },
    {
      name: "P29 204 with CL and a body: neither",
      octets: `${head("HTTP/1.1 204 No Content", DATE, "Content-Length: 5")}hello`,
      check: (response) =>
        expect([response.status, response.values("content-length"), response.framing]).toEqual([204, [], "none"]),
    },
    {
      name: "304 with CL keeps CL and has no body",
      octets: head("HTTP/1.1 304 Not Modified", DATE, "Content-Length: 5", 'ETag: "x"'),
      check: (response) =>
        expect([response.status, response.value("content-length"), response.value("etag")]).toEqual([304, "5", '"x"']),
    },
    {
      name: "HEAD with CL keeps CL and has no body",
      method: "HEAD",
      octets: head(OK, DATE, "Content-Length: 1234"),
      check: (response) => expect([response.status, response.value("content-length")]).toEqual([200, "1234"]),
    },
    {
      name: "HEAD with TE has no body",
      method: "HEAD",
      octets: head(OK, DATE, "Transfer-Encoding: chunked"),
      check: (response) => expect(response.status).toBe(200),
    },
    {
      name: "HEAD without any length has no body",
      method: "HEAD",
      octets: head(OK, DATE),
      check: (response) => expect(response.status).toBe(200),
    },
    {
      name: "P29 HEAD with a body: cut",
      method: "HEAD",
      octets: `${head(OK, DATE, "Content-Length: 5")}hello`,
      check: (response) => expect([response.status, response.value("content-length")]).toEqual([200, "5"]),
    },
    {
      name: "P29 more octets than CL: cut",
      octets: `${head(OK, DATE, "Content-Length: 2")}ok${head(OK, "Content-Length: 6")}forged`,
      check: (response) => expect(response.body).toBe("ok"),
    },
    {
      name: "P29 octets behind the last chunk: cut",
      octets: `${head(OK, DATE, "Transfer-Encoding: chunked")}2\r\nok\r\n0\r\n\r\n${
        head(OK, "Content-Length: 6")
      }forged`,
      check: (response) => expect(response.body).toBe("ok"),
    },
    {
      name: "status 599",
      octets: `${head("HTTP/1.1 599 Odd", DATE, "Content-Length: 2")}ok`,
      check: (response) => expect([response.status, response.reason]).toEqual([599, "Odd"]),
    },
    {
      name: "16 interim responses",
      octets: `${head("HTTP/1.1 103 Early Hints").repeat(16)}${head(OK, DATE, "Content-Length: 2")}ok`,
      check: (response) => expect(response.body).toBe("ok"),
    },
  ];

  for (const passed of PASSED) {
    for (const pace of ["at once", "octet by octet"]) {
      test(`${passed.name}, ${pace}: passed on, and the next request gets its own answer`, async () => {
        await using exchange = await Exchange.begin(proxy(), passed.method);
        const { client, upstream } = exchange;
        await (pace === "at once" ? upstream.send(passed.octets) : upstream.sendByteByByte(passed.octets));
        if (passed.finish === true) upstream.finish();
        let response = await client.readResponse(passed.method);
        while (response.status < 200) response = await client.readResponse(passed.method);
        passed.check(response);
        expect(response.complete).toBe(true);
        if (passed.finish === true && response.framing === "until-close") return;
        await expectTruthfulPersistence(client, response);
      });
    }
  }

  test("P29 a connection that sent more than its answer is not used again", async () => {
    await using exchange = await Exchange.begin(proxy());
    const { client, origin, upstream } = exchange;
    await upstream.send(`${head(OK, DATE, "Content-Length: 2")}ok${head(OK, DATE, "Content-Length: 6")}forged`);
    expect((await client.readResponse()).body).toBe("ok");
    await client.send(`GET http://${origin.authority}/second HTTP/1.1\r\nHost: h\r\n\r\n`);
    const second = await origin.acceptRequest();
    await second.upstream.send(`${head(OK, DATE, "Content-Length: 4")}mine`);
    expect((await client.readResponse()).body).toBe("mine");
  });

  test("interim responses are passed on as they come, without their hop-by-hop fields", async () => {
    await using exchange = await Exchange.begin(proxy());
    const { client, upstream } = exchange;
    await upstream.send(
      head("HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload", "Connection: X-Hop", "X-Hop: 1"),
    );
    const first = await client.readResponse();
    expect([first.status, first.value("link"), first.value("x-hop")]).toEqual([
      103,
      "</a.css>; rel=preload",
      undefined,
    ]);
    await upstream.send(head("HTTP/1.1 102 Processing"));
    expect((await client.readResponse()).status).toBe(102);
    await upstream.send(`${head(OK, DATE, "Content-Length: 2")}ok`);
    expect((await client.readResponse()).body).toBe("ok");
  });

  test("an HTTP/1.0 client gets no interim response (RFC 9110 §15.2)", async () => {
    await using exchange = await Exchange.begin(proxy(), "GET", "HTTP/1.0");
    await exchange.upstream.send(`${head("HTTP/1.1 103 Early Hints")}${head(OK, DATE, "Content-Length: 2")}ok`);
    expect((await exchange.client.readResponse()).status).toBe(200);
  });

  test("an HTTP/1.0 client gets chunks joined and the end of the connection as their end", async () => {
    await using exchange = await Exchange.begin(proxy(), "GET", "HTTP/1.0");
    await exchange.upstream.send(
      `${head(OK, DATE, "Transfer-Encoding: chunked")}2\r\nok\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n`,
    );
    const response = await exchange.client.readResponse();
    expect([response.framing, response.body]).toEqual(["until-close", "ok!"]);
    expect(await exchange.client.ended()).toBe("fin");
  });

  test("P7 chunks in an HTTP/1.0 answer are refused, or joined and the connection not used again", async () => {
    await using exchange = await Exchange.begin(proxy());
    const { client, origin, upstream } = exchange;
    await upstream.send(`${head("HTTP/1.0 200 OK", DATE, "Transfer-Encoding: chunked")}2\r\nok\r\n0\r\n\r\n`);
    const response = await client.readResponse();
    if (response.status === 502) return expectRefusal(response, PROTOCOL_ERROR);
    expect(response.body).toBe("ok");
    await client.send(`GET http://${origin.authority}/second HTTP/1.1\r\nHost: h\r\n\r\n`);
    await origin.accept();
  });
});
