// Properties of the readers and writers: what was written is read, the cut does not matter, and hostile input is a fault at most.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChunkedWriter } from "../../src/http1/chunked_writer.ts";
import { HeadWriter } from "../../src/http1/head_writer.ts";
import { RequestReader } from "../../src/http1/request_reader.ts";
import { cuts, type Message, mutated, noise, request, response, soup } from "./message_arbitrary.ts";
import {
  byteByByte,
  cutAt,
  type LogEntry,
  type MessageLog,
  octets,
  readRequests,
  readResponses,
  text,
} from "./message_log.ts";

const RUNS = 400;

/** What should be told of valid messages. */
function expectedEntries(messages: readonly Message[]): LogEntry[] {
  return messages.flatMap((message): LogEntry[] => [
    {
      head: message.line,
      fields: message.fields.map(([name, value]) => `${name}: ${value}`),
      framing: message.framing,
      keepAlive: true,
    },
    ...(message.data === "" ? [] : [{ body: message.data }]),
    { end: undefined },
  ]);
}

function join(messages: readonly Message[]): Uint8Array {
  return octets(messages.map((message) => text(message.bytes)).join(""));
}

interface Reading {
  readonly name: string;
  readonly valid: fc.Arbitrary<Message>;
  readonly code: string;
  readonly statuses: readonly number[];
  read(pieces: readonly Uint8Array[], count: number): MessageLog;
}

const READINGS: Reading[] = [
  {
    name: "RequestReader",
    valid: request,
    code: "http_request_error",
    statuses: [400, 414, 431, 501, 505],
    read: (pieces, count) => readRequests(pieces, count),
  },
  {
    name: "ResponseReader",
    valid: response,
    code: "http_protocol_error",
    statuses: [502],
    read: (pieces, count) => readResponses(pieces, Array(count).fill("GET")),
  },
];

describe.each(READINGS)("$name", ({ valid, code, statuses, read }) => {
  const hostile = fc.oneof(
    { weight: 3, arbitrary: mutated(valid) },
    { weight: 2, arbitrary: soup },
    { weight: 1, arbitrary: noise },
  );

  test("reads what the writers wrote, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(valid, { minLength: 1, maxLength: 3 }), cuts, (messages, offsets) => {
        const bytes = join(messages);
        const log = read(cutAt(bytes, offsets), messages.length);
        expect(log.entries).toEqual(expectedEntries(messages));
        expect([log.takenBytes, log.state]).toEqual([bytes.length, "done"]);
      }),
      { numRuns: RUNS },
    );
  });

  test("takes nothing behind a message, whatever follows", () => {
    fc.assert(
      fc.property(valid, hostile, (message, rest) => {
        const log = read([octets(text(message.bytes) + text(rest))], 1);
        expect([log.takenBytes, log.state]).toEqual([message.bytes.length, "done"]);
        expect(log.entries).toEqual(expectedEntries([message]));
      }),
      { numRuns: RUNS },
    );
  });

  test("tells the same of hostile input however it is cut, and throws nothing but its own fault", () => {
    fc.assert(
      fc.property(hostile, cuts, (bytes, offsets) => {
        const log = read([bytes], 3);
        expect(read(byteByByte(bytes), 3)).toEqual(log);
        expect(read(cutAt(bytes, offsets), 3)).toEqual(log);
        const fault = log.entries.find((entry) => "fault" in entry);
        expect(log.state === "dead").toBe(fault !== undefined);
        if (fault === undefined) return;
        expect(log.entries.at(-1)).toBe(fault);
        expect(fault.code).toBe(code);
        expect(statuses).toContain(fault.status);
        expect(fault.fault).toMatch(/^Cannot [\x20\x21\x23-\x5b\x5d-\x7e]{1,150}$/);
      }),
      { numRuns: RUNS * 2 },
    );
  });

  test("needs every octet that it takes, and no more, where it accepts a message", () => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        const log = read([bytes], 1);
        if (log.state !== "done" || log.takenBytes === undefined) return;
        expect(read([bytes.subarray(0, log.takenBytes)], 1)).toEqual(log);
        expect(read([bytes.subarray(0, log.takenBytes - 1)], 1).state).not.toBe("done");
      }),
      { numRuns: RUNS },
    );
  });
});

const HEAD_GRAMMAR =
  /^(?:\r\n){0,2}([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21\x22\x24-\x5b\x5d-\x7e\x80-\xff]+) HTTP\/1\.([0-9])\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n/;

/** A slow second reading of a request head, by regular expressions: whether it is to be accepted. */
function isAcceptable(input: string): boolean {
  const match = HEAD_GRAMMAR.exec(input);
  if (match === null) return false;
  const [, method, , minor, section] = match;
  const fields = section!.split("\r\n").slice(0, -1).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")] as const;
  });
  const all = (name: string) => fields.filter(([known]) => known === name).map(([, value]) => value);
  const [hosts, lengths, codings] = [all("host"), all("content-length"), all("transfer-encoding")];
  if (hosts.length > 1 || lengths.length > 1 || codings.length > 1) return false;
  if (lengths.length + codings.length > 1) return false;
  if (codings.some((coding) => !/^chunked$/i.test(coding) || minor === "0")) return false;
  if (lengths.some((length) => !/^[0-9]{1,19}$/.test(length) || BigInt(length) > 2n ** 53n - 1n)) return false;
  if (method === "CONNECT") return codings.length === 0 && lengths.every((length) => /^0+$/.test(length));
  if (hosts.length === 0) return minor === "0";
  return /^(?:\[[0-9a-fA-F:.]+\]|(?:[\w\-.~!$&'()*+;=\x80-\xff]|%[0-9a-fA-F]{2})*)(?::[0-9]*)?$/.test(hosts[0]!);
}

/** What comes of writing the first request of the input again, as a proxy would that drops nothing. */
function rewrite(bytes: Uint8Array): Uint8Array {
  const writer = new HeadWriter();
  const chunked = new ChunkedWriter();
  let written = "";
  let kind = "";
  const reader = new RequestReader({
    onRequestHead({ method, target, minorVersion, fields, framing }) {
      kind = framing.kind;
      writer.begin(`${method} ${target} HTTP/1.${minorVersion}`);
      for (let index = 0; index < fields.count; index++) writer.copy(fields, index);
      written = text(writer.end());
    },
    onRequestBody: (data) => void (written += text(kind === "chunked" ? chunked.chunk(data) : data)),
    onRequestEnd: (trailers) => void (written += kind === "chunked" ? text(chunked.end(trailers)) : ""),
  });
  reader.read(bytes);
  return octets(written);
}

describe("RequestReader.read()", () => {
  test("accepts the heads that a reading by regular expressions accepts, and no others", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(request), soup), (bytes) => {
        const accepted = readRequests([bytes], 1).entries.some((entry) => "head" in entry);
        expect(accepted).toBe(isAcceptable(text(bytes)));
      }),
      { numRuns: RUNS * 4 },
    );
  });

  test("reads the same again once what it accepted was written", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(request), soup), (bytes) => {
        const log = readRequests([bytes], 1);
        if (log.state !== "done") return;
        const written = rewrite(bytes);
        expect(readRequests([written], 1)).toEqual({ ...log, takenBytes: written.length });
      }),
      { numRuns: RUNS },
    );
  });
});
