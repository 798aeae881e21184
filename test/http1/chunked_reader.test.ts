// Chunked bodies: what is taken, what is dropped and what is a fault, as a request and as a response.
import { describe, expect, test } from "bun:test";
import { MAX_CHUNK_EXTENSION_BYTES, MAX_FIELDS, MAX_TRAILER_BYTES } from "../../src/limits.ts";
import { cutAt, everyCut, type LogEntry, octets, readRequests, readResponses } from "./message_log.ts";

const REQUEST =
  "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n";
const RESPONSE = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n";

/** What is told of a body behind its head. */
function requestBody(pieces: readonly Uint8Array[]): readonly LogEntry[] {
  return readRequests([octets(REQUEST), ...pieces], 1).entries.slice(1);
}

function responseBody(pieces: readonly Uint8Array[]): readonly LogEntry[] {
  return readResponses([octets(RESPONSE), ...pieces], ["GET"]).entries.slice(1);
}

const END: LogEntry = { end: undefined };

describe("ChunkedReader accepts", () => {
  const rows: { name: string; input: string; expected: LogEntry[] }[] = [
    { name: "an empty body", input: "0\r\n\r\n", expected: [END] },
    { name: "several chunks", input: "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", expected: [{ body: "abcd" }, END] },
    { name: "CR and LF in data", input: "4\r\n\r\n\r\n\r\n0\r\n\r\n", expected: [{ body: "\r\n\r\n" }, END] },
    {
      name: "both cases of digits",
      input: "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
      expected: [{ body: "01234567890123456789" }, END],
    },
    { name: "15 digits", input: "000000000000003\r\nabc\r\n000000000000000\r\n\r\n", expected: [{ body: "abc" }, END] },
    { name: "an extension by name", input: "3;a\r\nabc\r\n0;b\r\n\r\n", expected: [{ body: "abc" }, END] },
    { name: "an extension with a value", input: "3;a=b\r\nabc\r\n0\r\n\r\n", expected: [{ body: "abc" }, END] },
    {
      name: "an extension with a quoted value",
      input: '3;a="b;\\"\\\\ c\t\xe4"\r\nabc\r\n0\r\n\r\n',
      expected: [{ body: "abc" }, END],
    },
    { name: "an empty quoted value", input: '3;a=""\r\nabc\r\n0\r\n\r\n', expected: [{ body: "abc" }, END] },
    {
      name: "blanks between the parts of extensions",
      input: '3; \ta \t= \tb\t ; c ="d" ;e \r\nabc\r\n0\r\n\r\n',
      expected: [{ body: "abc" }, END],
    },
    {
      name: "trailers",
      input: "1\r\nx\r\n0\r\nDigest: 1\r\nx-B:  2 \r\nDigest: 3\r\n\r\n",
      expected: [{ body: "x" }, { end: ["Digest: 1", "x-B: 2", "Digest: 3"] }],
    },
    {
      name: "P11 no trailer of framing, routing or authentication",
      input:
        "0\r\nHost: b.test\r\nA: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nAuthorization: x\r\nProxy-Authorization: x\r\nProxy-Anything: x\r\nPROXY: x\r\nCookie: x\r\nSet-Cookie: x\r\nConnection: A\r\nKeep-Alive: x\r\nTE: x\r\nUpgrade: x\r\nExpect: x\r\nVia: x\r\nMax-Forwards: 1\r\nContent-Type: x\r\nContent-Encoding: x\r\nContent-Range: x\r\nCache-Control: x\r\nRange: x\r\nWWW-Authenticate: x\r\nB: 2\r\n\r\n",
      expected: [{ end: ["A: 1", "B: 2"] }],
    },
    {
      name: "P11 no trailer that the head's Connection names",
      input: "0\r\nx-hop: 1\r\nX-Hope: 2\r\n\r\n",
      expected: [{ end: ["X-Hope: 2"] }],
    },
    { name: "P11 forbidden trailers only", input: "0\r\nHost: b.test\r\n\r\n", expected: [END] },
  ];
  test.each(rows)("$name", ({ input, expected }) => {
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, entries: requestBody(pieces) }).toEqual({ cut, entries: expected });
      expect({ cut, entries: responseBody(pieces) }).toEqual({ cut, entries: expected });
    }
  });

  test("nothing behind the body", () => {
    const log = readResponses([octets(`${RESPONSE}0\r\n\r\nHTTP/1.1 200 OK\r\n`)], ["GET"]);
    expect([log.takenBytes, log.state]).toEqual([RESPONSE.length + 5, "done"]);
  });
});

describe("ChunkedReader refuses", () => {
  const rows: { name: string; input: string; state: string; told?: string }[] = [
    { name: "P8 no size", input: "\r\nabc", state: "a bare CR in a chunk size" },
    { name: "P8 0x", input: "0x3\r\nabc\r\n", state: "'x' in a chunk size" },
    { name: "P8 plus sign", input: "+3\r\nabc\r\n", state: "'+' in a chunk size" },
    { name: "P8 minus sign", input: "-3\r\nabc\r\n", state: "'-' in a chunk size" },
    { name: "P8 blank before", input: " 3\r\nabc\r\n", state: "a blank in a chunk size" },
    { name: "P8 blank behind", input: "3 \r\nabc\r\n", state: "a blank in a chunk size" },
    { name: "P8 blank before an extension", input: "3 ;a\r\nabc\r\n", state: "a blank in a chunk size" },
    { name: "P8 tab behind", input: "3\t\r\nabc\r\n", state: "a tab in a chunk size" },
    { name: "P8 underscore", input: "1_0\r\n0123456789abcdef\r\n", state: "'_' in a chunk size" },
    { name: "P8 no hexadecimal digit", input: "g\r\nabc\r\n", state: "'g' in a chunk size" },
    { name: "P8 octet 0xb3", input: "\xb3\r\nabc\r\n", state: "octet 0xb3 in a chunk size" },
    { name: "P8 16 digits", input: "0000000000000003\r\nabc\r\n", state: "a chunk size that is too large" },
    { name: "P8 17 digits", input: "10000000000000003\r\nabc\r\n", state: "a chunk size that is too large" },
    { name: "P8 one above 2^53-1", input: "20000000000000\r\nabc\r\n", state: "a chunk size that is too large" },
    { name: "P8 last chunk of 16 zeros", input: "0000000000000000\r\n\r\n", state: "a chunk size that is too large" },
    { name: "P12 bare LF behind the size", input: "3\nabc\r\n", state: "a bare LF in a chunk size" },
    { name: "P12 bare CR behind the size", input: "3\rabc\r\n", state: "a bare CR behind a chunk size" },
    { name: "P12 CR CR LF behind the size", input: "3\r\r\nabc\r\n", state: "a bare CR behind a chunk size" },
    { name: "P9 extension ended by a bare LF", input: "3;a\nabc\r\n", state: "a bare LF in a chunk extension" },
    { name: "P9 extension with a bare CR", input: "3;a\rb\r\nabc", state: "a bare CR behind a chunk size" },
    { name: "P9 extension value ended by a bare LF", input: "3;a=b\nabc\r\n", state: "a bare LF in a chunk extension" },
    { name: "P9 CRLF in a quoted value", input: '3;a="\r\n"\r\nabc\r\n', state: "a bare CR in a chunk extension" },
    { name: "P9 LF in a quoted value", input: '3;a="\n"\r\nabc\r\n', state: "a bare LF in a chunk extension" },
    {
      name: "P9 escaped CR in a quoted value",
      input: '3;a="\\\r"\r\nabc\r\n',
      state: "a bare CR in a chunk extension",
    },
    { name: "P9 NUL in a quoted value", input: '3;a="\0"\r\nabc\r\n', state: "a NUL in a chunk extension" },
    { name: "P9 no name", input: "3;\r\nabc\r\n", state: "a bare CR in a chunk extension" },
    { name: "P9 blank for a name", input: "3; \r\nabc\r\n", state: "a bare CR in a chunk extension" },
    { name: "P9 no name before the value", input: "3;=b\r\nabc\r\n", state: "'=' in a chunk extension" },
    { name: "P9 no value", input: "3;a=\r\nabc\r\n", state: "a bare CR in a chunk extension" },
    { name: "P9 two equals signs", input: "3;a=b=c\r\nabc\r\n", state: "'=' in a chunk extension" },
    { name: "P9 two names", input: "3;a b\r\nabc\r\n", state: "'b' in a chunk extension" },
    { name: "P9 text behind a quoted value", input: '3;a="b"c\r\nabc\r\n', state: "'c' in a chunk extension" },
    { name: "P9 quote in a bare value", input: '3;a=b"c"\r\nabc\r\n', state: "octet 0x22 in a chunk extension" },
    { name: "P9 octet 0xe4 in a name", input: "3;\xe4\r\nabc\r\n", state: "octet 0xe4 in a chunk extension" },
    {
      name: "P10 data longer than its size",
      input: "3\r\nabcd\r\n",
      told: "abc",
      state: "'d' where a chunk's data should end",
    },
    {
      name: "P10 data shorter than its size",
      input: "5\r\nabc\r\n0\r\n\r\n",
      told: "abc\r\n",
      state: "'0' where a chunk's data should end",
    },
    {
      name: "P10 data ended by LF",
      input: "3\r\nabc\n",
      told: "abc",
      state: "a bare LF where a chunk's data should end",
    },
    { name: "P10 data ended by CR", input: "3\r\nabc\rx", told: "abc", state: "a bare CR behind a chunk's data" },
  ];
  test.each(rows)("$name", ({ input, state, told }) => {
    const body = told === undefined ? [] : [{ body: told }];
    const fault = `Cannot read the chunked body: ${state}`;
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, entries: requestBody(pieces) })
        .toEqual({ cut, entries: [...body, { fault, code: "http_request_error", status: 400 }] });
      expect({ cut, entries: responseBody(pieces) })
        .toEqual({ cut, entries: [...body, { fault, code: "http_protocol_error", status: 502 }] });
    }
  });

  const trailerRows = [
    { name: "P12 trailer ended by LF", input: "0\r\nA: b\n\r\n", state: "a bare LF in a field value" },
    { name: "P12 LF for the empty line", input: "0\r\n\n", state: "a bare LF at the start of a line" },
    {
      name: "P13 folded trailer",
      input: "0\r\nA: b\r\n c\r\n\r\n",
      state: "a line that begins with a blank (folded or before the first field)",
    },
    { name: "P14 blank before a trailer's colon", input: "0\r\nA : b\r\n\r\n", state: "a blank in a field name" },
    { name: "P15 trailer without a name", input: "0\r\n: b\r\n\r\n", state: "a field without a name" },
    { name: "P16 NUL in a trailer", input: "0\r\nA: \0\r\n\r\n", state: "a NUL in a field value" },
  ];
  test.each(trailerRows)("$name", ({ input, state }) => {
    const fault = `Cannot read the trailer section: ${state}`;
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, entries: requestBody(pieces) })
        .toEqual({ cut, entries: [{ fault, code: "http_request_error", status: 400 }] });
      expect({ cut, entries: responseBody(pieces) })
        .toEqual({ cut, entries: [{ fault, code: "http_protocol_error", status: 502 }] });
    }
  });
});

describe("ChunkedReader's bounds", () => {
  const tooLong = "Cannot read the chunked body: more than 16384 bytes of chunk extensions";
  const cuts = [[], [1], [9_000], [16_384], [16_385], [16_386], [16_387], [16_388]];

  test("P9 the extensions of one body together", () => {
    const limit = MAX_CHUNK_EXTENSION_BYTES;
    // ";" and the name in two chunks: 8192 octets in each.
    const half = `;${"a".repeat(limit / 2 - 1)}`;
    const within = octets(`1${half}\r\nx\r\n0${half}\r\n\r\n`);
    const past = octets(`1${half}\r\nx\r\n0${half}a\r\n\r\n`);
    for (const offsets of cuts) {
      expect(requestBody(cutAt(within, offsets))).toEqual([{ body: "x" }, END]);
      expect(requestBody(cutAt(past, offsets))).toMatchObject([{ body: "x" }, { fault: tooLong, status: 400 }]);
      expect(responseBody(cutAt(past, offsets))).toMatchObject([{ body: "x" }, { fault: tooLong, status: 502 }]);
    }
  });

  test("P9 the extensions of each body by itself", () => {
    const one = `${REQUEST}1;${"a".repeat(10_000)}\r\nx\r\n0\r\n\r\n`;
    expect(readRequests([octets(one + one)]).entries.filter((entry) => "end" in entry)).toHaveLength(2);
  });

  test("P19 the octets of a trailer section", () => {
    const limit = MAX_TRAILER_BYTES;
    const value = "v".repeat(limit - "A: \r\n\r\n".length);
    const fault = "Cannot read the trailer section: it has more than 8192 bytes";
    for (const offsets of [[], [1], [3], [limit], [limit + 1], [limit + 2], [limit + 3], [limit + 4]]) {
      expect(requestBody(cutAt(octets(`0\r\nA: ${value}\r\n\r\n`), offsets))).toEqual([{ end: [`A: ${value}`] }]);
      const past = cutAt(octets(`0\r\nA: ${value}v\r\n\r\n`), offsets);
      expect(requestBody(past)).toMatchObject([{ fault, status: 431 }]);
      expect(responseBody(past)).toMatchObject([{ fault, status: 502 }]);
    }
  });

  test("P19 the fields of a trailer section", () => {
    const fields = (count: number) => octets(`0\r\n${"a: b\r\n".repeat(count)}\r\n`);
    expect(requestBody([fields(MAX_FIELDS)])).toEqual([{ end: Array(MAX_FIELDS).fill("a: b") }]);
    const fault = "Cannot read the trailer section: it has more than 256 fields";
    expect(requestBody([fields(MAX_FIELDS + 1)])).toMatchObject([{ fault, status: 431 }]);
    expect(responseBody([fields(MAX_FIELDS + 1)])).toMatchObject([{ fault, status: 502 }]);
  });

  test("P8 the largest size is read, and its data awaited", () => {
    const log = readRequests([octets(`${REQUEST}1fffffffffffff\r\nab`)]);
    expect([log.entries.at(-1), log.state]).toEqual([{ body: "ab" }, "body"]);
  });
});
