// Requests that break the grammar of lines, names, values and versions, and bytes that are no HTTP at all.
import { describe, expect, test } from "bun:test";
import { octets, readRequests } from "./message_log.ts";
import { get, HOST, type RefusalRow, testRefusals } from "./request_refusal.ts";

const FOLDED = "Cannot read the request head: a line that begins with a blank (folded or before the first field)";
const VERSION_UNKNOWN = "Cannot speak this version of HTTP: only HTTP/1.1 and HTTP/1.0 are known";

function badLine(state: string): string {
  return `Cannot read the request line: ${state}`;
}

function badHead(state: string): string {
  return `Cannot read the request head: ${state}`;
}

const LINE_ROWS: RefusalRow[] = [
  {
    name: "P12 bare LF behind the request line",
    input: `GET http://a.test/ HTTP/1.1\n${HOST}\r\n`,
    details: badLine("a bare LF behind the version"),
  },
  {
    name: "P12 bare LF behind a field",
    input: `GET http://a.test/ HTTP/1.1\r\nHost: a.test\n\r\n`,
    details: badHead("a bare LF in a field value"),
  },
  {
    name: "P12 bare LF as the empty line",
    input: `GET http://a.test/ HTTP/1.1\r\n${HOST}\n`,
    details: badHead("a bare LF at the start of a line"),
  },
  {
    name: "P12 bare LF before the request",
    input: `\n${get("")}`,
    details: badLine("a bare LF where a method should be"),
  },
  { name: "P12 bare CR in a value", input: get("X: a\rb\r\n"), details: badHead("a bare CR in a field value") },
  { name: "P12 CR CR LF", input: get("X: a\r\r\n"), details: badHead("a bare CR in a field value") },
  { name: "P12 bare CR in a name", input: get("X\r: a\r\n"), details: badHead("a bare CR in a field name") },
  {
    name: "P12 bare CR as a line",
    input: `GET http://a.test/ HTTP/1.1\r\n${HOST}\rX`,
    details: badHead("a bare CR at the start of a line"),
  },
  {
    name: "P12 bare CR in the target",
    input: `GET http://a.test/\rx HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("the version is missing"),
  },
  {
    name: "P12 bare CR behind the version",
    input: `GET http://a.test/ HTTP/1.1\rX`,
    details: badLine("a bare CR behind the version"),
  },
  {
    name: "P12 bare CR before the request",
    input: `\rGET http://a.test/ HTTP/1.1\r\n`,
    details: badLine("a bare CR before it"),
  },
  { name: "P13 obs-fold by a blank", input: get("X: a\r\n b\r\n"), details: FOLDED },
  { name: "P13 obs-fold by a tab", input: get("X: a\r\n\tb\r\n"), details: FOLDED },
  { name: "P13 obs-fold of nothing", input: get("X: a\r\n \r\n"), details: FOLDED },
  { name: "P13 blank before the first field", input: `GET http://a.test/ HTTP/1.1\r\n ${HOST}\r\n`, details: FOLDED },
  { name: "P14 blank before a colon", input: get("X : a\r\n"), details: badHead("a blank in a field name") },
  { name: "P14 tab before a colon", input: get("X\t: a\r\n"), details: badHead("a tab in a field name") },
  { name: "P14 blank in a name", input: get("X Y: a\r\n"), details: badHead("a blank in a field name") },
  { name: "P14 no colon", input: get("X\r\n"), details: badHead("a bare CR in a field name") },
  { name: "P14 parenthesis in a name", input: get("X(a): b\r\n"), details: badHead("'(' in a field name") },
  { name: "P14 octet 0xe4 in a name", input: get("X\xe4: b\r\n"), details: badHead("octet 0xe4 in a field name") },
  { name: "P14 quote begins a name", input: get('"X": b\r\n'), details: badHead("octet 0x22 at the start of a line") },
  { name: "P15 empty name", input: get(": a\r\n"), details: badHead("a field without a name") },
  { name: "P16 NUL in a value", input: get("X: a\0b\r\n"), details: badHead("a NUL in a field value") },
  { name: "P16 NUL in a name", input: get("X\0: b\r\n"), details: badHead("a NUL in a field name") },
  { name: "P16 DEL in a value", input: get("X: \x7f\r\n"), details: badHead("octet 0x7f in a field value") },
  { name: "P16 ESC in a value", input: get("X: \x1b[2J\r\n"), details: badHead("octet 0x1b in a field value") },
  {
    name: "P16 NUL in the target",
    input: `GET http://a.test/\0 HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a NUL in the target"),
  },
  {
    name: "P16 DEL in the target",
    input: `GET http://a.test/\x7f HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("octet 0x7f in the target"),
  },
  {
    name: "P16 NUL in the method",
    input: `G\0T http://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a NUL in the method"),
  },
  {
    name: "P18 two blanks behind the method",
    input: `GET  http://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a blank where the target should be"),
  },
  {
    name: "P18 two blanks before the version",
    input: `GET http://a.test/  HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a blank in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  {
    name: "P18 tab behind the method",
    input: `GET\thttp://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a tab in the method"),
  },
  {
    name: "P18 tab before the version",
    input: `GET http://a.test/\tHTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("a tab in the target"),
  },
  {
    name: "P18 blank behind the version",
    input: `GET http://a.test/ HTTP/1.1 \r\n${HOST}\r\n`,
    details: badLine("a blank behind the version"),
  },
  {
    name: "P18 blank in the target",
    input: `GET http://a.test/a b HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("'b' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  { name: "P18 blank before the method", input: ` ${get("")}`, details: badLine("a blank where a method should be") },
  { name: "P18 no version (HTTP/0.9)", input: "GET http://a.test/\r\n", details: badLine("the version is missing") },
  {
    name: "P18 HTTP/0.9 by name",
    input: get("", "HTTP/0.9"),
    status: 505,
    details: VERSION_UNKNOWN,
  },
  {
    name: "P18 lower-case version",
    input: get("", "http/1.1"),
    details: badLine("'h' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  {
    name: "P18 version without a minor number",
    input: get("", "HTTP/1"),
    details: badLine("a bare CR in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  { name: "P18 two-digit minor version", input: get("", "HTTP/1.10"), details: badLine("'0' behind the version") },
  {
    name: "P18 two-digit major version",
    input: get("", "HTTP/11.1"),
    details: badLine("'1' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  {
    name: "P18 leading zero in the version",
    input: get("", "HTTP/01.1"),
    details: badLine("'1' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  { name: "P18 minor version that is no digit", input: get("", "HTTP/1.x"), details: badLine("'x' in the version") },
  {
    name: "P18 another protocol",
    input: get("", "RTSP/1.0"),
    details: badLine("'R' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  { name: "P18 HTTP/2.0", input: get("", "HTTP/2.0"), status: 505, details: VERSION_UNKNOWN },
  { name: "P18 HTTP/3", input: get("", "HTTP/3"), status: 505, details: VERSION_UNKNOWN },
  { name: "P18 HTTP/9.9", input: get("", "HTTP/9.9"), status: 505, details: VERSION_UNKNOWN },
  {
    name: "P18 no method",
    input: " http://a.test/ HTTP/1.1\r\n",
    details: badLine("a blank where a method should be"),
  },
  { name: "P18 G(T", input: `G(T http://a.test/ HTTP/1.1\r\n${HOST}\r\n`, details: badLine("'(' in the method") },
  {
    name: "P18 octet 0xe4 in the method",
    input: `G\xe4T http://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("octet 0xe4 in the method"),
  },
  {
    name: "P18 three empty lines before it",
    input: `\r\n\r\n\r\n${get("")}`,
    details: badLine("a bare CR where a method should be"),
  },
  {
    name: "P36 fragment in the target",
    input: `GET http://a.test/#b HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("'#' in the target"),
  },
  {
    name: "P36 backslash in the target",
    input: `GET http://a.test\\@b.test/ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("octet 0x5c in the target"),
  },
  {
    name: "P36 backslash begins the target",
    input: `GET \\ HTTP/1.1\r\n${HOST}\r\n`,
    details: badLine("octet 0x5c where the target should be"),
  },
];

const FOREIGN_ROWS: RefusalRow[] = [
  { name: "P38 HTTP/2 preface", input: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 505, details: VERSION_UNKNOWN },
  {
    name: "P38 TLS hello",
    input: "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    details: badLine("octet 0x16 where a method should be"),
  },
  { name: "P38 SSH banner", input: "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", details: badLine("the version is missing") },
  { name: "P38 SMTP greeting", input: "EHLO a.test\r\n", details: badLine("the version is missing") },
  { name: "P38 SOCKS 5", input: "\x05\x01\0", details: badLine("octet 0x05 where a method should be") },
  {
    name: "P38 PROXY protocol",
    input: "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    details: badLine("'1' in the version, which should be HTTP/1.1 or HTTP/1.0"),
  },
  { name: "P38 JSON", input: '{"a":1}', details: badLine("'{' where a method should be") },
];

describe("RequestReader.read() refuses the syntax", () => {
  testRefusals([...LINE_ROWS, ...FOREIGN_ROWS]);
});

describe("RequestReader.read() faults at the first octet that cannot be", () => {
  const rows = [
    { name: "P38 TLS hello", input: "\x16\x03\x01", at: 0 },
    { name: "P38 HTTP/2 preface", input: "PRI * HTTP/2.0\r\n", at: "PRI * HTTP/".length },
    { name: "P18 lower-case version", input: "GET / http/1.1\r\n", at: "GET / ".length },
    { name: "P12 bare LF", input: "GET / HTTP/1.1\n", at: "GET / HTTP/1.1".length },
    { name: "P13 fold", input: "GET / HTTP/1.1\r\nA: b\r\n c", at: "GET / HTTP/1.1\r\nA: b\r\n".length },
    { name: "P16 NUL in a value", input: "GET / HTTP/1.1\r\nA: b\0c", at: "GET / HTTP/1.1\r\nA: b".length },
  ];
  test.each(rows)("$name", ({ input, at }) => {
    const bytes = octets(input);
    expect(readRequests([bytes.subarray(0, at)]).entries).toEqual([]);
    expect(readRequests([bytes.subarray(0, at + 1)]).entries).toMatchObject([{ code: "http_request_error" }]);
  });
});
