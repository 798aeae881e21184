// What is written: exact octets, and nothing that could split a message.
import { describe, expect, test } from "bun:test";
import { CHUNK_END, ChunkedWriter } from "../../src/http1/chunked_writer.ts";
import { Fields } from "../../src/http1/fields.ts";
import { HeadReader } from "../../src/http1/head_reader.ts";
import { formatFieldLine, HeadWriter } from "../../src/http1/head_writer.ts";
import { MAX_HEAD_BYTES } from "../../src/limits.ts";
import { octets, text } from "./message_log.ts";

function sectionOf(lines: readonly string[]): Fields {
  const fields = new Fields();
  const reader = new HeadReader("client", fields, undefined, MAX_HEAD_BYTES, "section");
  reader.read(octets([...lines, "", ""].join("\r\n")), 0);
  return fields;
}

describe("HeadWriter", () => {
  test("writes a start line and fields", () => {
    const writer = new HeadWriter();
    writer.begin("GET /\xe4 HTTP/1.1");
    writer.field("Host", "a.test");
    writer.field("X", "");
    writer.field("Y", "a\tb \xff");
    expect(text(writer.end())).toBe("GET /\xe4 HTTP/1.1\r\nHost: a.test\r\nX: \r\nY: a\tb \xff\r\n\r\n");
  });

  test("writes a head without fields", () => {
    const writer = new HeadWriter();
    writer.begin("HTTP/1.1 204 No Content");
    expect(text(writer.end())).toBe("HTTP/1.1 204 No Content\r\n\r\n");
  });

  test("copies fields octet for octet, in the order asked for", () => {
    const lines = ["A:1", "b:  2 \t", "C:\t\xe4\x80", "D:", "E: 5", "F: \t ", "G: 7"];
    const fields = sectionOf(lines);
    // As received, but for blanks behind the value.
    const shown = ["A:1", "b:  2", "C:\t\xe4\x80", "D:", "E: 5", "F: \t ", "G: 7"];
    const orders = [[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6], [1, 2, 3], [6, 5, 4, 3, 2, 1, 0], [3, 3], [0, 1, 0, 1], [], [
      5,
    ], [4, 6]];
    const writer = new HeadWriter();
    for (const order of orders) {
      writer.begin("S");
      for (const index of order) writer.copy(fields, index);
      expect(text(writer.end())).toBe(["S", ...order.map((index) => shown[index]), "", ""].join("\r\n"));
    }
  });

  test("keeps copied and written fields in order", () => {
    const fields = sectionOf(["A: 1", "B: 2", "C: 3"]);
    const other = sectionOf(["Y: 8", "Z: 9"]);
    const writer = new HeadWriter();
    writer.begin("S");
    writer.copy(fields, 0);
    writer.field("Host", "h");
    writer.copy(fields, 1);
    writer.copy(other, 1);
    writer.copy(fields, 2);
    expect(text(writer.end())).toBe("S\r\nA: 1\r\nHost: h\r\nB: 2\r\nZ: 9\r\nC: 3\r\n\r\n");
  });

  test("writes other values under received names, and lines made before, in the order asked for", () => {
    const writer = new HeadWriter();
    const fields = sectionOf(["hOST: old", "A: 1", "B: 2"]);
    writer.begin("GET / HTTP/1.1");
    writer.rename(fields, 0, "new");
    writer.copy(fields, 1);
    writer.rename(fields, 2, "");
    writer.line(formatFieldLine("Via", "1.1 x"));
    expect(text(writer.end())).toBe("GET / HTTP/1.1\r\nhOST: new\r\nA: 1\r\nB: \r\nVia: 1.1 x\r\n\r\n");
  });

  test("P17 refuses a control character in a value under a received name, and in a line", () => {
    const writer = new HeadWriter();
    writer.begin("GET / HTTP/1.1");
    expect(() => writer.rename(sectionOf(["A: 1"]), 0, "a\r\nB: c")).toThrow("Cannot write a head");
    expect(() => formatFieldLine("Via", "a\r\nB: c")).toThrow("Cannot write a head");
    expect(() => formatFieldLine("V ia", "a")).toThrow("Cannot write a field");
  });

  test("a view that was given is of its own octets, also after one of the same length", () => {
    const writer = new HeadWriter();
    writer.begin("GET /1 HTTP/1.1");
    expect(text(writer.end())).toBe("GET /1 HTTP/1.1\r\n\r\n");
    writer.begin("GET /2 HTTP/1.1");
    expect(text(writer.end())).toBe("GET /2 HTTP/1.1\r\n\r\n");
    writer.begin("GET /3 HTTP/1.1");
    writer.field("A", "x".repeat(40_000));
    expect(writer.end().length).toBe(40_000 + 24);
    writer.begin("GET /4 HTTP/1.1");
    expect(text(writer.end())).toBe("GET /4 HTTP/1.1\r\n\r\n");
  });

  test("forgets a head that was not ended", () => {
    const fields = sectionOf(["A: 1"]);
    const writer = new HeadWriter();
    writer.begin("S");
    writer.copy(fields, 0);
    writer.begin("T");
    expect(text(writer.end())).toBe("T\r\n\r\n");
  });

  test("refuses to copy a field that is not there", () => {
    const fields = sectionOf(["A: 1"]);
    const writer = new HeadWriter();
    writer.begin("S");
    expect(() => writer.copy(fields, 1)).toThrow(RangeError);
    fields.clear();
    expect(() => writer.copy(fields, 0)).toThrow("Cannot copy field 0: there are 0");
  });

  test("grows beyond its first size", () => {
    const long = "x".repeat(60_000);
    const fields = sectionOf([`L: ${long}`]);
    const writer = new HeadWriter();
    for (let round = 0; round < 2; round++) {
      writer.begin(`GET /${long} HTTP/1.1`);
      writer.field("K", long);
      writer.copy(fields, 0);
      expect(text(writer.end())).toBe(`GET /${long} HTTP/1.1\r\nK: ${long}\r\nL: ${long}\r\n\r\n`);
    }
  });

  test("P17 refuses every control character but HTAB, and what is no octet", () => {
    const writer = new HeadWriter();
    for (let code = 0; code < 0x180; code++) {
      const character = String.fromCharCode(code);
      const bad = (code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff;
      for (const write of [() => writer.begin(`G ${character}`), () => writer.field("X", `a${character}b`)]) {
        writer.begin("S");
        if (bad) expect(write).toThrow(`Cannot write a head: character 0x${code.toString(16)} is in it`);
        else expect(write).not.toThrow();
      }
    }
  });

  test("P17 refuses a name that is no token", () => {
    const writer = new HeadWriter();
    writer.begin("S");
    for (const name of ["X Y", "X:", "X\r\n", "X\0", "\xe4", "\u0100", "(", '"']) {
      expect(() => writer.field(name, "v")).toThrow("Cannot write a field: its name is no token");
    }
    expect(() => writer.field("", "v")).toThrow("Cannot write a field: its name is empty");
    expect(text(writer.end())).toBe("S\r\n\r\n");
  });
});

describe("ChunkedWriter", () => {
  const sizes = [1, 15, 16, 255, 256, 65_535, 65_536, 200_000];
  test.each(sizes)("frames %p octets as one chunk", (size) => {
    const data = Uint8Array.from({ length: size }, (_, index) => index % 256);
    const chunk = new ChunkedWriter().chunk(data);
    const head = `${size.toString(16)}\r\n`;
    expect(text(chunk.subarray(0, head.length))).toBe(head);
    expect(chunk.subarray(head.length, -2)).toEqual(data);
    expect(text(chunk.subarray(-2))).toBe("\r\n");
  });

  test("refuses an empty piece, which would end the body", () => {
    expect(() => new ChunkedWriter().chunk(new Uint8Array(0))).toThrow("Cannot write a chunk: it is empty");
  });

  test("begins a chunk whose rest someone else sends", () => {
    const writer = new ChunkedWriter();
    expect(text(writer.chunk(octets("abc"), 253))).toBe("100\r\nabc");
    expect(text(writer.chunk(octets(""), 255))).toBe("ff\r\n");
    expect(text(CHUNK_END)).toBe("\r\n");
  });

  test("ends a body, with and without trailers", () => {
    const writer = new ChunkedWriter();
    expect(text(writer.end())).toBe("0\r\n\r\n");
    expect(text(writer.end(undefined))).toBe("0\r\n\r\n");
    expect(text(writer.end(sectionOf(["A: 1 ", "b:2"])))).toBe("0\r\nA: 1\r\nb:2\r\n\r\n");
  });

  test("keeps no state between pieces", () => {
    const writer = new ChunkedWriter();
    expect(text(writer.chunk(octets("abc")))).toBe("3\r\nabc\r\n");
    expect(text(writer.end())).toBe("0\r\n\r\n");
    expect(text(writer.chunk(octets("d")))).toBe("1\r\nd\r\n");
  });
});
