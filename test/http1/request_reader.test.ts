// Requests that are accepted: what is told of them, in which order, and where reading stops.
import { describe, expect, test } from "bun:test";
import { everyCut, type LogEntry, octets, readRequests } from "./message_log.ts";

const HOST = "Host: a.test\r\n";
const GET = `GET http://a.test/ HTTP/1.1\r\n${HOST}\r\n`;

interface Row {
  readonly name: string;
  readonly input: string;
  readonly expected: readonly LogEntry[];
  /** What is not taken. */
  readonly left?: string;
}

function head(line: string, fields: string[], framing = "none", keepAlive = true): LogEntry {
  return { head: line, fields, framing, keepAlive };
}

const END: LogEntry = { end: undefined };
const GET_HEAD = head("GET http://a.test/ 1.1", ["Host: a.test"]);
const POST = "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n";

function posted(field: string, framing: string): LogEntry {
  return head("POST http://a.test/ 1.1", ["Host: a.test", field], framing);
}

function hostRow(host: string): Row {
  return {
    name: `P20 Host ${host === "" ? "empty" : host}`,
    input: `GET http://a.test/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    expected: [head("GET http://a.test/ 1.1", [`Host: ${host}`]), END],
  };
}

const ROWS: Row[] = [
  { name: "a request without a body", input: GET, expected: [GET_HEAD, END] },
  { name: "one empty line before it", input: `\r\n${GET}`, expected: [GET_HEAD, END] },
  { name: "two empty lines before it", input: `\r\n\r\n${GET}`, expected: [GET_HEAD, END] },
  {
    name: "two empty lines before each",
    input: `\r\n\r\n${GET}\r\n\r\n${GET}`,
    expected: [GET_HEAD, END, GET_HEAD, END],
  },
  { name: "nothing but empty lines", input: "\r\n\r\n", expected: [] },
  {
    name: "pipelined requests in order",
    input:
      `${GET}${POST}Content-Length: 3\r\n\r\nabc${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n${GET}`,
    expected: [
      GET_HEAD,
      END,
      posted("Content-Length: 3", "length 3"),
      { body: "abc" },
      END,
      posted("Transfer-Encoding: chunked", "chunked"),
      { body: "x" },
      END,
      GET_HEAD,
      END,
    ],
  },
  {
    name: "P4 leading zeros in a length",
    input: `${POST}Content-Length: 0000000000000000003\r\n\r\nabc`,
    expected: [posted("Content-Length: 0000000000000000003", "length 3"), { body: "abc" }, END],
  },
  {
    name: "a length of 0",
    input: `${POST}Content-Length: 0\r\n\r\n`,
    expected: [posted("Content-Length: 0", "length 0"), END],
  },
  {
    name: "P3 the largest length",
    input: `${POST}Content-Length: 9007199254740991\r\n\r\nab`,
    expected: [posted("Content-Length: 9007199254740991", "length 9007199254740991"), { body: "ab" }],
  },
  {
    name: "P5 a coding in odd case, with blanks",
    input: `${POST}transfer-ENCODING: \t cHUNked \t\r\n\r\n0\r\n\r\n`,
    expected: [posted("transfer-ENCODING: cHUNked", "chunked"), END],
  },
  {
    name: "a GET with a body",
    input: `GET http://a.test/ HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
    expected: [head("GET http://a.test/ 1.1", ["Host: a.test", "Content-Length: 2"], "length 2"), { body: "hi" }, END],
  },
  {
    name: "values with blanks, tabs and octets from 0x80 on, untouched",
    input: `GET http://a.test/ HTTP/1.1\r\n${HOST}X:  a\tb  \xe4\xff\x80 \t\r\nEmpty:\r\nBlank: \t\r\n\r\n`,
    expected: [
      head("GET http://a.test/ 1.1", ["Host: a.test", "X: a\tb  \xe4\xff\x80", "Empty: ", "Blank: "]),
      END,
    ],
  },
  {
    name: "every token octet in a name, order, case and repeats kept",
    input: `GET http://a.test/ HTTP/1.1\r\n${HOST}!#$%&'*+-.^_\`|~09azAZ:1\r\nb: 2\r\nB: 3\r\nb: 2\r\n\r\n`,
    expected: [
      head("GET http://a.test/ 1.1", ["Host: a.test", "!#$%&'*+-.^_`|~09azAZ: 1", "b: 2", "B: 3", "b: 2"]),
      END,
    ],
  },
  {
    name: "any token as the method, its case kept",
    input: `get http://a.test/ HTTP/1.1\r\n${HOST}\r\nPROP!find http://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    expected: [
      head("get http://a.test/ 1.1", ["Host: a.test"]),
      END,
      head("PROP!find http://a.test/ 1.1", ["Host: a.test"]),
      END,
    ],
  },
  {
    name: "a method that begins like CONNECT",
    input: `CONNECTS http://a.test/ HTTP/1.1\r\n${HOST}\r\n`,
    expected: [head("CONNECTS http://a.test/ 1.1", ["Host: a.test"]), END],
  },
  {
    name: "HTTP/1.2 as 1.1",
    input: `GET http://a.test/ HTTP/1.2\r\n${HOST}\r\n`,
    expected: [GET_HEAD, END],
  },
  {
    name: "HTTP/1.0 without Host",
    input: "GET http://a.test/ HTTP/1.0\r\n\r\n",
    expected: [head("GET http://a.test/ 1.0", [], "none", false), END],
  },
  {
    name: "P36 percent-encoding and octets from 0x80 on in the target, untouched",
    input: `GET http://b\xc3\xbc.test/%00%0d%0A/../"<>^\`{|}\xff?a=b HTTP/1.1\r\n${HOST}\r\n`,
    expected: [head('GET http://b\xc3\xbc.test/%00%0d%0A/../"<>^`{|}\xff?a=b 1.1', ["Host: a.test"]), END],
  },
  {
    name: "a target of one octet",
    input: `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    expected: [head("OPTIONS * 1.1", ["Host: a.test"]), END],
  },
  {
    name: "P20 CONNECT without Host, and nothing behind its head",
    input: "CONNECT a.test:443 HTTP/1.1\r\n\r\n\x16\x03\x01",
    expected: [head("CONNECT a.test:443 1.1", [])],
    left: "\x16\x03\x01",
  },
  {
    name: "P20 CONNECT with a Host that is none",
    input: "CONNECT a.test:443 HTTP/1.1\r\nHost: u@b/c, d\r\n\r\nGET / HTTP/1.1\r\n",
    expected: [head("CONNECT a.test:443 1.1", ["Host: u@b/c, d"])],
    left: "GET / HTTP/1.1\r\n",
  },
  {
    name: "P22 CONNECT with a length of 0",
    input: "CONNECT a.test:443 HTTP/1.0\r\nContent-Length: 00\r\n\r\nabc",
    expected: [head("CONNECT a.test:443 1.0", ["Content-Length: 00"], "none", false)],
    left: "abc",
  },
  ...[
    "",
    "a.test",
    "a.test:",
    "a.test:8080",
    "a_b!$&'()*+;=~.test",
    "[::1]",
    "[::ffff:1.2.3.4]:80",
    "1.2.3.4:80",
    "b%C3%bc",
    "b\xc3\xbc.test",
  ].map(hostRow),
];

describe("RequestReader.read() accepts", () => {
  test.each(ROWS)("$name", ({ input, expected, left = "" }) => {
    const state = expected.length === 0 || expected.at(-1) === END ? "idle" : left === "" ? "body" : "done";
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, ...readRequests(pieces) }).toEqual({
        cut,
        entries: [...expected],
        takenBytes: input.length - left.length,
        state,
      });
    }
  });
});

describe("RequestHead.keepAlive", () => {
  const rows = [
    { name: "HTTP/1.1", version: "1.1", lines: "", expected: true },
    { name: "HTTP/1.1 close", version: "1.1", lines: "Connection: close\r\n", expected: false },
    { name: "HTTP/1.1 Close in a list", version: "1.1", lines: "Connection: x ,\tClose , y\r\n", expected: false },
    {
      name: "HTTP/1.1 close on the second line",
      version: "1.1",
      lines: "Connection: x\r\nConnection: close\r\n",
      expected: false,
    },
    { name: "HTTP/1.1 closed is not close", version: "1.1", lines: "Connection: closed\r\n", expected: true },
    {
      name: "HTTP/1.1 close and keep-alive",
      version: "1.1",
      lines: "Connection: keep-alive, close\r\n",
      expected: false,
    },
    { name: "HTTP/1.1 Proxy-Connection close", version: "1.1", lines: "Proxy-Connection: close\r\n", expected: false },
    {
      name: "HTTP/1.1 Proxy-Connection keep-alive",
      version: "1.1",
      lines: "Proxy-Connection: keep-alive\r\n",
      expected: true,
    },
    { name: "HTTP/1.0", version: "1.0", lines: "", expected: false },
    { name: "HTTP/1.0 keep-alive", version: "1.0", lines: "Connection: Keep-Alive\r\n", expected: true },
    {
      name: "HTTP/1.0 keep-alive and close",
      version: "1.0",
      lines: "Connection: keep-alive, close\r\n",
      expected: false,
    },
    {
      name: "HTTP/1.0 Proxy-Connection keep-alive",
      version: "1.0",
      lines: "Proxy-Connection: keep-alive\r\n",
      expected: true,
    },
    {
      name: "HTTP/1.0 Proxy-Connection keep-alive, close",
      version: "1.0",
      lines: "Proxy-Connection: keep-alive\r\nConnection: close\r\n",
      expected: false,
    },
  ];
  test.each(rows)("$name: $expected", ({ version, lines: fields, expected }) => {
    const input = octets(`GET http://a.test/ HTTP/${version}\r\n${HOST}${fields}\r\n`);
    expect(readRequests([input]).entries[0]).toMatchObject({ keepAlive: expected });
  });
});
