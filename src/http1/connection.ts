// Owns what belongs to one connection only: Connection's options, persistence, and which fields go no further (RFC 9110 §7.6.1).
import { MAX_FIELDS } from "../limits.ts";
import { fault, type Sender } from "./fault.ts";
import { FIELD, type Fields, sameName } from "./fields.ts";
import { COMMA, HTAB, SP } from "./octets.ts";

/** Fields that are for the next hop alone, whether or not Connection names them. Proxy is what CVE-2016-5385 puts into CGI programs' environment. */
const HOP_BY_HOP = bitsOf(
  FIELD.CONNECTION,
  FIELD.KEEP_ALIVE,
  FIELD.PROXY_CONNECTION,
  FIELD.TE,
  FIELD.TRANSFER_ENCODING,
  FIELD.UPGRADE,
  FIELD.PROXY_AUTHORIZATION,
  FIELD.PROXY_AUTHENTICATE,
  FIELD.PROXY_AUTHENTICATION_INFO,
);

/** Fields that Connection cannot take away: without them the next hop would read another message (CVE-2022-31813 is of that kind). */
const PROTECTED = bitsOf(FIELD.HOST, FIELD.CONTENT_LENGTH);

/** Fields that mean nothing good behind a body: framing, routing, authentication, and what a recipient must know before it (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS = HOP_BY_HOP | bitsOf(
  FIELD.HOST,
  FIELD.CONTENT_LENGTH,
  FIELD.TRAILER,
  FIELD.PROXY,
  FIELD.PROXY_STATUS,
  FIELD.VIA,
  FIELD.EXPECT,
  FIELD.MAX_FORWARDS,
  FIELD.AUTHORIZATION,
  FIELD.WWW_AUTHENTICATE,
  FIELD.COOKIE,
  FIELD.SET_COOKIE,
  FIELD.CONTENT_TYPE,
  FIELD.CONTENT_ENCODING,
  FIELD.CONTENT_RANGE,
  FIELD.CACHE_CONTROL,
  FIELD.RANGE,
);

const marks = new Uint8Array(MAX_FIELDS);

function bitsOf(...ids: number[]): number {
  return ids.reduce((bits, id) => bits | (1 << id), 0);
}

/**
 * Marks by 1, at its index, each field that is not forwarded: those made for one connection, those that Connection
 * names, and `Proxy` in a request. Host and Content-Length are never marked; the caller replaces them as it sees fit.
 * The caller re-adds TE, Upgrade and Connection where it passes them on.
 *
 * The array is the same at each call: it is valid until the next call here.
 */
export function hopByHop(fields: Fields, sender: Sender): Uint8Array {
  const dropped = sender === "client" ? HOP_BY_HOP | bitsOf(FIELD.PROXY) : HOP_BY_HOP;
  for (let i = 0; i < fields.count; i++) marks[i] = (dropped >> fields.id(i)) & 1;
  markNamed(fields, fields);
  return marks;
}

/** Marks, like `hopByHop`, each trailer that is not forwarded, those that the head's Connection names among them. */
export function forbiddenTrailers(trailers: Fields, head: Fields): Uint8Array {
  for (let i = 0; i < trailers.count; i++) marks[i] = isForbiddenTrailer(trailers, i) ? 1 : 0;
  markNamed(head, trailers);
  return marks;
}

/** Whether this field is never taken from a trailer section. */
export function isForbiddenTrailer(trailers: Fields, index: number): boolean {
  return ((NOT_IN_TRAILERS >> trailers.id(index)) & 1) === 1 || beginsWithProxy(trailers, index);
}

const PROXY_PREFIX = new TextEncoder().encode("proxy-");

function beginsWithProxy(fields: Fields, index: number): boolean {
  const start = fields.nameStart(index);
  if (fields.nameEnd(index) - start < PROXY_PREFIX.length) return false;
  return sameName(fields.octets, start, PROXY_PREFIX, 0, PROXY_PREFIX.length);
}

/** Marks those of `fields` that an option of `head`'s Connection names. One pass: what is named is not read for further names. */
function markNamed(head: Fields, fields: Fields): void {
  for (let line = head.indexOf(FIELD.CONNECTION); line >= 0; line = head.indexOf(FIELD.CONNECTION, line + 1)) {
    const octets = head.octets;
    const end = head.valueEnd(line);
    let at = head.valueStart(line);
    while (at < end) {
      let stop = at;
      while (stop < end && octets[stop] !== COMMA) stop++;
      let start = at;
      at = stop + 1;
      while (start < stop && (octets[start] === SP || octets[start] === HTAB)) start++;
      while (stop > start && (octets[stop - 1] === SP || octets[stop - 1] === HTAB)) stop--;
      const length = stop - start;
      if (length === 0) continue;
      for (let i = 0; i < fields.count; i++) {
        const nameStart = fields.nameStart(i);
        if (fields.nameEnd(i) - nameStart !== length || ((PROTECTED >> fields.id(i)) & 1) === 1) continue;
        if (sameName(fields.octets, nameStart, octets, start, length)) marks[i] = 1;
      }
    }
  }
}

/**
 * Checks that Connection has no more options than a head may have fields, so that matching them stays cheap.
 * Throws ProxyError.
 */
export function checkConnection(fields: Fields, sender: Sender): void {
  let options = 0;
  for (let line = fields.indexOf(FIELD.CONNECTION); line >= 0; line = fields.indexOf(FIELD.CONNECTION, line + 1)) {
    options++;
    for (let at = fields.valueStart(line); at < fields.valueEnd(line); at++) {
      if (fields.octets[at] === COMMA) options++;
    }
  }
  if (options > MAX_FIELDS) {
    throw fault(sender, `Cannot accept Connection: it has more than ${MAX_FIELDS} options`, 431);
  }
}

/** Whether the sender wants to keep the connection, by version and Connection (RFC 9112 §9.3); a client's Proxy-Connection counts too, for `close` and in HTTP/1.0. */
export function wantsKeepAlive(fields: Fields, minorVersion: 0 | 1, sender: Sender): boolean {
  const old = sender === "client" && fields.has(FIELD.PROXY_CONNECTION);
  if (fields.listHas(FIELD.CONNECTION, "close") || (old && fields.listHas(FIELD.PROXY_CONNECTION, "close"))) {
    return false;
  }
  if (minorVersion === 1) return true;
  return fields.listHas(FIELD.CONNECTION, "keep-alive") ||
    (old && fields.listHas(FIELD.PROXY_CONNECTION, "keep-alive"));
}
