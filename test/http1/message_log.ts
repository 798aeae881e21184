// Owns how the tests of this room drive a reader and write down what it tells. Body pieces are joined, so that logs can be compared.
import { ProxyError } from "../../src/errors.ts";
import type { Fields } from "../../src/http1/fields.ts";
import { type RequestHead, RequestReader } from "../../src/http1/request_reader.ts";
import { type ResponseHead, ResponseReader } from "../../src/http1/response_reader.ts";

/** What a reader told, in order; bodies as latin1 text, fields as `name: value` lines. */
export type LogEntry =
  | { readonly head: string; readonly fields: readonly string[]; readonly framing: string; readonly keepAlive: boolean }
  | { readonly interim: string; readonly fields: readonly string[] }
  | { readonly body: string }
  | { readonly end: readonly string[] | undefined }
  | { readonly fault: string; readonly code: string; readonly status: number };

/** What came of some input. */
export interface MessageLog {
  readonly entries: readonly LogEntry[];
  /** Octets that the reader took, in all; unknown (undefined) for the call that threw. */
  readonly takenBytes: number | undefined;
  readonly state: string;
}

/** Encodes text of one octet a character. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0xff) throw new Error("Cannot encode: not latin1");
    return code;
  });
}

/** Decodes octets one by one. */
export function text(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => String.fromCharCode(octet)).join("");
}

/** The input whole. */
export function whole(bytes: Uint8Array): Uint8Array[] {
  return [bytes];
}

/** The input byte by byte. */
export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** The input in pieces that end at these offsets. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const sorted = [0, ...offsets.map((offset) => Math.min(offset, bytes.length)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index]!, end));
}

/** Every way of giving the input that the tests use: whole, byte by byte, and in two pieces at every offset. */
export function* everyCut(bytes: Uint8Array): Generator<{ readonly cut: string; readonly pieces: Uint8Array[] }> {
  yield { cut: "whole", pieces: whole(bytes) };
  yield { cut: "byte by byte", pieces: byteByByte(bytes) };
  for (let at = 0; at <= bytes.length; at++) yield { cut: `at ${at}`, pieces: cutAt(bytes, [at]) };
}

/** Reads requests until the input ends, a fault, CONNECT, or `count` messages. */
export function readRequests(pieces: readonly Uint8Array[], count = Infinity): MessageLog {
  const entries: LogEntry[] = [];
  let left = count;
  let last = "";
  const reader = new RequestReader({
    onRequestHead(head) {
      last = head.method;
      entries.push(requestEntry(head));
    },
    onRequestBody: (bytes) => addBody(entries, bytes),
    onRequestEnd(trailers) {
      entries.push({ end: trailers === undefined ? undefined : lines(trailers) });
      left--;
    },
  });
  const takenBytes = feed(pieces, entries, (bytes) => {
    const taken = reader.read(bytes);
    if (reader.state === "done" && last !== "CONNECT" && left > 0) reader.next();
    return taken;
  });
  return { entries, takenBytes, state: reader.state };
}

/** Reads the responses to requests of these methods, then the FIN where `ended`. */
export function readResponses(pieces: readonly Uint8Array[], methods: readonly string[], ended = false): MessageLog {
  const entries: LogEntry[] = [];
  const waiting = [...methods];
  const reader = new ResponseReader({
    onInterimHead: (head) => entries.push({ interim: statusLine(head), fields: lines(head.fields) }),
    onResponseHead: (head) =>
      entries.push({
        head: statusLine(head),
        fields: lines(head.fields),
        framing: framingText(head.framing),
        keepAlive: head.keepAlive,
      }),
    onResponseBody: (bytes) => addBody(entries, bytes),
    onResponseEnd: (trailers) => entries.push({ end: trailers === undefined ? undefined : lines(trailers) }),
  });
  reader.begin(waiting.shift()!);
  const takenBytes = feed(pieces, entries, (bytes) => {
    const taken = reader.read(bytes);
    if (reader.state === "done" && waiting.length > 0) reader.begin(waiting.shift()!);
    return taken;
  });
  if (ended && takenBytes !== undefined) noteFault(entries, () => reader.end());
  return { entries, takenBytes, state: reader.state };
}

/** Gives the pieces one after the other, what is left of one before the next, until one is not taken; undefined after a fault. */
function feed(
  pieces: readonly Uint8Array[],
  entries: LogEntry[],
  read: (bytes: Uint8Array) => number,
): number | undefined {
  let takenBytes = 0;
  for (const piece of pieces) {
    // A view on a larger buffer that is overwritten afterwards, as an engine's is: whoever keeps it is found out.
    const buffer = new Uint8Array(piece.length + 2).fill(0x2a);
    buffer.set(piece, 1);
    let rest = buffer.subarray(1, piece.length + 1);
    while (rest.length > 0) {
      let taken = 0;
      if (!noteFault(entries, () => (taken = read(rest)))) return undefined;
      takenBytes += taken;
      rest = rest.subarray(taken);
      if (taken === 0) return takenBytes;
    }
    buffer.fill(0x2a);
  }
  return takenBytes;
}

function noteFault(entries: LogEntry[], run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    entries.push({ fault: error.message, code: error.code, status: error.status });
    return false;
  }
}

function addBody(entries: LogEntry[], bytes: Uint8Array): void {
  if (bytes.length === 0) throw new Error("an empty piece of body was told");
  const last = entries.at(-1);
  if (last !== undefined && "body" in last) entries[entries.length - 1] = { body: last.body + text(bytes) };
  else entries.push({ body: text(bytes) });
}

function requestEntry(head: RequestHead): LogEntry {
  return {
    head: `${head.method} ${head.target} 1.${head.minorVersion}`,
    fields: lines(head.fields),
    framing: framingText(head.framing),
    keepAlive: head.keepAlive,
  };
}

function statusLine(head: ResponseHead): string {
  return `1.${head.minorVersion} ${head.status} ${head.reason}`;
}

function framingText(framing: RequestHead["framing"]): string {
  return framing.kind === "length" ? `length ${framing.lengthBytes}` : framing.kind;
}

/** The fields as `name: value` lines. */
export function lines(fields: Fields): string[] {
  return Array.from({ length: fields.count }, (_, index) => `${fields.name(index)}: ${fields.value(index)}`);
}
