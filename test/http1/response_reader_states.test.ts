// The life of a response reader: its states, where it stops, what outlives a call, and that it is dead behind a fault.
import { describe, expect, test } from "bun:test";
import { type ResponseHead, ResponseReader } from "../../src/http1/response_reader.ts";
import { everyCut, lines, octets, text } from "./message_log.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const NOTHING = new Uint8Array(0);

function readerOf(log: string[], stopping: boolean): ResponseReader {
  const tell = (entry: string): void => {
    log.push(entry);
    if (stopping) reader.stop();
  };
  const reader: ResponseReader = new ResponseReader({
    onInterimHead: (head) => tell(`interim ${head.status}`),
    onResponseHead: (head) => tell(`head ${head.status}`),
    onResponseBody: (bytes) => tell(text(bytes)),
    onResponseEnd: () => tell("end"),
  });
  return reader;
}

describe("ResponseReader.stop()", () => {
  test("ends the call behind each thing that is told", () => {
    const log: string[] = [];
    const reader = readerOf(log, true);
    reader.begin("GET");
    let rest = octets(
      `HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\n${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n`,
    );
    const told: string[][] = [];
    while (reader.state !== "done") {
      rest = rest.subarray(reader.read(rest));
      told.push(log.splice(0));
    }
    expect(told).toEqual([["interim 100"], ["interim 103"], ["head 200"], ["a"], ["b"], ["end"]]);
    expect(rest).toHaveLength(0);
  });

  test("leaves the end of a bodyless response to the next call, which may have no bytes", () => {
    const log: string[] = [];
    const reader = readerOf(log, true);
    reader.begin("HEAD");
    reader.read(octets(`${OK}\r\n`));
    expect([reader.state, [...log]]).toEqual(["body", ["head 200"]]);
    expect([reader.read(NOTHING), reader.state, log]).toEqual([0, "done", ["head 200", "end"]]);
  });

  test("leaves the end of a whole body to end() too", () => {
    const log: string[] = [];
    const reader = readerOf(log, true);
    reader.begin("GET");
    const input = octets(`${OK}Content-Length: 1\r\n\r\nx`);
    const first = reader.read(input);
    reader.read(input.subarray(first));
    reader.end();
    expect([reader.state, log]).toEqual(["done", ["head 200", "x", "end"]]);
  });
});

describe("ResponseReader", () => {
  test("goes through its states", () => {
    const states: string[] = [];
    const note = (what: string) => (): void => void states.push(`${what} ${reader.state}`);
    const reader: ResponseReader = new ResponseReader({
      onInterimHead: note("interim"),
      onResponseHead: note("head"),
      onResponseBody: note("body"),
      onResponseEnd: note("end"),
    });
    expect(reader.state).toBe("done");
    reader.begin("GET");
    for (const octet of octets(`HTTP/1.1 100 x\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`)) {
      states.push(reader.state);
      reader.read(Uint8Array.of(octet));
    }
    const runs = states.filter((state, index) => state !== states[index - 1]);
    expect(runs).toEqual(["idle", "head", "interim head", "head", "head body", "body", "body body", "end done"]);
  });

  test("takes nothing before begin(), nor behind a whole response", () => {
    const log: string[] = [];
    const reader = readerOf(log, false);
    const input = octets(`${OK}Content-Length: 0\r\n\r\n`);
    expect([reader.read(input), log]).toEqual([0, []]);
    reader.begin("GET");
    expect(reader.read(input)).toBe(input.length);
    expect([reader.read(input), reader.state]).toEqual([0, "done"]);
    reader.end();
    expect(log).toEqual(["head 200", "end"]);
  });

  test("keeps fields valid until begin(), whatever becomes of the bytes", () => {
    for (const { pieces } of everyCut(octets(`HTTP/1.1 100 x\r\nA: b\r\n\r\n${OK}Content-Length: 0\r\nX: y\r\n\r\n`))) {
      let head: ResponseHead | undefined;
      const reader = new ResponseReader({
        onInterimHead: (told) => expect(lines(told.fields)).toEqual(["A: b"]),
        onResponseHead: (told) => void (head = told),
        onResponseBody() {},
        onResponseEnd() {},
      });
      reader.begin("GET");
      for (const piece of pieces) {
        const bytes = piece.slice();
        reader.read(bytes);
        bytes.fill(0);
      }
      expect([head!.reason, ...lines(head!.fields)]).toEqual(["OK", "Content-Length: 0", "X: y"]);
      reader.begin("GET");
      expect(head!.fields.count).toBe(0);
    }
  });

  test("refuses begin() before a response is whole", () => {
    const reader = readerOf([], false);
    reader.begin("GET");
    expect(() => reader.begin("GET")).toThrow("Cannot begin the next response: the reader is idle");
    reader.read(octets("HTTP"));
    expect(() => reader.begin("GET")).toThrow("Cannot begin the next response: the reader is head");
  });

  const dying: { name: string; kill: (reader: ResponseReader) => void }[] = [
    { name: "a fault", kill: (reader) => reader.read(octets("HTTP/1.1 200\n")) },
    { name: "a FIN too early", kill: (reader) => reader.end() },
  ];
  test.each(dying)("is dead after $name: the same error again, and no begin()", ({ kill }) => {
    const log: string[] = [];
    const reader = readerOf(log, false);
    reader.begin("GET");
    const first = thrown(() => kill(reader));
    expect(first).toBeInstanceOf(Error);
    expect(thrown(() => reader.read(octets(OK)))).toBe(first);
    expect(thrown(() => reader.read(NOTHING))).toBe(first);
    expect(thrown(() => reader.end())).toBe(first);
    expect(() => reader.begin("GET")).toThrow("the reader is dead");
    expect([reader.state, log]).toEqual(["dead", []]);
  });

  test("is dead after an error of its sink, which passes through", () => {
    const failure = new Error("sink");
    const reader = new ResponseReader({
      onInterimHead() {},
      onResponseHead() {
        throw failure;
      },
      onResponseBody() {},
      onResponseEnd() {},
    });
    reader.begin("GET");
    expect(thrown(() => reader.read(octets(`${OK}\r\n`)))).toBe(failure);
    expect(thrown(() => reader.read(octets("x")))).toBe(failure);
    expect(reader.state).toBe("dead");
  });
});

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
