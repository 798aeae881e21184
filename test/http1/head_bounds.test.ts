// The bounds of heads: at each limit, one past it, and decided at the first octet past it.
import { describe, expect, test } from "bun:test";
import { MAX_FIELDS, MAX_HEAD_BYTES, MAX_REQUEST_LINE_BYTES } from "../../src/limits.ts";
import { byteByByte, cutAt, octets, readRequests, readResponses } from "./message_log.ts";

const HOST = "Host: a.test\r\n";

/** A request whose line has this many octets before its CRLF. */
function withLine(lineBytes: number): Uint8Array {
  const start = "GET http://a.test/";
  const end = " HTTP/1.1";
  return octets(`${start}${"x".repeat(lineBytes - start.length - end.length)}${end}\r\n${HOST}\r\n`);
}

/** A message that begins so and whose head has this many octets in all. */
function withHead(start: string, headBytes: number): Uint8Array {
  const filled = `${start}X: \r\n\r\n`;
  return octets(filled.replace("X: ", `X: ${"x".repeat(headBytes - filled.length)}`));
}

function withFields(start: string, count: number): Uint8Array {
  return octets(`${start}${"a: b\r\n".repeat(count)}\r\n`);
}

const REQUEST = `GET http://a.test/ HTTP/1.1\r\n${HOST}`;
const RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";

const LINE_FAULT = {
  fault: "Cannot read the request line: it has more than 16384 bytes",
  code: "http_request_error",
  status: 414,
};
const HEAD_FAULT = {
  fault: "Cannot read the request head: it has more than 65536 bytes",
  code: "http_request_error",
  status: 431,
};
const FIELDS_FAULT = {
  fault: "Cannot read the request head: it has more than 256 fields",
  code: "http_request_error",
  status: 431,
};

/** Cuts on both sides of a bound. */
function around(bytes: Uint8Array, bound: number): Uint8Array[][] {
  const cuts = [-2, -1, 0, 1, 2].map((distance) => cutAt(bytes, [bound + distance]));
  return [[bytes], byteByByte(bytes), cutAt(bytes, [1, 100, bound - 1, bound]), ...cuts];
}

describe("RequestReader.read() bounds", () => {
  test("P19 the request line at its limit", () => {
    for (const pieces of around(withLine(MAX_REQUEST_LINE_BYTES), MAX_REQUEST_LINE_BYTES)) {
      expect(readRequests(pieces).state).toBe("idle");
    }
  });

  test("P19 the request line one past its limit: 414", () => {
    for (const pieces of around(withLine(MAX_REQUEST_LINE_BYTES + 1), MAX_REQUEST_LINE_BYTES)) {
      expect(readRequests(pieces).entries).toEqual([LINE_FAULT]);
    }
  });

  const endless = [
    { name: "target", input: "GET /" + "x".repeat(20_000) },
    { name: "method", input: "x".repeat(20_000) },
    { name: "target that begins at the bound", input: `${"x".repeat(MAX_REQUEST_LINE_BYTES - 1)} /` },
    { name: "version that begins at the bound", input: `G ${"x".repeat(MAX_REQUEST_LINE_BYTES - 3)} HTTP/1.1` },
  ];
  test.each(endless)("P19 an endless $name: 414 at the first octet past the limit", ({ input }) => {
    const bytes = octets(input);
    expect(readRequests([bytes.subarray(0, MAX_REQUEST_LINE_BYTES)]).entries).toEqual([]);
    expect(readRequests([bytes.subarray(0, MAX_REQUEST_LINE_BYTES + 1)]).entries).toEqual([LINE_FAULT]);
    expect(readRequests(byteByByte(bytes.subarray(0, MAX_REQUEST_LINE_BYTES))).entries).toEqual([]);
    expect(readRequests(byteByByte(bytes)).entries).toEqual([LINE_FAULT]);
  });

  test("P19 empty lines before it do not count", () => {
    expect(readRequests([octets("\r\n\r\n"), withLine(MAX_REQUEST_LINE_BYTES)]).state).toBe("idle");
    expect(readRequests([octets("\r\n\r\n"), withHead(REQUEST, MAX_HEAD_BYTES)]).state).toBe("idle");
  });

  test("P19 the head at its limit", () => {
    for (const pieces of around(withHead(REQUEST, MAX_HEAD_BYTES), MAX_HEAD_BYTES)) {
      expect(readRequests(pieces).state).toBe("idle");
    }
  });

  test("P19 the head one past its limit: 431", () => {
    for (const pieces of around(withHead(REQUEST, MAX_HEAD_BYTES + 1), MAX_HEAD_BYTES)) {
      expect(readRequests(pieces).entries).toEqual([HEAD_FAULT]);
    }
  });

  test("P19 an endless head: 431 at the first octet past the limit", () => {
    const bytes = octets(`${REQUEST}X: ${"x".repeat(MAX_HEAD_BYTES)}`);
    expect(readRequests([bytes.subarray(0, MAX_HEAD_BYTES)]).entries).toEqual([]);
    expect(readRequests([bytes.subarray(0, MAX_HEAD_BYTES + 1)]).entries).toEqual([HEAD_FAULT]);
  });

  test("P19 the number of fields", () => {
    const at = withFields(REQUEST, MAX_FIELDS - 1);
    const past = withFields(REQUEST, MAX_FIELDS);
    for (const pieces of around(at, at.length - 2)) expect(readRequests(pieces).state).toBe("idle");
    for (const pieces of around(past, past.length - 8)) expect(readRequests(pieces).entries).toEqual([FIELDS_FAULT]);
  });

  test("P19 the number of fields at the first octet of the one too many", () => {
    const past = withFields(REQUEST, MAX_FIELDS);
    const first = past.length - "a: b\r\n\r\n".length;
    expect(readRequests([past.subarray(0, first)]).entries).toEqual([]);
    expect(readRequests([past.subarray(0, first + 1)]).entries).toEqual([FIELDS_FAULT]);
  });

  test("P19 each head by itself", () => {
    const head = withHead(REQUEST, MAX_HEAD_BYTES);
    expect(readRequests([head, head, withFields(REQUEST, MAX_FIELDS - 1), head]).state).toBe("idle");
  });

  test("P32 the options of Connection", () => {
    const request = (options: number) => octets(`${REQUEST}Connection: ${Array(options).fill("x").join()}\r\n\r\n`);
    expect(readRequests([request(MAX_FIELDS)]).state).toBe("idle");
    expect(readRequests([request(MAX_FIELDS + 1)]).entries).toEqual([{
      fault: "Cannot accept Connection: it has more than 256 options",
      code: "http_request_error",
      status: 431,
    }]);
  });
});

describe("ResponseReader.read() bounds", () => {
  const fault = (details: string) => ({ fault: details, code: "http_protocol_error", status: 502 });

  test("P31 the head at its limit", () => {
    for (const pieces of around(withHead(RESPONSE, MAX_HEAD_BYTES), MAX_HEAD_BYTES)) {
      expect(readResponses(pieces, ["GET"]).state).toBe("done");
    }
  });

  test("P31 the head one past its limit", () => {
    for (const pieces of around(withHead(RESPONSE, MAX_HEAD_BYTES + 1), MAX_HEAD_BYTES)) {
      expect(readResponses(pieces, ["GET"]).entries).toEqual([
        fault("Cannot read the response head: it has more than 65536 bytes"),
      ]);
    }
  });

  test("P31 an endless phrase", () => {
    const bytes = octets(`HTTP/1.1 200 ${"x".repeat(MAX_HEAD_BYTES)}`);
    expect(readResponses([bytes.subarray(0, MAX_HEAD_BYTES)], ["GET"]).entries).toEqual([]);
    expect(readResponses([bytes.subarray(0, MAX_HEAD_BYTES + 1)], ["GET"]).entries).toEqual([
      fault("Cannot read the response head: it has more than 65536 bytes"),
    ]);
  });

  test("P31 the number of fields", () => {
    expect(readResponses([withFields(RESPONSE, MAX_FIELDS - 1)], ["GET"]).state).toBe("done");
    expect(readResponses([withFields(RESPONSE, MAX_FIELDS)], ["GET"]).entries).toEqual([
      fault("Cannot read the response head: it has more than 256 fields"),
    ]);
  });

  test("P32 the options of Connection", () => {
    const commas = (count: number) => octets(`${RESPONSE}Connection: ${",".repeat(count)}\r\n\r\n`);
    expect(readResponses([commas(MAX_FIELDS - 1)], ["GET"]).state).toBe("done");
    expect(readResponses([commas(MAX_FIELDS)], ["GET"]).entries).toEqual([
      fault("Cannot accept Connection: it has more than 256 options"),
    ]);
  });
});
