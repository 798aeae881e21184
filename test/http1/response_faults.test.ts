// Responses that are refused, by the text that goes into the 502, however the bytes are cut.
import { describe, expect, test } from "bun:test";
import { MAX_INTERIM_RESPONSES } from "../../src/limits.ts";
import { byteByByte, everyCut, type LogEntry, octets, readResponses, whole } from "./message_log.ts";

interface Row {
  readonly name: string;
  readonly input: string;
  readonly details: string;
  readonly method?: string;
}

function ok(lines: string, version = "HTTP/1.1"): string {
  return `${version} 200 OK\r\n${lines}\r\nabc`;
}

function badLine(state: string): string {
  return `Cannot read the status line: ${state}`;
}

function badHead(state: string): string {
  return `Cannot read the response head: ${state}`;
}

const BOTH = "Cannot tell where the body ends: both Transfer-Encoding and Content-Length are given";
const TWO_LENGTHS = "Cannot tell where the body ends: Content-Length is given more than once";
const NOT_VERSION = "in the version, which should be HTTP/1.1 or HTTP/1.0";

const BAD_LENGTH = "Cannot tell where the body ends: Content-Length is not one whole number";

const BAD_CODING = "Cannot tell where the body ends: Transfer-Encoding is not chunked";
const UNKNOWN_CODING = "Cannot decode Transfer-Encoding: chunked is the only coding known";

const ROWS: Row[] = [
  {
    name: "P28 both Content-Length and Transfer-Encoding",
    input: ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    details: BOTH,
  },
  {
    name: "P28 both, to HEAD",
    input: ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    method: "HEAD",
    details: BOTH,
  },
  {
    name: "P28 both, with 204",
    input: "HTTP/1.1 204 x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    details: BOTH,
  },
  {
    name: "P28 both, interim",
    input: "HTTP/1.1 100 x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    details: BOTH,
  },
  { name: "P28 two different lengths", input: ok("Content-Length: 3\r\nContent-Length: 4\r\n"), details: TWO_LENGTHS },
  {
    name: "P28 two lengths of one value",
    input: ok("Content-Length: 3\r\nContent-Length: 03\r\n"),
    details: TWO_LENGTHS,
  },
  {
    name: "P28 three lengths, the last different",
    input: ok("Content-Length: 3\r\ncontent-length: 3\r\nContent-Length: 4\r\n"),
    details: TWO_LENGTHS,
  },
  {
    name: "P28 two equal lengths and chunked",
    input: ok("Content-Length: 3\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    details: BOTH,
  },
  { name: "P28 a list of lengths", input: ok("Content-Length: 3, 3\r\n"), details: BAD_LENGTH },
  { name: "P28 negative length", input: ok("Content-Length: -3\r\n"), details: BAD_LENGTH },
  { name: "P28 empty length", input: ok("Content-Length:\r\n"), details: BAD_LENGTH },
  { name: "P28 length with a sign", input: ok("Content-Length: +3\r\n"), details: BAD_LENGTH },
  { name: "P28 hexadecimal length", input: ok("Content-Length: 0x3\r\n"), details: BAD_LENGTH },
  {
    name: "P28 length above 2^53-1",
    input: ok("Content-Length: 9007199254740992\r\n"),
    details: BAD_LENGTH,
  },
  { name: "P28 bad length in a 304", input: "HTTP/1.1 304 x\r\nContent-Length: x\r\n\r\n", details: BAD_LENGTH },
  { name: "P28 gzip", input: ok("Transfer-Encoding: gzip\r\n"), details: BAD_CODING },
  {
    name: "P28 gzip, chunked",
    input: ok("Transfer-Encoding: gzip, chunked\r\n"),
    details: UNKNOWN_CODING,
  },
  { name: "P28 identity", input: ok("Transfer-Encoding: identity\r\n"), details: BAD_CODING },
  {
    name: "P28 two Transfer-Encoding lines",
    input: ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    details: "Cannot tell where the body ends: Transfer-Encoding is given more than once",
  },
  {
    name: "P28 chunked in HTTP/1.0",
    input: ok("Transfer-Encoding: chunked\r\n", "HTTP/1.0"),
    details: "Cannot tell where the body ends: Transfer-Encoding is given in HTTP/1.0",
  },
  { name: "P18 no status line (HTTP/0.9)", input: "<html>", details: badLine(`'<' ${NOT_VERSION}`) },
  { name: "P18 HTTP/2.0", input: "HTTP/2.0 200 OK\r\n\r\n", details: badLine(`'2' ${NOT_VERSION}`) },
  { name: "P18 HTTP/0.9 by name", input: "HTTP/0.9 200 OK\r\n\r\n", details: badLine(`'0' ${NOT_VERSION}`) },
  { name: "P18 lower-case version", input: "http/1.1 200 OK\r\n\r\n", details: badLine(`'h' ${NOT_VERSION}`) },
  { name: "P18 ICY", input: "ICY 200 OK\r\n\r\n", details: badLine(`'I' ${NOT_VERSION}`) },
  { name: "P18 no minor version", input: "HTTP/1. 200 OK\r\n\r\n", details: badLine("a blank in the version") },
  {
    name: "P18 two-digit minor version",
    input: "HTTP/1.10 200 OK\r\n\r\n",
    details: badLine("'0' behind the version"),
  },
  { name: "P18 two blanks", input: "HTTP/1.1  200 OK\r\n\r\n", details: badLine("a blank in the status") },
  {
    name: "P18 tab before the status",
    input: "HTTP/1.1\t200 OK\r\n\r\n",
    details: badLine("a tab behind the version"),
  },
  { name: "P18 tab behind the status", input: "HTTP/1.1 200\tOK\r\n\r\n", details: badLine("a tab behind the status") },
  { name: "P18 status of two digits", input: "HTTP/1.1 20 OK\r\n\r\n", details: badLine("a blank in the status") },
  { name: "P18 status of four digits", input: "HTTP/1.1 2000 OK\r\n\r\n", details: badLine("'0' behind the status") },
  { name: "P18 status of letters", input: "HTTP/1.1 2xx OK\r\n\r\n", details: badLine("'x' in the status") },
  {
    name: "P18 status 099",
    input: "HTTP/1.1 099 OK\r\n\r\n",
    details: badLine("a status that begins with 0, not 1 to 5"),
  },
  {
    name: "P18 status 600",
    input: "HTTP/1.1 600 OK\r\n\r\n",
    details: badLine("a status that begins with 6, not 1 to 5"),
  },
  {
    name: "P18 status 999",
    input: "HTTP/1.1 999 OK\r\n\r\n",
    details: badLine("a status that begins with 9, not 1 to 5"),
  },
  { name: "P18 negative status", input: "HTTP/1.1 -20 OK\r\n\r\n", details: badLine("'-' in the status") },
  { name: "P18 empty line before it", input: `\r\n${ok("")}`, details: badLine(`a bare CR ${NOT_VERSION}`) },
  { name: "P16 NUL in the phrase", input: "HTTP/1.1 200 O\0K\r\n\r\n", details: badLine("a NUL in the reason phrase") },
  {
    name: "P16 DEL in the phrase",
    input: "HTTP/1.1 200 \x7f\r\n\r\n",
    details: badLine("octet 0x7f in the reason phrase"),
  },
  {
    name: "P12 bare LF behind the status line",
    input: "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    details: badLine("a bare LF in the reason phrase"),
  },
  {
    name: "P12 bare LF behind the status",
    input: "HTTP/1.1 200\nContent-Length: 0\r\n\r\n",
    details: badLine("a bare LF behind the status"),
  },
  {
    name: "P12 bare CR in the phrase",
    input: "HTTP/1.1 200 O\rK\r\n\r\n",
    details: badLine("a bare CR in the reason phrase"),
  },
  { name: "P12 bare LF behind a field", input: ok("X: y\n"), details: badHead("a bare LF in a field value") },
  {
    name: "P12 bare LF for the empty line",
    input: "HTTP/1.1 200 OK\r\nX: y\r\n\n",
    details: badHead("a bare LF at the start of a line"),
  },
  { name: "P12 bare CR in a value", input: ok("X: a\rb\r\n"), details: badHead("a bare CR in a field value") },
  {
    name: "P13 obs-fold",
    input: ok("X: a\r\n b\r\n"),
    details: badHead("a line that begins with a blank (folded or before the first field)"),
  },
  { name: "P14 blank before a colon", input: ok("X : a\r\n"), details: badHead("a blank in a field name") },
  { name: "P14 no colon", input: ok("X\r\n"), details: badHead("a bare CR in a field name") },
  { name: "P15 empty name", input: ok(": a\r\n"), details: badHead("a field without a name") },
  { name: "P16 NUL in a value", input: ok("X: \0\r\n"), details: badHead("a NUL in a field value") },
  { name: "P38 TLS alert", input: "\x15\x03\x01\0\x02\x02\x28", details: badLine(`octet 0x15 ${NOT_VERSION}`) },
];

function fault(details: string, code = "http_protocol_error"): LogEntry {
  return { fault: details, code, status: 502 };
}

describe("ResponseReader.read() refuses", () => {
  test.each(ROWS)("$name", ({ input, details, method = "GET" }) => {
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, ...readResponses(pieces, [method]) }).toEqual({
        cut,
        entries: [fault(details)],
        takenBytes: undefined,
        state: "dead",
      });
    }
  });

  test("P30 one interim response more than the limit", () => {
    const interim = "HTTP/1.1 103 x\r\n\r\n";
    const final = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const told: LogEntry[] = Array(MAX_INTERIM_RESPONSES).fill({ interim: "1.1 103 x", fields: [] });
    const within = octets(interim.repeat(MAX_INTERIM_RESPONSES) + final);
    const past = octets(interim.repeat(MAX_INTERIM_RESPONSES + 1) + final);
    for (const pieces of [whole, byteByByte]) {
      expect(readResponses(pieces(within), ["GET"]).entries.slice(0, -2)).toEqual(told);
      expect(readResponses(pieces(past), ["GET"]).entries).toEqual([
        ...told,
        fault("Cannot wait for the response: more than 16 interim ones came before it"),
      ]);
    }
  });

  test("P30 no sum of interim responses over several requests", () => {
    const one = "HTTP/1.1 103 x\r\n\r\n".repeat(MAX_INTERIM_RESPONSES) + "HTTP/1.1 204 x\r\n\r\n";
    expect(readResponses([octets(one + one)], ["GET", "GET"]).state).toBe("done");
  });
});

describe("ResponseReader.end()", () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
  const CUT_HEAD = fault(
    "Cannot read the response: the upstream closed the connection within its head",
    "connection_terminated",
  );
  const rows = [
    {
      name: "nothing had come",
      input: "",
      expected: fault(
        "Cannot read the response: the upstream closed the connection before it",
        "connection_terminated",
      ),
    },
    {
      name: "one octet had come",
      input: "H",
      expected: CUT_HEAD,
    },
    {
      name: "half a head had come",
      input: "HTTP/1.1 200 OK\r\nX: ",
      expected: CUT_HEAD,
    },
    {
      name: "an interim response had come",
      input: "HTTP/1.1 100 x\r\n\r\n",
      expected: CUT_HEAD,
    },
    {
      name: "no octet of a body had come",
      input: length,
      expected: fault("Cannot read the body: it ended after 0 of 3 bytes"),
    },
    {
      name: "the last octet of a body was missing",
      input: `${length}ab`,
      expected: fault("Cannot read the body: it ended after 2 of 3 bytes"),
    },
    {
      name: "no chunk had come",
      input: chunked,
      expected: fault("Cannot read the chunked body: it ended after 0 bytes without the last chunk"),
    },
    {
      name: "a chunk was cut",
      input: `${chunked}5\r\nabc`,
      expected: fault("Cannot read the chunked body: it ended after 3 bytes without the last chunk"),
    },
    {
      name: "the last chunk was missing",
      input: `${chunked}3\r\nabc\r\n`,
      expected: fault("Cannot read the chunked body: it ended after 3 bytes without the last chunk"),
    },
    {
      name: "the last CRLF was missing",
      input: `${chunked}0\r\n`,
      expected: fault("Cannot read the chunked body: it ended after 0 bytes without the last chunk"),
    },
    {
      name: "the last LF was missing",
      input: `${chunked}0\r\n\r`,
      expected: fault("Cannot read the chunked body: it ended after 0 bytes without the last chunk"),
    },
  ];
  test.each(rows)("is a fault where $name", ({ input, expected }) => {
    for (const { cut, pieces } of everyCut(octets(input))) {
      const log = readResponses(pieces, ["GET"], true);
      expect({ cut, last: log.entries.at(-1), state: log.state }).toEqual({ cut, last: expected, state: "dead" });
    }
  });

  test("counts each body by itself", () => {
    const log = readResponses([octets(`${length}abc${length}d`)], ["GET", "GET"], true);
    expect(log.entries.at(-1)).toEqual(fault("Cannot read the body: it ended after 1 of 3 bytes"));
  });
});
