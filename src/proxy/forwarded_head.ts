// Owns how a head changes on its way through: hop-by-hop fields out, Host, framing and Via in; all else octet for octet
// (RFC 9110 §7.6, RFC 9112 §6). Knows no socket and no rule.
import { FIELD, type Fields } from "../http1/fields.ts";
import type { Framing } from "../http1/framing.ts";
import type { HeadWriter } from "../http1/head_writer.ts";
import { hopByHop } from "../http1/connection.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import type { ResponseHead } from "../http1/response_reader.ts";
import { stripOwnProxyStatus } from "./refusal.ts";

const ZERO = 0x30;

/** What a request's head becomes besides its end-to-end fields. */
export interface RequestHeadChange {
  /** The request-target in origin-form, or "*" (RFC 9112 §3.2). */
  readonly originForm: string;
  /** The value of Host: the target's authority, whatever the client's Host said (RFC 9112 §3.2.2). */
  readonly authority: string;
  /** The line of Via. */
  readonly viaLine: Uint8Array;
  readonly keepAlive: boolean;
  /** Pass `Upgrade` on. */
  readonly upgrade: boolean;
  /** The Max-Forwards to send; undefined leaves the field as it is. */
  readonly maxForwards: number | undefined;
}

/** Writes the head that goes to the upstream. The bytes are the writer's, valid until its next `begin`. */
export function writeRequestHead(writer: HeadWriter, head: RequestHead, change: RequestHeadChange): Uint8Array {
  const { fields } = head;
  writer.begin(`${head.method} ${change.originForm} HTTP/1.1`);
  if (!fields.has(FIELD.HOST)) writer.field("Host", change.authority);
  const dropped = hopByHop(fields, "client");
  for (let index = 0; index < fields.count; index++) {
    switch (fields.id(index)) {
      case FIELD.HOST:
        writer.rename(fields, index, change.authority);
        break;
      case FIELD.CONTENT_LENGTH:
        if (head.framing.kind === "length") writeLength(writer, fields, index, head.framing.lengthBytes);
        break;
      case FIELD.MAX_FORWARDS:
        if (change.maxForwards === undefined) writer.copy(fields, index);
        else writer.rename(fields, index, String(change.maxForwards));
        break;
      case FIELD.UPGRADE:
        if (change.upgrade) writer.copy(fields, index);
        break;
      default:
        if (dropped[index] !== 1) writer.copy(fields, index);
    }
  }
  if (head.framing.kind === "chunked") writer.field("Transfer-Encoding", "chunked");
  const connection: string[] = [];
  if (head.minorVersion === 1 && fields.listHas(FIELD.TE, "trailers")) {
    writer.field("TE", "trailers");
    connection.push("TE");
  }
  if (change.upgrade) connection.push("Upgrade");
  if (!change.keepAlive) connection.push("close");
  if (connection.length > 0) writer.field("Connection", connection.join(", "));
  writer.line(change.viaLine);
  return writer.end();
}

/** What a response's head becomes besides its end-to-end fields. */
export interface ResponseHeadChange {
  /** The line of Via. */
  readonly viaLine: Uint8Array;
  /** How the body is framed towards the client; "none" leaves Content-Length as it came (HEAD, 304). */
  readonly framing: Framing["kind"];
  readonly keepAlive: boolean;
  readonly clientMinorVersion: 0 | 1;
  /** The response is a 101 that was asked for. */
  readonly upgrade: boolean;
  /** The time for a final response that has no Date (RFC 9110 §6.6.1). */
  readonly epochMs: number;
}

/** Writes the head that goes to the client. The bytes are the writer's, valid until its next `begin`. */
export function writeResponseHead(writer: HeadWriter, head: ResponseHead, change: ResponseHeadChange): Uint8Array {
  const { fields } = head;
  writer.begin(`HTTP/1.1 ${head.status} ${head.reason}`);
  const dropped = hopByHop(fields, "upstream");
  for (let index = 0; index < fields.count; index++) {
    switch (fields.id(index)) {
      case FIELD.CONTENT_LENGTH:
        writeContentLength(writer, head, change, index);
        break;
      case FIELD.UPGRADE:
        if (change.upgrade) writer.copy(fields, index);
        break;
      case FIELD.PROXY_STATUS:
        if (dropped[index] !== 1) writeProxyStatus(writer, fields, index);
        break;
      default:
        if (dropped[index] !== 1) writer.copy(fields, index);
    }
  }
  if (head.status >= 200 && !fields.has(FIELD.DATE)) writer.field("Date", new Date(change.epochMs).toUTCString());
  if (change.framing === "chunked") writer.field("Transfer-Encoding", "chunked");
  if (change.upgrade) writer.field("Connection", "Upgrade");
  else if (head.status >= 200 && !change.keepAlive) writer.field("Connection", "close");
  else if (head.status >= 200 && change.clientMinorVersion === 0) writer.field("Connection", "keep-alive");
  writer.line(change.viaLine);
  return writer.end();
}

function writeContentLength(writer: HeadWriter, head: ResponseHead, change: ResponseHeadChange, index: number): void {
  // RFC 9112 §6.1, RFC 9110 §8.6: none in 1xx and 204, whatever the upstream said.
  if (head.status < 200 || head.status === 204) return;
  // Equal ones are merged (RFC 9112 §6.3).
  if (head.fields.indexOf(FIELD.CONTENT_LENGTH) !== index) return;
  if (head.framing.kind === "length") {
    writeLength(writer, head.fields, index, head.framing.lengthBytes);
  } else if (change.framing === "none") {
    writer.copy(head.fields, index);
  }
}

/** As it was received, unless with zeros in front: the framing has read nothing but digits there. */
function writeLength(writer: HeadWriter, fields: Fields, index: number, lengthBytes: number): void {
  const start = fields.valueStart(index);
  if (fields.octets[start] !== ZERO || fields.valueEnd(index) === start + 1) writer.copy(fields, index);
  else writer.rename(fields, index, String(lengthBytes));
}

function writeProxyStatus(writer: HeadWriter, fields: Fields, index: number): void {
  const value = stripOwnProxyStatus(fields.value(index));
  if (value !== undefined) writer.rename(fields, index, value);
}
