// Owns where a message's body ends, by RFC 9112 §6.3 read strictly: whatever two recipients could read differently is a fault.
import { fault, type Sender } from "./fault.ts";
import { elementIs, FIELD, type Fields } from "./fields.ts";
import { BRACKETED, COLON, COMMA, HEX_VALUE, HTAB, OCTET_CLASS, REG_NAME, SP, TOKEN } from "./octets.ts";

/** How long a message's body is. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly lengthBytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

const NONE: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };
const UNTIL_CLOSE: Framing = { kind: "until-close" };

const MAX_LENGTH_DIGITS = 19;

/** Decides a request's body. Throws ProxyError (400, or 501 for a coding that is not known). */
export function requestFraming(fields: Fields, minorVersion: 0 | 1, method: string): Framing {
  const chunked = readTransferEncoding("client", fields, minorVersion);
  const lengthBytes = readContentLength("client", fields);
  if (method === "CONNECT") {
    if (chunked || (lengthBytes ?? 0) > 0) throw fault("client", "Cannot accept CONNECT: the request has a body");
    return NONE;
  }
  if (chunked) return CHUNKED;
  return lengthBytes === undefined ? NONE : { kind: "length", lengthBytes };
}

/** Decides a response's body, given the method of its request. Throws ProxyError (http_protocol_error). */
export function responseFraming(fields: Fields, minorVersion: 0 | 1, status: number, requestMethod: string): Framing {
  const chunked = readTransferEncoding("upstream", fields, minorVersion);
  const lengthBytes = readContentLength("upstream", fields);
  if (status < 200 || status === 204 || status === 304 || requestMethod === "HEAD") return NONE;
  if (requestMethod === "CONNECT" && status < 300) return NONE;
  if (chunked) return CHUNKED;
  return lengthBytes === undefined ? UNTIL_CLOSE : { kind: "length", lengthBytes };
}

/** Reads Content-Length: undefined where there is none. Throws ProxyError for anything but one field of 1 to 19 digits up to 2^53-1, and beside Transfer-Encoding. */
export function readContentLength(sender: Sender, fields: Fields): number | undefined {
  const index = fields.indexOf(FIELD.CONTENT_LENGTH);
  if (index < 0) return undefined;
  if (fields.has(FIELD.TRANSFER_ENCODING)) {
    throw fault(sender, "Cannot tell where the body ends: both Transfer-Encoding and Content-Length are given");
  }
  for (let again = index; (again = fields.indexOf(FIELD.CONTENT_LENGTH, again + 1)) >= 0;) {
    // RFC 9112 §6.3 lets a recipient merge equal ones. From an upstream they are; a client that sends two is up to something.
    if (sender === "client" || fields.value(again) !== fields.value(index)) {
      throw fault(sender, "Cannot tell where the body ends: Content-Length is given more than once");
    }
  }
  const octets = fields.octets;
  const start = fields.valueStart(index);
  const end = fields.valueEnd(index);
  let value = end > start && end - start <= MAX_LENGTH_DIGITS ? 0 : NaN;
  for (let i = start; i < end; i++) {
    const digit = octets[i]! - 0x30;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : NaN;
  }
  if (!(value <= Number.MAX_SAFE_INTEGER)) {
    throw fault(sender, "Cannot tell where the body ends: Content-Length is not one whole number");
  }
  return value;
}

/** Reads Transfer-Encoding: true for exactly `chunked`, false where there is none. Throws ProxyError for anything else (RFC 9112 §6.1). */
function readTransferEncoding(sender: Sender, fields: Fields, minorVersion: 0 | 1): boolean {
  const index = fields.indexOf(FIELD.TRANSFER_ENCODING);
  if (index < 0) return false;
  if (minorVersion === 0) {
    throw fault(sender, "Cannot tell where the body ends: Transfer-Encoding is given in HTTP/1.0");
  }
  if (fields.indexOf(FIELD.TRANSFER_ENCODING, index + 1) >= 0) {
    throw fault(sender, "Cannot tell where the body ends: Transfer-Encoding is given more than once");
  }
  if (elementIs(fields.octets, fields.valueStart(index), fields.valueEnd(index), "chunked")) return true;
  if (isUnknownCodingThenChunked(fields.octets, fields.valueStart(index), fields.valueEnd(index))) {
    throw fault(sender, "Cannot decode Transfer-Encoding: chunked is the only coding known", 501);
  }
  throw fault(sender, "Cannot tell where the body ends: Transfer-Encoding is not chunked");
}

function isUnknownCodingThenChunked(octets: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (;;) {
    let stop = at;
    while (stop < end && octets[stop] !== COMMA) stop++;
    const last = stop === end;
    if (elementIs(octets, at, stop, "chunked") !== last) return false;
    if (last) return true;
    if (elementIs(octets, at, stop, "identity") || !isToken(octets, at, stop)) return false;
    at = stop + 1;
  }
}

function isToken(octets: Uint8Array, start: number, end: number): boolean {
  while (start < end && (octets[start] === SP || octets[start] === HTAB)) start++;
  while (end > start && (octets[end - 1] === SP || octets[end - 1] === HTAB)) end--;
  if (start === end) return false;
  for (let i = start; i < end; i++) if ((OCTET_CLASS[octets[i]!]! & TOKEN) === 0) return false;
  return true;
}

/** Checks Host (RFC 9112 §3.2): one in HTTP/1.1, never two, and a possible authority; CONNECT needs none and its content does not count. Throws ProxyError. */
export function checkHost(fields: Fields, minorVersion: 0 | 1, method: string): void {
  const index = fields.indexOf(FIELD.HOST);
  if (index < 0) {
    if (minorVersion === 0 || method === "CONNECT") return;
    throw fault("client", "Cannot accept the request: Host is missing");
  }
  if (fields.indexOf(FIELD.HOST, index + 1) >= 0) {
    throw fault("client", "Cannot accept the request: Host is given more than once");
  }
  if (method === "CONNECT" || isAuthority(fields.octets, fields.valueStart(index), fields.valueEnd(index))) return;
  throw fault("client", "Cannot accept Host: not a host with an optional port");
}

/** Whether the octets could be `uri-host [ ":" port ]`. Only the shape is judged: the target's authority replaces it. */
function isAuthority(octets: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (octets[at] === 0x5b && at < end) {
    at++;
    while (at < end && (OCTET_CLASS[octets[at]!]! & BRACKETED) !== 0) at++;
    if (at === start + 1 || at === end || octets[at] !== 0x5d) return false;
    at++;
  } else {
    while (at < end && (OCTET_CLASS[octets[at]!]! & REG_NAME) !== 0) {
      if (octets[at] === 0x25 && !isPercentEncoded(octets, at, end)) return false;
      at++;
    }
  }
  if (at === end) return true;
  if (octets[at] !== COLON) return false;
  for (at++; at < end; at++) if (octets[at]! < 0x30 || octets[at]! > 0x39) return false;
  return true;
}

function isPercentEncoded(octets: Uint8Array, at: number, end: number): boolean {
  return at + 2 < end && HEX_VALUE[octets[at + 1]!]! < 16 && HEX_VALUE[octets[at + 2]!]! < 16;
}
