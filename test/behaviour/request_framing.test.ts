// Tests how the end of a request's body is told (RFC 9112 §6 and §7): what is ambiguous is refused and nothing behind it
// is read as a request; what is only unusual is passed on in one plain form.
import { expect, test } from "bun:test";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { fill, malformed, type RefusedCase, testRefused } from "../support/refusal_table.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

/** A POST with these field lines and this behind its head. */
function post(fields: readonly string[], body: string, version: string = "HTTP/1.1"): string {
  return [`POST http://{o}/ ${version}`, "Host: {o}", ...fields, "", body].join("\r\n");
}

const CHUNKED = "Transfer-Encoding: chunked";
const CHUNKS = "5\r\nhello\r\n0\r\n\r\n";

const HEAD_CASES: readonly RefusedCase[] = [
  { name: "P1 CL then TE", send: post(["Content-Length: 5", CHUNKED], CHUNKS), expect: malformed() },
  { name: "P1 TE then CL", send: post([CHUNKED, "Content-Length: 5"], CHUNKS), expect: malformed() },
  { name: "P1 TE and CL 0", send: post([CHUNKED, "Content-Length: 0"], CHUNKS), expect: malformed() },
  {
    name: "P1 TE identity and CL",
    send: post(["Transfer-Encoding: identity", "Content-Length: 3"], "abc"),
    expect: malformed(),
  },
  {
    name: "P1 CL and TE on GET",
    send: `GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\nContent-Length: 5\r\n${CHUNKED}\r\n\r\n${CHUNKS}`,
    expect: malformed(),
  },
  { name: "P2 two different CLs", send: post(["Content-Length: 3", "Content-Length: 4"], "abcd"), expect: malformed() },
  {
    name: "P2 two CLs, the larger first",
    send: post(["Content-Length: 4", "Content-Length: 3"], "abcd"),
    expect: malformed(),
  },
  { name: "P2 the same CL twice", send: post(["Content-Length: 3", "Content-Length: 3"], "abc"), expect: malformed() },
  { name: "P2 CL as a list", send: post(["Content-Length: 3, 3"], "abc"), expect: malformed() },
  { name: "P2 CL as a list of two", send: post(["Content-Length: 3, 4"], "abcd"), expect: malformed() },
  { name: "P2 CL 3 and CL 003", send: post(["Content-Length: 3", "Content-Length: 003"], "abc"), expect: malformed() },
  ...[
    ["a plus sign", "+3"],
    ["a minus sign", "-3"],
    ["minus zero", "-0"],
    ["hexadecimal", "0x3"],
    ["empty", ""],
    ["a blank inside", "3 3"],
    ["a fraction", "3.0"],
    ["an exponent", "3e0"],
    ["an underscore", "1_0"],
    ["a trailing comma", "3,"],
    ["a parameter", "3;x=1"],
    ["a word", "three"],
    ["full-width digits", "\xef\xbc\x93"],
    ["a superscript digit", "\xb3"],
    ["a vertical tab", "\x0b3"],
    ["a no-break space", "3\xa0"],
    ["over 2^53", "9007199254740993"],
    ["over 2^64 by 3", "18446744073709551619"],
    ["20 digits, mostly zeros", "00000000000000000003"],
  ].map(([what, value]) => ({
    name: `P3 CL with ${what}`,
    send: post([`Content-Length: ${value}`], "abc"),
    expect: malformed(),
  })),
  ...[
    ["a vertical tab before it", "\x0bchunked"],
    ["a vertical tab behind it", "chunked\x0b"],
    ["a form feed before it", "\x0cchunked"],
    ["a no-break space before it", "\xa0chunked"],
    ["an unknown coding", "xchunked"],
    ["identity alone", "identity"],
    ["chunked not last", "chunked, identity"],
    ["chunked twice in a list", "chunked, chunked"],
    ["a parameter", "chunked;q=1"],
    ["a leading comma", ", chunked"],
    ["a trailing comma", "chunked,"],
    ["nothing", ""],
    ["a quoted word", '"chunked"'],
    ["a blank inside", "chun ked"],
    ["gzip alone", "gzip"],
  ].map(([what, value]) => ({
    name: `P6 TE: ${what}`,
    send: post([`Transfer-Encoding: ${value}`], CHUNKS),
    expect: malformed(),
  })),
  { name: "P6 two TE lines, both chunked", send: post([CHUNKED, CHUNKED], CHUNKS), expect: malformed() },
  {
    name: "P6 two TE lines, chunked first",
    send: post([CHUNKED, "Transfer-Encoding: identity"], CHUNKS),
    expect: malformed(),
  },
  {
    name: "P6 a known form of coding that is not understood",
    send: post(["Transfer-Encoding: gzip, chunked"], CHUNKS),
    expect: malformed(undefined, 501),
  },
  { name: "P7 TE in HTTP/1.0", send: post([CHUNKED], CHUNKS, "HTTP/1.0"), expect: malformed() },
  {
    name: "P14 a blank before the colon of TE",
    send: post(["Transfer-Encoding : chunked"], CHUNKS),
    expect: malformed(),
  },
  { name: "P13 TE folded", send: post(["Transfer-Encoding:\r\n chunked"], CHUNKS), expect: malformed() },
  { name: "P13 CL folded", send: post(["Content-Length:\r\n\t3"], "abc"), expect: malformed() },
];

const BODY_CASES: readonly RefusedCase[] = [
  ...[
    ["P8 chunk size with 0x", "0x3\r\nabc\r\n"],
    ["P8 chunk size with a plus sign", "+3\r\nabc\r\n"],
    ["P8 chunk size with a minus sign", "-3\r\nabc\r\n"],
    ["P8 chunk size with a blank before it", " 3\r\nabc\r\n"],
    ["P8 chunk size with a blank behind it", "3 \r\nabc\r\n"],
    ["P8 chunk size with a tab behind it", "3\t\r\nabc\r\n"],
    ["P8 chunk size with an underscore", "1_0\r\n0123456789abcdef\r\n"],
    ["P8 chunk size empty", "\r\nabc\r\n"],
    ["P8 chunk size of no digit", "g\r\nabc\r\n"],
    ["P8 chunk size of 17 digits", "00000000000000003\r\nabc\r\n"],
    ["P8 chunk size over 2^53", "20000000000001\r\nabc\r\n"],
    ["P8 chunk size over 2^64", "FFFFFFFFFFFFFFFF\r\nabc\r\n"],
    ["P8 chunk size with a NUL", "3\0\r\nabc\r\n"],
    ["P9 chunk size line ended by LF", "3\nabc\r\n"],
    ["P9 chunk size line ended by CR", "3\rabc\r\n"],
    ["P9 extension ended by LF", "3;x=1\nabc\r\n"],
    ["P9 extension with a bare CR", "3;x=\r1\r\nabc\r\n"],
    ["P9 extension with CRLF in a quoted string", '3;x="\r\n"\r\nabc\r\n'],
    ["P9 extension with a control character", "3;x=\x01\r\nabc\r\n"],
    ["P10 chunk longer than its size", "3\r\nabcd\r\n"],
    ["P10 chunk ended by LF", "3\r\nabc\n"],
    ["P10 chunk ended by CR and something else", "3\r\nabc\rX\n"],
    ["P10 chunk not ended", "3\r\nabc0\r\n\r\n"],
    ["P12 last chunk ended by LF", "3\r\nabc\r\n0\n\r\n"],
    ["P12 trailer ended by LF", "3\r\nabc\r\n0\r\nX-T: 1\n\r\n"],
    ["P12 end of trailers by LF", "3\r\nabc\r\n0\r\n\n"],
    ["P13 trailer folded", "3\r\nabc\r\n0\r\nX-T: 1\r\n 2\r\n\r\n"],
    ["P14 trailer with a blank before its colon", "3\r\nabc\r\n0\r\nX-T : 1\r\n\r\n"],
    ["P15 trailer without a name", "3\r\nabc\r\n0\r\n: 1\r\n\r\n"],
    ["P16 trailer with a NUL", "3\r\nabc\r\n0\r\nX-T: \0\r\n\r\n"],
    ["P8 last chunk of minus zero", "3\r\nabc\r\n-0\r\n\r\n"],
  ].map(([name, body]) => ({
    name: name as string,
    send: post([CHUNKED], `4\r\ngood\r\n${body}`),
    expect: malformed(),
    inBody: true,
  })),
];

interface AcceptedCase {
  readonly name: string;
  readonly send: string;
  readonly body: string;
  /** What the origin must see of the framing fields. */
  readonly contentLength: string | undefined;
  readonly transferEncoding: string | undefined;
}

const ACCEPTED: readonly AcceptedCase[] = [
  {
    name: "P4 CL with leading zeros becomes plain",
    send: post(["Content-Length: 003"], "abc"),
    body: "abc",
    contentLength: "3",
    transferEncoding: undefined,
  },
  {
    name: "P4 CL with blanks and tabs around",
    send: post(["Content-Length: \t 3 \t"], "abc"),
    body: "abc",
    contentLength: "3",
    transferEncoding: undefined,
  },
  { name: "CL 0", send: post(["Content-Length: 0"], ""), body: "", contentLength: "0", transferEncoding: undefined },
  {
    name: "CL in odd letter case",
    send: post(["cOnTeNt-LeNgTh: 3"], "abc"),
    body: "abc",
    contentLength: "3",
    transferEncoding: undefined,
  },
  {
    name: "P5 TE in upper case",
    send: post(["Transfer-Encoding: CHUNKED"], CHUNKS),
    body: "hello",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "P5 TE in mixed case",
    send: post(["TRANSFER-encoding: ChUnKeD"], CHUNKS),
    body: "hello",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "TE with blanks and tabs around",
    send: post(["Transfer-Encoding: \t chunked \t"], CHUNKS),
    body: "hello",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "P8 chunk sizes with leading zeros and letters of both cases",
    send: post([CHUNKED], "00A\r\n0123456789\r\n00b\r\nabcdefghijk\r\n00\r\n\r\n"),
    body: "0123456789abcdefghijk",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "P9 valid chunk extensions are dropped",
    send: post([CHUNKED], '5;a;b=c;d="e\\"; f"\r\nhello\r\n0;last\r\n\r\n'),
    body: "hello",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "chunked without data",
    send: post([CHUNKED], "0\r\n\r\n"),
    body: "",
    contentLength: undefined,
    transferEncoding: "chunked",
  },
  {
    name: "P39 a body with GET",
    send: "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\nContent-Length: 3\r\n\r\nabc",
    body: "abc",
    contentLength: "3",
    transferEncoding: undefined,
  },
  {
    name: "POST without any length",
    send: post([], ""),
    body: "",
    contentLength: undefined,
    transferEncoding: undefined,
  },
  {
    name: "CL in HTTP/1.0",
    send: post(["Content-Length: 3"], "abc", "HTTP/1.0"),
    body: "abc",
    contentLength: "3",
    transferEncoding: undefined,
  },
];

behaviour("Framing of requests", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  testRefused(proxy, HEAD_CASES);
  testRefused(proxy, BODY_CASES);

  for (const accepted of ACCEPTED) {
    for (const pace of ["whole", "octet by octet"]) {
      test(`${accepted.name}, ${pace}: passed on in one plain form`, async () => {
        await using origin = await Origin.start();
        await using client = await connectRaw(proxy());
        const octets = fill(accepted.send, origin);
        await (pace === "whole" ? client.send(octets) : client.sendByteByByte(octets));
        const { upstream, request } = await origin.acceptRequest();
        expect({
          body: request.body,
          contentLength: request.value("content-length"),
          transferEncoding: request.value("transfer-encoding"),
        }).toEqual({
          body: accepted.body,
          contentLength: accepted.contentLength,
          transferEncoding: accepted.transferEncoding,
        });
        await upstream.send(OK_ANSWER);
        expect((await client.readResponse()).body).toBe("ok");
        expect(upstream.unread).toBe("");
      });
    }
  }

  test("P11 trailers never become header fields, and the request behind them is read from its start", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    const trailers = ["X-Checksum: abc", "Authorization: Bearer stolen", "X-Last: 2"];
    await client.send(
      fill(post([CHUNKED, "Trailer: X-Checksum"], `5\r\nhello\r\n0\r\n${trailers.join("\r\n")}\r\n\r\n`), origin),
    );
    await client.send(fill("GET http://{o}/next HTTP/1.1\r\nHost: {o}\r\n\r\n", origin));
    expect((await client.readResponse()).status).toBe(200);
    expect((await client.readResponse()).status).toBe(200);
    const [first, second] = origin.requests;
    expect(first?.trailers).toContainEqual(["X-Checksum", "abc"]);
    expect(first?.trailers).toContainEqual(["X-Last", "2"]);
    expect(first?.names).not.toContain("authorization");
    expect(first?.names).not.toContain("x-checksum");
    expect(second?.target).toBe("/next");
  });

  test("P11 trailers that would frame or route never reach the origin as such", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    const trailers = "Content-Length: 50\r\nTransfer-Encoding: chunked\r\nHost: evil.example\r\nConnection: close\r\n";
    await client.send(fill(post([CHUNKED], `5\r\nhello\r\n0\r\n${trailers}\r\n`), origin));
    const response = await client.readResponse();
    if (response.status === 200) {
      const names = origin.requests[0]?.trailers.map((trailer) => trailer[0].toLowerCase());
      expect(names).not.toContain("content-length");
      expect(names).not.toContain("transfer-encoding");
      expect(names).not.toContain("host");
      expect(names).not.toContain("connection");
      expect(origin.requests[0]?.values("host")).toEqual([origin.authority]);
    } else {
      expect([response.status, response.closes]).toEqual([400, true]);
    }
  });
});
