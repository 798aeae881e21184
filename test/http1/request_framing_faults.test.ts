// Requests whose end two recipients could see in different places.
import { describe } from "bun:test";
import { HOST, post, type RefusalRow, testRefusals } from "./request_refusal.ts";

const BOTH = "Cannot tell where the body ends: both Transfer-Encoding and Content-Length are given";
const TWO_LENGTHS = "Cannot tell where the body ends: Content-Length is given more than once";
const TWO_CODINGS = "Cannot tell where the body ends: Transfer-Encoding is given more than once";
const FOLDED = "Cannot read the request head: a line that begins with a blank (folded or before the first field)";
const CONNECT_BODY = "Cannot accept CONNECT: the request has a body";

const BAD_LENGTH = "Cannot tell where the body ends: Content-Length is not one whole number";

const BAD_CODING = "Cannot tell where the body ends: Transfer-Encoding is not chunked";
const UNKNOWN_CODING = "Cannot decode Transfer-Encoding: chunked is the only coding known";

function badHead(state: string): string {
  return `Cannot read the request head: ${state}`;
}

const LENGTH_ROWS: RefusalRow[] = [
  {
    name: "P1 Content-Length, then Transfer-Encoding",
    input: post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    details: BOTH,
  },
  {
    name: "P1 Transfer-Encoding, then Content-Length",
    input: post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
    details: BOTH,
  },
  {
    name: "P1 both with Content-Length 0",
    input: post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", ""),
    details: BOTH,
  },
  { name: "P1 both in odd cases", input: post("TRANSFER-encoding: chunked\r\ncontent-LENGTH: 3\r\n"), details: BOTH },
  { name: "P2 two different lengths", input: post("Content-Length: 3\r\nContent-Length: 4\r\n"), details: TWO_LENGTHS },
  { name: "P2 two equal lengths", input: post("Content-Length: 3\r\nContent-Length: 3\r\n"), details: TWO_LENGTHS },
  {
    name: "P2 two lengths apart",
    input: post("Content-Length: 3\r\nX: y\r\ncontent-length: 3\r\n"),
    details: TWO_LENGTHS,
  },
  { name: "P2 a list of equal lengths", input: post("Content-Length: 3, 3\r\n"), details: BAD_LENGTH },
  { name: "P2 a list of different lengths", input: post("Content-Length: 3,4\r\n"), details: BAD_LENGTH },
  { name: "P3 plus sign", input: post("Content-Length: +3\r\n"), details: BAD_LENGTH },
  { name: "P3 minus sign", input: post("Content-Length: -3\r\n"), details: BAD_LENGTH },
  { name: "P3 minus zero", input: post("Content-Length: -0\r\n"), details: BAD_LENGTH },
  { name: "P3 blank inside", input: post("Content-Length: 1 3\r\n"), details: BAD_LENGTH },
  { name: "P3 hexadecimal", input: post("Content-Length: 0x3\r\n"), details: BAD_LENGTH },
  { name: "P3 hexadecimal digit", input: post("Content-Length: a\r\n"), details: BAD_LENGTH },
  { name: "P3 underscore", input: post("Content-Length: 1_0\r\n"), details: BAD_LENGTH },
  { name: "P3 fraction", input: post("Content-Length: 3.0\r\n"), details: BAD_LENGTH },
  { name: "P3 exponent", input: post("Content-Length: 3e0\r\n"), details: BAD_LENGTH },
  { name: "P3 empty", input: post("Content-Length:\r\n"), details: BAD_LENGTH },
  { name: "P3 blanks only", input: post("Content-Length: \t \r\n"), details: BAD_LENGTH },
  { name: "P3 quoted", input: post('Content-Length: "3"\r\n'), details: BAD_LENGTH },
  { name: "P3 a digit of another script", input: post("Content-Length: \xb3\r\n"), details: BAD_LENGTH },
  {
    name: "P3 one above 2^53-1",
    input: post("Content-Length: 9007199254740992\r\n"),
    details: BAD_LENGTH,
  },
  {
    name: "P3 2^64",
    input: post("Content-Length: 18446744073709551616\r\n"),
    details: BAD_LENGTH,
  },
  {
    name: "P4 20 digits",
    input: post("Content-Length: 00000000000000000003\r\n"),
    details: BAD_LENGTH,
  },
  {
    name: "P3 long junk is cut",
    input: post(`Content-Length: ${"9".repeat(50)}\r\n`),
    details: BAD_LENGTH,
  },
  { name: "P13 folded length", input: post("Content-Length: 3\r\n 0\r\n"), details: FOLDED },
];

const CODING_ROWS: RefusalRow[] = [
  {
    name: "P6 unknown coding, then chunked",
    input: post("Transfer-Encoding: gzip, chunked\r\n"),
    status: 501,
    details: UNKNOWN_CODING,
  },
  {
    name: "P6 two unknown codings, then chunked",
    input: post("Transfer-Encoding: gzip,deflate ,\tChunked\r\n"),
    status: 501,
    details: UNKNOWN_CODING,
  },
  { name: "P6 unknown coding alone", input: post("Transfer-Encoding: gzip\r\n"), details: BAD_CODING },
  { name: "P6 xchunked", input: post("Transfer-Encoding: xchunked\r\n"), details: BAD_CODING },
  { name: "P6 chunkedx", input: post("Transfer-Encoding: chunkedx\r\n"), details: BAD_CODING },
  {
    name: "P6 chunked not last",
    input: post("Transfer-Encoding: chunked, gzip\r\n"),
    details: BAD_CODING,
  },
  {
    name: "P6 chunked, then identity",
    input: post("Transfer-Encoding: chunked, identity\r\n"),
    details: BAD_CODING,
  },
  {
    name: "P6 identity, then chunked",
    input: post("Transfer-Encoding: identity, chunked\r\n"),
    details: BAD_CODING,
  },
  { name: "P6 identity", input: post("Transfer-Encoding: identity\r\n"), details: BAD_CODING },
  {
    name: "P6 identity with a length",
    input: post("Transfer-Encoding: identity\r\nContent-Length: 3\r\n"),
    details: BAD_CODING,
  },
  {
    name: "P6 chunked twice in a list",
    input: post("Transfer-Encoding: chunked, chunked\r\n"),
    details: BAD_CODING,
  },
  {
    name: "P6 chunked, another, chunked",
    input: post("Transfer-Encoding: chunked, gzip, chunked\r\n"),
    details: BAD_CODING,
  },
  { name: "P6 leading comma", input: post("Transfer-Encoding: , chunked\r\n"), details: BAD_CODING },
  { name: "P6 trailing comma", input: post("Transfer-Encoding: chunked,\r\n"), details: BAD_CODING },
  {
    name: "P6 empty element",
    input: post("Transfer-Encoding: gzip,,chunked\r\n"),
    details: BAD_CODING,
  },
  { name: "P6 empty", input: post("Transfer-Encoding:\r\n"), details: BAD_CODING },
  { name: "P6 parameter", input: post("Transfer-Encoding: chunked;q=1\r\n"), details: BAD_CODING },
  {
    name: "P6 parameter before chunked",
    input: post("Transfer-Encoding: gzip;q=1, chunked\r\n"),
    details: BAD_CODING,
  },
  { name: "P6 quoted", input: post('Transfer-Encoding: "chunked"\r\n'), details: BAD_CODING },
  { name: "P6 blank inside", input: post("Transfer-Encoding: chun ked\r\n"), details: BAD_CODING },
  {
    name: "P6 no-break space before it",
    input: post("Transfer-Encoding: \xa0chunked\r\n"),
    details: BAD_CODING,
  },
  {
    name: "P6 vertical tab before it",
    input: post("Transfer-Encoding: \x0bchunked\r\n"),
    details: badHead("octet 0x0b in a field value"),
  },
  {
    name: "P6 form feed behind it",
    input: post("Transfer-Encoding: chunked\x0c\r\n"),
    details: badHead("octet 0x0c in a field value"),
  },
  {
    name: "P6 two lines",
    input: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    details: TWO_CODINGS,
  },
  {
    name: "P6 two lines, one identity",
    input: post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
    details: TWO_CODINGS,
  },
  {
    name: "P7 in HTTP/1.0",
    input: `POST http://a.test/ HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    details: "Cannot tell where the body ends: Transfer-Encoding is given in HTTP/1.0",
  },
  {
    name: "P14 blank before its colon",
    input: post("Transfer-Encoding : chunked\r\n"),
    details: badHead("a blank in a field name"),
  },
  { name: "P13 folded coding", input: post("Transfer-Encoding:\r\n chunked\r\n"), details: FOLDED },
];

const CONNECT_ROWS: RefusalRow[] = [
  {
    name: "P22 CONNECT with a length",
    input: `CONNECT a.test:443 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
    details: CONNECT_BODY,
  },
  {
    name: "P22 CONNECT, chunked",
    input: `CONNECT a.test:443 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
    details: CONNECT_BODY,
  },
  {
    name: "P22 CONNECT with a bad length",
    input: `CONNECT a.test:443 HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n`,
    details: BAD_LENGTH,
  },
  {
    name: "P22 CONNECT with lengths 0 and 0",
    input: "CONNECT a.test:443 HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    details: TWO_LENGTHS,
  },
];

describe("RequestReader.read() refuses the framing", () => {
  testRefusals([...LENGTH_ROWS, ...CODING_ROWS, ...CONNECT_ROWS]);
});
