// The life of a request reader: its states, where it stops, what outlives a call, and that it is dead behind a fault.
import { describe, expect, test } from "bun:test";
import { type RequestHead, RequestReader } from "../../src/http1/request_reader.ts";
import { everyCut, lines, octets, text } from "./message_log.ts";

const HOST = "Host: a.test\r\n";
const GET = `GET http://a.test/ HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST http://a.test/ HTTP/1.1\r\n${HOST}`;

/** A reader that stops at every callback and writes down what it was told. */
function stoppingReader(): { reader: RequestReader; log: string[] } {
  const log: string[] = [];
  const reader: RequestReader = new RequestReader({
    onRequestHead(head: RequestHead) {
      log.push(head.method);
      reader.stop();
    },
    onRequestBody(bytes) {
      log.push(text(bytes));
      reader.stop();
    },
    onRequestEnd() {
      log.push("end");
      reader.stop();
    },
  });
  return { reader, log };
}

const NOTHING = new Uint8Array(0);

describe("RequestReader.stop()", () => {
  test("ends the call behind the head, and the next call tells the end without bytes", () => {
    const { reader, log } = stoppingReader();
    const input = octets(`${GET}rest`);
    expect([reader.read(input), reader.state, [...log]]).toEqual([GET.length, "body", ["GET"]]);
    expect([reader.read(NOTHING), reader.state, log]).toEqual([0, "done", ["GET", "end"]]);
  });

  test("ends the call behind each piece of a chunked body", () => {
    const { reader, log } = stoppingReader();
    let rest = octets(`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\nrest`);
    const told: string[][] = [];
    while (reader.state !== "done") {
      rest = rest.subarray(reader.read(rest));
      told.push(log.splice(0));
    }
    expect(told).toEqual([["POST"], ["ab"], ["cd"], ["end"]]);
    expect(text(rest)).toBe("rest");
  });

  test("ends the call behind the last octets of a body with a length", () => {
    const { reader, log } = stoppingReader();
    const head = `${POST}Content-Length: 2\r\n\r\n`;
    const input = octets(`${head}abrest`);
    expect(reader.read(input)).toBe(head.length);
    expect([reader.read(input.subarray(head.length)), reader.state, [...log]]).toEqual([2, "body", ["POST", "ab"]]);
    expect([reader.read(octets("rest")), reader.state, log]).toEqual([0, "done", ["POST", "ab", "end"]]);
  });

  test("of one call does not stop the next", () => {
    const { reader, log } = stoppingReader();
    reader.stop();
    expect([reader.read(octets(GET.slice(0, 5))), log]).toEqual([5, []]);
  });
});

describe("RequestReader", () => {
  test("goes through its states", () => {
    const states: string[] = [];
    const reader: RequestReader = new RequestReader({
      onRequestHead: () => void states.push(`head ${reader.state}`),
      onRequestBody: () => void states.push(`body ${reader.state}`),
      onRequestEnd: () => void states.push(`end ${reader.state}`),
    });
    for (const octet of octets(`\r\n${POST}Content-Length: 1\r\n\r\nx`)) {
      states.push(reader.state);
      reader.read(Uint8Array.of(octet));
    }
    const runs = states.filter((state, index) => state !== states[index - 1]);
    expect(runs).toEqual(["idle", "head", "head body", "body", "body body", "end done"]);
    reader.next();
    expect(reader.state).toBe("idle");
  });

  test("takes nothing behind a whole request until next()", () => {
    const { reader } = stoppingReader();
    reader.read(octets(GET));
    reader.read(NOTHING);
    expect([reader.read(octets(GET)), reader.state]).toEqual([0, "done"]);
  });

  test("keeps fields valid until next(), whatever becomes of the bytes", () => {
    let head: RequestHead | undefined;
    const sink = { onRequestHead: (told: RequestHead) => void (head = told), onRequestBody() {}, onRequestEnd() {} };
    for (const { pieces } of everyCut(octets(`GET http://a.test/ HTTP/1.1\r\n${HOST}X: y\r\n\r\n`))) {
      const reader = new RequestReader(sink);
      for (const piece of pieces) {
        const bytes = piece.slice();
        reader.read(bytes);
        bytes.fill(0);
      }
      expect([head!.target, ...lines(head!.fields)]).toEqual(["http://a.test/", "Host: a.test", "X: y"]);
      reader.next();
      expect(head!.fields.count).toBe(0);
    }
  });

  test("may be given next() by the callback that tells the end", () => {
    const log: string[] = [];
    const reader: RequestReader = new RequestReader({
      onRequestHead: (head) => void log.push(head.target),
      onRequestBody() {},
      onRequestEnd: () => reader.next(),
    });
    const input = octets(GET + GET.replace("a.test/", "a.test/2"));
    const first = reader.read(input);
    expect([first, reader.state]).toEqual([GET.length, "idle"]);
    expect(reader.read(input.subarray(first))).toBe(GET.length + 1);
    expect(log).toEqual(["http://a.test/", "http://a.test/2"]);
  });

  test("refuses next() before a request is whole", () => {
    const { reader } = stoppingReader();
    expect(() => reader.next()).toThrow("Cannot begin the next request: the reader is idle");
    reader.read(octets("GET "));
    expect(() => reader.next()).toThrow("Cannot begin the next request: the reader is head");
  });

  test("is dead after a fault: the same error again, and no next()", () => {
    const { reader, log } = stoppingReader();
    let first: unknown;
    try {
      reader.read(octets("GET / HTTP/1.1\nHost: a.test\r\n\r\n"));
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(Error);
    for (const bytes of [octets(GET), NOTHING]) {
      let again: unknown;
      try {
        reader.read(bytes);
      } catch (error) {
        again = error;
      }
      expect(again).toBe(first);
    }
    expect(() => reader.next()).toThrow("the reader is dead");
    expect([reader.state, log]).toEqual(["dead", []]);
  });

  test("is dead after an error of its sink, which passes through", () => {
    const failure = new Error("sink");
    const reader = new RequestReader({
      onRequestHead() {
        throw failure;
      },
      onRequestBody() {},
      onRequestEnd() {},
    });
    expect(() => reader.read(octets(GET))).toThrow(failure);
    expect(reader.state).toBe("dead");
    expect(() => reader.read(octets(GET))).toThrow(failure);
  });
});
