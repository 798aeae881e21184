// Tests what becomes of an upstream's faulty answer (RFC 9112 §4 to §8): a 502 or, once part of it has gone out, a visible
// cut; never something that looks whole.
import { expect, test } from "bun:test";
import { DATE, Exchange, head } from "../support/exchange.ts";
import { expectRefusal, expectTruthfulPersistence } from "../support/expectations.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const OK = "HTTP/1.1 200 OK";
const PROTOCOL_ERROR = { status: 502, error: "http_protocol_error" };
const TERMINATED = { status: 502, error: "connection_terminated" };

/** Answers whose head is at fault: nothing of them is passed on. */
const FAULTY: readonly (readonly [name: string, octets: string])[] = [
  ["P28 CL and TE", `${head(OK, "Content-Length: 5", "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`],
  ["P28 two different CLs", `${head(OK, "Content-Length: 2", "Content-Length: 3")}abc`],
  ["P28 a list of different CLs", `${head(OK, "Content-Length: 2, 3")}abc`],
  ["P28 CL with a minus sign", `${head(OK, "Content-Length: -2")}ab`],
  ["P28 CL with a plus sign", `${head(OK, "Content-Length: +2")}ab`],
  ["P28 CL in hexadecimal", `${head(OK, "Content-Length: 0x2")}ab`],
  ["P28 CL empty", `${head(OK, "Content-Length:")}ab`],
  ["P28 CL with a blank inside", `${head(OK, "Content-Length: 2 2")}ab`],
  ["P28 CL over 2^64", `${head(OK, "Content-Length: 18446744073709551618")}ab`],
  ["P28 TE whose last is not chunked", `${head(OK, "Transfer-Encoding: gzip")}ab`],
  ["P28 TE chunked not last", `${head(OK, "Transfer-Encoding: chunked, identity")}2\r\nab\r\n0\r\n\r\n`],
  ["P28 TE twice", `${head(OK, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}2\r\nab\r\n0\r\n\r\n`],
  ["P28 TE with a vertical tab", `${head(OK, "Transfer-Encoding: \x0bchunked")}2\r\nab\r\n0\r\n\r\n`],
  ["P14 a blank before a colon", `${head(OK, "X-A : 1", "Content-Length: 2")}ab`],
  ["P14 a blank before the colon of CL", `${head(OK, "Content-Length : 2")}ab`],
  ["P13 a folded field", `${head(OK, "X-A: 1", " 2", "Content-Length: 2")}ab`],
  ["P13 a first line folded", `${head(OK, " X-A: 1", "Content-Length: 2")}ab`],
  ["P15 an empty name", `${head(OK, ": 1", "Content-Length: 2")}ab`],
  ["P15 no colon", `${head(OK, "X-A", "Content-Length: 2")}ab`],
  ["a bad token as name", `${head(OK, "X(A): 1", "Content-Length: 2")}ab`],
  ["P12 bare LF line ends", `${OK}\nContent-Length: 2\n\nab`],
  ["P12 one LF line end", `${OK}\r\nX-A: 1\nContent-Length: 2\r\n\r\nab`],
  ["P12 a bare CR in a value", `${head(OK, "X-A: 1\r2", "Content-Length: 2")}ab`],
  ["P12 a bare CR in the reason", `${head("HTTP/1.1 200 O\rK", "Content-Length: 2")}ab`],
  ["P16 NUL in a value", `${head(OK, "X-A: \0", "Content-Length: 2")}ab`],
  ["P16 NUL in a name", `${head(OK, "X\0A: 1", "Content-Length: 2")}ab`],
  ["P16 DEL in a value", `${head(OK, "X-A: \x7f", "Content-Length: 2")}ab`],
  ["P16 NUL in the reason", `${head("HTTP/1.1 200 \0", "Content-Length: 2")}ab`],
  ["HTTP/2.0", `${head("HTTP/2.0 200 OK", "Content-Length: 2")}ab`],
  ["HTTP/0.9: no status line", "<html>hello</html>\r\n\r\n"],
  ["a version in lower case", `${head("http/1.1 200 OK", "Content-Length: 2")}ab`],
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
  ["no blank behind the version", `${head("HTTP/1.1200 OK", "Content-Length: 2")}ab`],
  ["two blanks behind the version", `${head("HTTP/1.1  200 OK", "Content-Length: 2")}ab`],
  ["a status of two digits", `${head("HTTP/1.1 20 OK", "Content-Length: 2")}ab`],
  ["a status of four digits", `${head("HTTP/1.1 2000 OK", "Content-Length: 2")}ab`],
  ["a status of letters", `${head("HTTP/1.1 abc OK", "Content-Length: 2")}ab`],
  ["status 099", `${head("HTTP/1.1 099 No", "Content-Length: 2")}ab`],
  ["status 600", `${head("HTTP/1.1 600 No", "Content-Length: 2")}ab`],
  ["status 999", `${head("HTTP/1.1 999 No", "Content-Length: 2")}ab`],
  [
    "P25 a 101 that was not asked for",
    head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"),
  ],
  ["P31 a head over 64 KiB", `${head(OK, `X-A: ${"a".repeat(65536)}`, "Content-Length: 2")}ab`],
  [
    "P31 a head of many small fields over 64 KiB",
    `${head(OK, ...Array<string>(8192).fill("X-A: bcd"), "Content-Length: 2")}ab`,
  ],
  ["P30 17 interim responses", `${head("HTTP/1.1 103 Early Hints").repeat(17)}${head(OK, "Content-Length: 2")}ab`],
];

/** Answers whose body goes wrong behind a good head: what came is passed on, the end is not. */
const CUT: readonly (readonly [name: string, octets: string])[] = [
  ["a chunk size that is none", `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\nxyz\r\nabc\r\n0\r\n\r\n`],
  [
    "a chunk size of 17 digits",
    `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n00000000000000003\r\nabc\r\n0\r\n\r\n`,
  ],
  ["a chunk size line ended by LF", `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n3\nabc\r\n0\r\n\r\n`],
  [
    "a chunk longer than its size",
    `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n3\r\nabcd\r\n0\r\n\r\n`,
  ],
  ["a trailer with a NUL", `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\nX: \0\r\n\r\n`],
];

behaviour("Faulty responses", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  for (const [name, octets] of FAULTY) {
    test(`${name} of an answer: 502, and nothing of the answer`, async () => {
      await using exchange = await Exchange.begin(proxy());
      await exchange.upstream.send(octets);
      let response = await exchange.client.readResponse();
      while (response.status < 200 && response.status !== 101) response = await exchange.client.readResponse();
      expectRefusal(response, PROTOCOL_ERROR);
      await expectTruthfulPersistence(exchange.client, response);
      // What is left of a faulty answer must not be taken for the answer to another request.
      await exchange.upstream.ended();
    });
  }

  for (const [name, octets] of CUT) {
    for (const pace of ["at once", "octet by octet"]) {
      test(`${name}, ${pace}: the client's response is cut visibly`, async () => {
        await using exchange = await Exchange.begin(proxy());
        await (pace === "at once" ? exchange.upstream.send(octets) : exchange.upstream.sendByteByByte(octets));
        const response = await exchange.client.readResponse();
        if (response.status === 502) return expectRefusal(response, PROTOCOL_ERROR);
        expect([response.status, response.complete]).toEqual([200, false]);
        expect("helloabc").toStartWith(response.body);
        await exchange.upstream.ended();
      });
    }
  }

  for (
    const [name, octets] of [
      ["CL of 10 and 5 octets", `${head(OK, DATE, "Content-Length: 10")}hello`],
      ["a last chunk that never comes", `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n`],
      ["half a chunk", `${head(OK, DATE, "Transfer-Encoding: chunked")}a\r\nhello`],
      ["a last chunk without its empty line", `${head(OK, DATE, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n`],
    ] as const
  ) {
    for (const end of ["fin", "reset"] as const) {
      test(`${name}, then ${end}: the client's response is cut visibly`, async () => {
        await using exchange = await Exchange.begin(proxy());
        await exchange.upstream.send(octets);
        await exchange.client.hasReceived(1);
        end === "fin" ? exchange.upstream.finish() : exchange.upstream.reset();
        const response = await exchange.client.readResponse();
        expect([response.status, response.complete]).toEqual([200, false]);
      });
    }
    test(`${name}, then FIN, to an HTTP/1.0 client: a reset`, async () => {
      await using exchange = await Exchange.begin(proxy(), "GET", "HTTP/1.0");
      await exchange.upstream.send(octets);
      await exchange.client.hasReceived(1);
      exchange.upstream.finish();
      const response = await exchange.client.readResponse();
      expect(response.value("transfer-encoding")).toBeUndefined();
      if (response.framing === "length") expect(response.complete).toBe(false);
      else expect(await exchange.client.ended()).toBe("reset");
    });
  }

  test("a reset in a body that ends with the connection does not look like its end", async () => {
    await using exchange = await Exchange.begin(proxy());
    await exchange.upstream.send(`${head(OK, DATE)}hello`);
    await exchange.client.hasReceived(1);
    exchange.upstream.reset();
    const response = await exchange.client.readResponse();
    if (response.framing === "until-close") expect(await exchange.client.ended()).toBe("reset");
    else expect(response.complete).toBe(false);
  });

  for (
    const [name, octets] of [
      ["no octet", ""],
      ["half a status line", "HTTP/1.1 2"],
      ["half a head", "HTTP/1.1 200 OK\r\nContent-Le"],
      ["an interim response only", head("HTTP/1.1 103 Early Hints")],
    ] as const
  ) {
    for (const end of ["fin", "reset"] as const) {
      test(`${name} and then ${end}: 502 connection_terminated`, async () => {
        await using exchange = await Exchange.begin(proxy());
        if (octets !== "") await exchange.upstream.send(octets);
        if (octets.startsWith("HTTP/1.1 103")) expect((await exchange.client.readResponse()).status).toBe(103);
        end === "fin" ? exchange.upstream.finish() : exchange.upstream.reset();
        const response = await exchange.client.readResponse();
        expectRefusal(response, TERMINATED);
        await expectTruthfulPersistence(exchange.client, response);
        expect(exchange.origin.connections.length).toBe(1);
      });
    }
  }
});
