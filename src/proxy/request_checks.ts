// Owns what a request's fields ask of this hop: loops, expectations, Upgrade, Max-Forwards (RFC 9110 §7.6, §7.8, §10.1.1).
// Judges nothing by rule.
import { parseAbsoluteForm, parseAuthorityForm, type Target } from "../address/target.ts";
import { ProxyError } from "../errors.ts";
import { FIELD } from "../http1/fields.ts";
import type { RequestHead } from "../http1/request_reader.ts";
import { type AnswerOptions, formatAnswer } from "./refusal.ts";

/** Fields that a TRACE answer leaves out, since they hold secrets (RFC 9110 §9.3.8). */
const TRACE_SECRETS: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Refuses a request that came through this very proxy before, or that expects what nobody knows. Throws ProxyError. */
export function checkRequest(head: RequestHead, instance: string): void {
  const { fields } = head;
  for (let index = 0; index < fields.count; index++) {
    if (fields.id(index) === FIELD.VIA && fields.value(index).includes(`(${instance})`)) {
      throw new ProxyError(
        "proxy_loop_detected",
        "the request came through this proxy before: its Via names this instance",
      );
    }
  }
  const expect = fields.get(FIELD.EXPECT);
  if (expect !== undefined && head.minorVersion === 1 && expect.toLowerCase() !== "100-continue") {
    throw new ProxyError("http_request_error", "the request expects something other than 100-continue", 417);
  }
}

/** The error for a forwarded request on which nothing moves: the upstream's fault, or the client's whose body is awaited. */
export function exchangeTimeout(isUpstreamAwaited: boolean, target: Target | undefined): ProxyError {
  return isUpstreamAwaited
    ? new ProxyError("connection_read_timeout", `${target?.authority}: no answer in time`)
    : new ProxyError("http_request_error", "the request body did not arrive in time", 408);
}

/** Says whether Upgrade is to be passed on: asked for by Connection, in HTTP/1.1, and without a body (RFC 9110 §7.8). */
export function wantsUpgrade(head: RequestHead): boolean {
  const { fields, framing } = head;
  return head.minorVersion === 1 && fields.has(FIELD.UPGRADE) && fields.listHas(FIELD.CONNECTION, "upgrade") &&
    (framing.kind === "none" || (framing.kind === "length" && framing.lengthBytes === 0));
}

/** The Max-Forwards to send on, for the two methods that have it; undefined where the field stays as it is. */
export function decrementMaxForwards(head: RequestHead): number | undefined {
  const hops = readMaxForwards(head);
  return hops === undefined ? undefined : hops - 1;
}

/** Whether a request is a TRACE or OPTIONS with no hops left, which goes no further. */
export function isForFinalRecipient(head: RequestHead): boolean {
  return readMaxForwards(head) === 0;
}

/** Answers such a request in the origin's place. */
export function answerAsFinalRecipient(head: RequestHead, options: AnswerOptions): Uint8Array {
  if (head.method === "OPTIONS") {
    return formatAnswer(
      200,
      ["Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, CONNECT"],
      "text/plain",
      "",
      options,
    );
  }
  return formatAnswer(200, [], "message/http", reflect(head), options);
}

function readMaxForwards(head: RequestHead): number | undefined {
  if (head.method !== "TRACE" && head.method !== "OPTIONS") return undefined;
  const value = head.fields.get(FIELD.MAX_FORWARDS);
  if (value === undefined || !/^[0-9]{1,9}$/.test(value)) return undefined;
  return Number(value);
}

function reflect(head: RequestHead): string {
  const lines = [`${head.method} ${head.target} HTTP/1.${head.minorVersion}`];
  for (let index = 0; index < head.fields.count; index++) {
    const name = head.fields.name(index);
    if (!TRACE_SECRETS.has(name.toLowerCase())) lines.push(`${name}: ${head.fields.value(index)}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Reads a request-target in the form that its method asks for (RFC 9112 §3.2). Throws ProxyError. */
export function readTarget(head: RequestHead): { readonly target: Target; readonly originForm: string } {
  if (head.method === "CONNECT") return { target: parseAuthorityForm(head.target), originForm: "" };
  const { target, originForm, isBare } = parseAbsoluteForm(head.target);
  return { target, originForm: isBare && head.method === "OPTIONS" ? "*" : originForm };
}
