// Responses that are accepted: what is told of them, how their bodies end, and where reading stops.
import { describe, expect, test } from "bun:test";
import { everyCut, type LogEntry, octets, readResponses } from "./message_log.ts";

interface Row {
  readonly name: string;
  readonly input: string;
  readonly methods?: readonly string[];
  /** The upstream's FIN follows. */
  readonly ended?: boolean;
  readonly expected: readonly LogEntry[];
  /** What is not taken. */
  readonly left?: string;
  readonly state?: string;
}

function head(line: string, fields: string[], framing: string, keepAlive = true): LogEntry {
  return { head: line, fields, framing, keepAlive };
}

const END: LogEntry = { end: undefined };
const OK = "HTTP/1.1 200 OK\r\n";
const EMPTY = `${OK}Content-Length: 0\r\n\r\n`;
const EMPTY_HEAD = head("1.1 200 OK", ["Content-Length: 0"], "length 0");

/** A response without a body whatever its fields say (RFC 9112 §6.3): what follows is the next one. */
function bodyless(method: string, status: number, field: string, keepAlive: boolean): Row {
  return {
    name: `P29 no body: ${status} to ${method} with ${field === "" ? "no field" : field}`,
    input: `HTTP/1.1 ${status} x\r\n${field === "" ? "" : `${field}\r\n`}\r\nhello`,
    methods: [method],
    expected: [head(`1.1 ${status} x`, field === "" ? [] : [field], "none", keepAlive), END],
    left: "hello",
  };
}

const ROWS: Row[] = [
  {
    name: "a length",
    input: `${OK}Content-Length: 3\r\n\r\nabc`,
    expected: [head("1.1 200 OK", ["Content-Length: 3"], "length 3"), { body: "abc" }, END],
  },
  {
    name: "P29 a length, and bytes behind the body that are not taken",
    input: `${OK}Content-Length: 3\r\n\r\nabcde`,
    expected: [head("1.1 200 OK", ["Content-Length: 3"], "length 3"), { body: "abc" }, END],
    left: "de",
  },
  {
    name: "P4 leading zeros in a length",
    input: `${OK}Content-Length: 003\r\n\r\nabc`,
    expected: [head("1.1 200 OK", ["Content-Length: 003"], "length 3"), { body: "abc" }, END],
  },
  {
    name: "P28 two equal lengths, merged",
    input: `${OK}Content-Length: 3\r\ncontent-length:  3\r\n\r\nabcd`,
    expected: [
      head("1.1 200 OK", ["Content-Length: 3", "content-length: 3"], "length 3"),
      { body: "abc" },
      END,
    ],
    left: "d",
  },
  {
    name: "chunks and trailers",
    input: `${OK}Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n`,
    expected: [head("1.1 200 OK", ["Transfer-Encoding: Chunked"], "chunked"), { body: "abc" }, { end: ["X: y"] }],
  },
  {
    name: "a body that ends with the connection",
    input: `${OK}X: y\r\n\r\nabc`,
    ended: true,
    expected: [head("1.1 200 OK", ["X: y"], "until-close", false), { body: "abc" }, END],
  },
  {
    name: "an empty body that ends with the connection",
    input: `${OK}\r\n`,
    ended: true,
    expected: [head("1.1 200 OK", [], "until-close", false), END],
  },
  {
    name: "HTTP/1.0 until the connection ends, whatever Connection says",
    input: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc",
    ended: true,
    expected: [head("1.0 200 OK", ["Connection: keep-alive"], "until-close", false), { body: "abc" }, END],
  },
  {
    name: "HTTP/1.0 with a length closes",
    input: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    expected: [head("1.0 200 OK", ["Content-Length: 0"], "length 0", false), END],
  },
  {
    name: "HTTP/1.0 with a length and keep-alive stays",
    input: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n",
    expected: [head("1.0 200 OK", ["Content-Length: 0", "Connection: Keep-Alive"], "length 0"), END],
  },
  {
    name: "an upstream's Proxy-Connection means nothing",
    input: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nProxy-Connection: keep-alive\r\n\r\n",
    expected: [head("1.0 200 OK", ["Content-Length: 0", "Proxy-Connection: keep-alive"], "length 0", false), END],
  },
  {
    name: "Connection close",
    input: `${OK}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    expected: [head("1.1 200 OK", ["Content-Length: 0", "Connection: close"], "length 0", false), END],
  },
  {
    name: "several, one for each request",
    input: `${EMPTY}${OK}Content-Length: 3\r\n\r\n${EMPTY}`,
    methods: ["GET", "HEAD", "POST"],
    expected: [EMPTY_HEAD, END, head("1.1 200 OK", ["Content-Length: 3"], "none"), END, EMPTY_HEAD, END],
  },
  {
    name: "interim responses before the final one",
    input: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${EMPTY}`,
    expected: [
      { interim: "1.1 100 Continue", fields: [] },
      { interim: "1.1 103 Early Hints", fields: ["Link: x"] },
      EMPTY_HEAD,
      END,
    ],
  },
  {
    name: "P29 an interim response with a length has no body",
    input: `HTTP/1.1 102 x\r\nContent-Length: 5\r\n\r\n${EMPTY}`,
    expected: [{ interim: "1.1 102 x", fields: ["Content-Length: 5"] }, EMPTY_HEAD, END],
  },
  {
    name: "P25 101, and nothing behind its head",
    input: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello",
    expected: [head("1.1 101 Switching Protocols", ["Upgrade: websocket", "Connection: Upgrade"], "none")],
    left: "\x81\x05hello",
  },
  {
    name: "no phrase, with the blank",
    input: "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    expected: [head("1.1 200 ", ["Content-Length: 0"], "length 0"), END],
  },
  {
    name: "no phrase, without the blank",
    input: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    expected: [head("1.1 200 ", ["Content-Length: 0"], "length 0"), END],
  },
  {
    name: "a phrase with blanks, tabs and octets from 0x80 on",
    input: "HTTP/1.1 404  Nicht\tgefunden \xe4\r\nContent-Length: 0\r\n\r\n",
    expected: [head("1.1 404  Nicht\tgefunden \xe4", ["Content-Length: 0"], "length 0"), END],
  },
  {
    name: "HTTP/1.2 as 1.1",
    input: "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    expected: [EMPTY_HEAD, END],
  },
  {
    name: "the largest status",
    input: "HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n",
    expected: [head("1.1 599 x", ["Content-Length: 0"], "length 0"), END],
  },
  bodyless("HEAD", 200, "Content-Length: 5", true),
  bodyless("HEAD", 200, "Transfer-Encoding: chunked", true),
  bodyless("HEAD", 200, "", true),
  bodyless("GET", 204, "", true),
  bodyless("GET", 204, "Content-Length: 0", true),
  bodyless("GET", 204, "Content-Length: 5", false),
  bodyless("GET", 204, "Transfer-Encoding: chunked", false),
  bodyless("GET", 304, "Content-Length: 5", true),
  bodyless("GET", 304, "Transfer-Encoding: chunked", true),
  bodyless("CONNECT", 200, "Content-Length: 5", true),
];

describe("ResponseReader.read() accepts", () => {
  test.each(ROWS)("$name", ({ input, methods = ["GET"], ended = false, expected, left = "" }) => {
    for (const { cut, pieces } of everyCut(octets(input))) {
      expect({ cut, ...readResponses(pieces, methods, ended) }).toEqual({
        cut,
        entries: [...expected],
        takenBytes: input.length - left.length,
        state: "done",
      });
    }
  });

  test("a refused CONNECT's body", () => {
    const log = readResponses([octets("HTTP/1.1 403 x\r\nContent-Length: 1\r\n\r\nx")], ["CONNECT"]);
    expect(log.entries.slice(1)).toEqual([{ body: "x" }, END]);
  });
});
