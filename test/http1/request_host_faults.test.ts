// Requests whose Host field is missing, repeated or no authority.
import { describe } from "bun:test";
import { get, HOST, type RefusalRow, testRefusals } from "./request_refusal.ts";

const NOT_AUTHORITY = "Cannot accept Host: not a host with an optional port";

const HOST_ROWS: RefusalRow[] = [
  {
    name: "P20 none in HTTP/1.1",
    input: "GET http://a.test/ HTTP/1.1\r\nX: y\r\n\r\n",
    details: "Cannot accept the request: Host is missing",
  },
  {
    name: "P20 none and no field at all",
    input: "GET http://a.test/ HTTP/1.1\r\n\r\n",
    details: "Cannot accept the request: Host is missing",
  },
  {
    name: "P20 two",
    input: get("Host: b.test\r\n"),
    details: "Cannot accept the request: Host is given more than once",
  },
  { name: "P20 two equal ones", input: get(HOST), details: "Cannot accept the request: Host is given more than once" },
  {
    name: "P20 two in HTTP/1.0",
    input: get("HOST: b.test\r\n", "HTTP/1.0"),
    details: "Cannot accept the request: Host is given more than once",
  },
  {
    name: "P20 two on CONNECT",
    input: `CONNECT a.test:443 HTTP/1.1\r\n${HOST}${HOST}\r\n`,
    details: "Cannot accept the request: Host is given more than once",
  },
  ...[
    ["list", "a.test, b.test"],
    ["list without blanks", "a.test,b.test"],
    ["path", "a.test/x"],
    ["URL", "http://a.test"],
    ["query", "a.test?x"],
    ["fragment", "a.test#x"],
    ["user information", "u@a.test"],
    ["user and password", "u:p@a.test"],
    ["blank", "a.test b.test"],
    ["tab", "a.test\tb"],
    ["port that is no number", "a.test:http"],
    ["negative port", "a.test:-1"],
    ["two ports", "a.test:80:80"],
    ["IPv6 address without brackets", "2001:db8::1"],
    ["open bracket", "[::1"],
    ["empty brackets", "[]"],
    ["name in brackets", "[a.test]"],
    ["zone in brackets", "[fe80::1%25eth0]"],
    ["text behind brackets", "[::1]x"],
    ["backslash", "a.test\\b"],
    ["bad percent-encoding", "a%2.test"],
    ["percent-encoding cut short", "a%2"],
  ].map(([name, value]) => ({
    name: `P20 ${name}`,
    input: `GET http://a.test/ HTTP/1.1\r\nHost: ${value}\r\n\r\n`,
    details: NOT_AUTHORITY,
  })),
  {
    name: "P20 a list in HTTP/1.0",
    input: "GET http://a.test/ HTTP/1.0\r\nHost: a, b\r\n\r\n",
    details: NOT_AUTHORITY,
  },
];

describe("RequestReader.read() refuses Host", () => {
  testRefusals(HOST_ROWS);
});
