// Which fields go no further than one connection, whoever names them.
import { describe, expect, test } from "bun:test";
import { forbiddenTrailers, hopByHop, isForbiddenTrailer } from "../../src/http1/connection.ts";
import type { Sender } from "../../src/http1/fault.ts";
import { Fields } from "../../src/http1/fields.ts";
import { HeadReader } from "../../src/http1/head_reader.ts";
import { MAX_FIELDS, MAX_HEAD_BYTES } from "../../src/limits.ts";
import { octets } from "./message_log.ts";

/** A section of these lines, whatever they would mean in a head. */
function sectionOf(lines: readonly string[]): Fields {
  const fields = new Fields();
  new HeadReader("client", fields, undefined, MAX_HEAD_BYTES, "section").read(
    octets([...lines, "", ""].join("\r\n")),
    0,
  );
  return fields;
}

/** The lines that are forwarded. */
function forwarded(lines: readonly string[], sender: Sender = "client"): string[] {
  const fields = sectionOf(lines);
  const marks = hopByHop(fields, sender);
  return lines.filter((_, index) => marks[index] !== 1);
}

describe("hopByHop() marks", () => {
  const rows: { name: string; lines: string[]; sender?: Sender; expected: string[] }[] = [
    {
      name: "nothing of end-to-end fields",
      lines: ["Host: a", "Accept: b", "Cookie: c", "Authorization: d", "X: e"],
      expected: ["Host: a", "Accept: b", "Cookie: c", "Authorization: d", "X: e"],
    },
    {
      name: "what is for the next hop alone",
      lines: ["Connection: close", "Keep-Alive: x", "Proxy-Connection: x", "TE: x", "Upgrade: x", "X: y"],
      expected: ["X: y"],
    },
    {
      name: "P34 credentials for a proxy",
      lines: ["Proxy-Authorization: x", "PROXY-authorization: x", "Authorization: y"],
      expected: ["Authorization: y"],
    },
    {
      name: "P34 a proxy's challenge",
      lines: ["Proxy-Authenticate: x", "Proxy-Authentication-Info: x", "WWW-Authenticate: y"],
      sender: "upstream",
      expected: ["WWW-Authenticate: y"],
    },
    {
      name: "P33 Proxy in a request",
      lines: ["Proxy: evil", "pROXY: evil", "Proxy-Status: x", "Proxyx: y"],
      expected: ["Proxy-Status: x", "Proxyx: y"],
    },
    { name: "P33 not Proxy in a response", lines: ["Proxy: x"], sender: "upstream", expected: ["Proxy: x"] },
    {
      name: "what Connection names, in any case",
      lines: ["Connection: X-Hop", "x-hop: 1", "X-HOP: 2", "X-Hope: 3", "X-Ho: 4"],
      expected: ["X-Hope: 3", "X-Ho: 4"],
    },
    {
      name: "every name of a list, with blanks and empty elements",
      lines: ["Connection: , a,\tb ,, c-d ,", "A: 1", "B: 2", "C-D: 3", "E: 4"],
      expected: ["E: 4"],
    },
    { name: "names of every Connection line", lines: ["Connection: a", "A: 1", "connection: b", "B: 2"], expected: [] },
    { name: "a name before the Connection that names it", lines: ["A: 1", "Connection: a"], expected: [] },
    { name: "Cache-Control when it is named", lines: ["Connection: Cache-Control", "Cache-Control: x"], expected: [] },
    {
      name: "P32 neither Host nor Content-Length, though named",
      lines: ["Connection: Host, content-length, close", "Host: a", "Content-Length: 0"],
      expected: ["Host: a", "Content-Length: 0"],
    },
    {
      name: "P32 Connection that names itself, once",
      lines: ["Connection: connection, connection", "X: y"],
      expected: ["X: y"],
    },
    { name: "P32 no name inside a field that is named", lines: ["Connection: A", "A: B", "B: 1"], expected: ["B: 1"] },
    {
      name: "no name out of a parameter or a quoted string",
      lines: ['Connection: a;q=1, "b"', "A: 1", "B: 2"],
      expected: ["A: 1", "B: 2"],
    },
    {
      name: "no name by its beginning or its end",
      lines: ["Connection: xa, ax, a x", "A: 1", "X: 2"],
      expected: ["A: 1", "X: 2"],
    },
    {
      name: "names with other token octets exactly",
      lines: ["Connection: a_b, c^d", "a_b: 1", "a-b: 1", "C^D: 2", "c~d: 3"],
      expected: ["a-b: 1", "c~d: 3"],
    },
    { name: "nothing where there is no field", lines: [], expected: [] },
  ];
  test.each(rows)("$name", ({ lines, sender, expected }) => {
    expect(forwarded(lines, sender)).toEqual(expected);
  });

  test("nothing left over from a longer head before", () => {
    forwarded(Array(20).fill("Connection: x"));
    expect(forwarded(["A: 1", "B: 2"])).toEqual(["A: 1", "B: 2"]);
  });

  test("the last of the most fields that there can be", () => {
    const lines = ["Connection: last", ...Array(MAX_FIELDS - 2).fill("A: 1"), "Last: 2"];
    expect(forwarded(lines)).toEqual(lines.slice(1, -1));
  });
});

describe("forbiddenTrailers() marks", () => {
  test("what the head's Connection names, but nothing that a trailer named so names", () => {
    const trailers = sectionOf(["X-Hop: 1", "X: 2", "Connection: X"]);
    expect([...forbiddenTrailers(trailers, sectionOf(["Connection: x-hop"])).subarray(0, 3)]).toEqual([1, 0, 1]);
  });

  test("Host and Content-Length, which a head's Connection cannot take away", () => {
    const trailers = sectionOf(["Host: a", "Content-Length: 0"]);
    expect([...forbiddenTrailers(trailers, sectionOf([])).subarray(0, 2)]).toEqual([1, 1]);
  });
});

describe("isForbiddenTrailer()", () => {
  const rows = [
    { name: "Digest", expected: false },
    { name: "ETag", expected: false },
    { name: "Server-Timing", expected: false },
    { name: "Grpc-Status", expected: false },
    { name: "Authentication-Info", expected: false },
    { name: "Prox", expected: false },
    { name: "Proxy", expected: true },
    { name: "Proxy-", expected: true },
    { name: "pRoXy-Foo", expected: true },
    { name: "Proxyx", expected: false },
    { name: "content-length", expected: true },
    { name: "TRANSFER-ENCODING", expected: true },
    { name: "Set-Cookie", expected: true },
    { name: "Set-Cookie2", expected: false },
  ];
  test.each(rows)("$name: $expected", ({ name, expected }) => {
    expect(isForbiddenTrailer(sectionOf([`${name}: 1`]), 0)).toBe(expected);
  });
});
