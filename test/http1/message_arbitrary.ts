// Owns the random messages of the property tests: valid ones, and what an attacker makes of them.
import fc from "fast-check";
import { ChunkedWriter } from "../../src/http1/chunked_writer.ts";
import { HeadWriter } from "../../src/http1/head_writer.ts";
import { octets, text } from "./message_log.ts";

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function characters(from: string, constraints: { minLength?: number; maxLength: number }): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...from), size: "max", ...constraints });
}

function range(first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, index) => String.fromCharCode(first + index)).join("");
}

const HIGH = range(0x80, 0xff);
const VISIBLE = range(0x21, 0x7e);

const token = characters(TOKEN_CHARACTERS, { minLength: 1, maxLength: 12 });
const value = characters(`${VISIBLE}${HIGH} \t`, { maxLength: 40 }).map((raw) => raw.replace(/^[ \t]+|[ \t]+$/g, ""));
const target = characters((VISIBLE + HIGH).replace(/[#\\]/g, ""), { minLength: 1, maxLength: 60 });
const data = fc.string({ unit: fc.constantFrom(...range(0, 0xff)), maxLength: 40, size: "max" });

// No name of the ones that mean something to a reader: those are added by the framing.
const field = fc.tuple(token.map((name) => `x${name}`), value);
const fields = fc.array(field, { maxLength: 8 });

const body = fc.oneof(
  fc.constant({ kind: "none" } as const),
  fc.record({ kind: fc.constant("length" as const), data }),
  fc.record({
    kind: fc.constant("chunked" as const),
    pieces: fc.array(data.filter((piece) => piece !== ""), { maxLength: 5 }),
  }),
);

/** A message by its parts. */
export interface Message {
  readonly line: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: string;
  /** As it is written. */
  readonly bytes: Uint8Array;
  readonly data: string;
}

function write(
  line: string,
  own: [string, string][],
  sent: typeof body extends fc.Arbitrary<infer T> ? T : never,
): Message {
  const writer = new HeadWriter();
  const chunked = new ChunkedWriter();
  const all: [string, string][] = [...own];
  if (sent.kind === "length") all.push(["Content-Length", String(sent.data.length)]);
  if (sent.kind === "chunked") all.push(["Transfer-Encoding", "chunked"]);
  writer.begin(line);
  for (const [name, value] of all) writer.field(name, value);
  let bytes = text(writer.end());
  if (sent.kind === "length") bytes += sent.data;
  if (sent.kind === "chunked") {
    for (const piece of sent.pieces) bytes += text(chunked.chunk(octets(piece)));
    bytes += text(chunked.end());
  }
  return {
    line,
    fields: all,
    framing: sent.kind === "length" ? `length ${sent.data.length}` : sent.kind,
    bytes: octets(bytes),
    data: sent.kind === "length" ? sent.data : sent.kind === "chunked" ? sent.pieces.join("") : "",
  };
}

/** A valid request, its line without the version. */
export const request: fc.Arbitrary<Message> = fc
  .tuple(token.filter((method) => method !== "CONNECT"), target, fields, body)
  .map(([method, aim, own, sent]) => ({
    ...write(`${method} ${aim} HTTP/1.1`, [["Host", "a.test"], ...own], sent),
    line: `${method} ${aim} 1.1`,
  }));

/** A valid response to GET that says where it ends. */
export const response: fc.Arbitrary<Message> = fc
  .tuple(fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304), value, fields, body)
  .map(([status, reason, own, sent]) => ({
    ...write(`HTTP/1.1 ${status} ${reason}`, own, sent.kind === "none" ? { kind: "length", data: "" } : sent),
    line: `1.1 ${status} ${reason}`,
  }));

const FRAGMENTS = [
  "\r\n",
  "\r",
  "\n",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "=",
  '"',
  "\\",
  "\0",
  "\x7f",
  "\x0b",
  "\xa0",
  "\xff",
  "0",
  "3",
  "f",
  "x",
  "0\r\n\r\n",
  "3\r\nabc\r\n",
  "GET",
  "CONNECT",
  " / ",
  "http://a.test/",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  " 200 OK",
  " 204",
  " 100",
  "GET / HTTP/1.1\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\n",
  "HTTP/1.1 200 OK\r\n",
  "Host: a\r\n",
  "Host",
  "Content-Length: 3\r\n",
  "Content-Length",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding",
  "chunked",
  "identity",
  "gzip",
  "Connection: close\r\n",
  "Connection",
  "keep-alive",
  "Trailer",
  "x: y\r\n",
] as const;

/** How a soup may begin: with nothing, so that it fails early, or in the middle of something. */
const BEGINNINGS = [
  "",
  "GET / HTTP/1.1\r\nHost: a\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
] as const;

/** Fragments of HTTP and of what goes wrong with it, in any order. */
export const soup: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(...BEGINNINGS), fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 20, size: "max" }))
  .map(([beginning, parts]) => octets(beginning + parts.join("")));

/** Any octets. */
export const noise: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 120, size: "max" });

/** Valid messages, one behind the other, with some places overwritten, left out, doubled or filled with a fragment. */
export function mutated(message: fc.Arbitrary<Message>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.constantFrom(0, 0, 0, 1, 1, 2, 10),
    added: fc.oneof(fc.constant(""), fc.constantFrom(...FRAGMENTS), fc.constantFrom(...range(0, 0xff))),
    doubled: fc.constantFrom(0, 0, 0, 1, 8, 40),
  });
  const messages = fc.array(message, { minLength: 1, maxLength: 2 });
  return fc.tuple(messages, fc.array(change, { maxLength: 3 })).map(([list, changes]) => {
    let all = list.map((one) => text(one.bytes)).join("");
    for (const { at, removed, added, doubled } of changes) {
      const place = Math.floor(at * all.length);
      all = all.slice(0, place) + added + all.slice(place, place + doubled) + all.slice(place + removed);
    }
    return octets(all);
  });
}

/** Where to cut. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(300), { maxLength: 6 });
