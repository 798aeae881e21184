// Owns the answers that the proxy itself makes: status, Proxy-Status (RFC 9209), one line of text. Knows no socket.
import type { ProxyError } from "../errors.ts";
import { PROXY_NAME } from "./instance.ts";

const STATUS_REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  408: "Request Timeout",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

const RETRY_AFTER_SECONDS = 1;
/** What may stand in a structured-field token behind its first character (RFC 9651 §3.3.4). */
const SF_TOKEN_CHARACTER = /[A-Za-z0-9!#$%&'*+.^_`|~:/-]/;
const encoder = new TextEncoder();

/** What an answer of the proxy's own depends on besides its error. */
export interface AnswerOptions {
  /** Say `Connection: close`; else keep-alive is said where the client needs to hear it (HTTP/1.0). */
  readonly close: boolean;
  readonly minorVersion: 0 | 1;
  /** The request was HEAD: the body is left out, its length still said (RFC 9110 §9.3.2). */
  readonly head: boolean;
  readonly epochMs: number;
}

/** Formats the whole answer for an error: head and one line of text/plain. */
export function formatRefusal(error: ProxyError, options: AnswerOptions): Uint8Array {
  const fields = [`Proxy-Status: ${formatProxyStatus(error)}`, "Cache-Control: no-store"];
  if (error.status === 503) fields.push(`Retry-After: ${RETRY_AFTER_SECONDS}`);
  return formatAnswer(error.status, fields, "text/plain; charset=utf-8", `${toPrintable(error.message)}\n`, options);
}

/** Formats an answer that the proxy makes as the final recipient (Max-Forwards, RFC 9110 §7.6.2). */
export function formatAnswer(
  status: number,
  fields: readonly string[],
  contentType: string,
  text: string,
  options: AnswerOptions,
): Uint8Array {
  const body = encoder.encode(text);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_REASONS[status] ?? "Unknown"}`,
    `Date: ${new Date(options.epochMs).toUTCString()}`,
    ...fields,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
  ];
  if (options.close) lines.push("Connection: close");
  else if (options.minorVersion === 0) lines.push("Connection: keep-alive");
  const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  if (options.head) return head;
  const answer = new Uint8Array(head.length + body.length);
  answer.set(head);
  answer.set(body, head.length);
  return answer;
}

/** Formats the Proxy-Status member for an error: a structured-field string holds printable ASCII alone (RFC 8941 §3.3.3). */
function formatProxyStatus(error: ProxyError): string {
  const details = toPrintable(error.message).replace(/["\\]/g, "\\$&");
  return `${PROXY_NAME}; error=${error.code}; details="${details}"`;
}

function toPrintable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}

/**
 * Drops from a Proxy-Status value the members that claim this proxy's name, so that no origin can fake a refusal.
 * Returns undefined where nothing is left.
 */
export function stripOwnProxyStatus(value: string): string | undefined {
  const kept = splitMembers(value).filter((member) => !claimsOwnName(member));
  return kept.length > 0 ? kept.join(", ") : undefined;
}

/** Splits a structured-field list at its commas, those in strings excepted (RFC 8941 §3.1). */
function splitMembers(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let inString = false;
  for (let index = 0; index <= value.length; index++) {
    const character = value[index];
    if (inString && character === "\\") index++;
    else if (character === '"') inString = !inString;
    else if (character === undefined || (character === "," && !inString)) {
      const member = value.slice(start, index).replace(/^[ \t]+|[ \t]+$/g, "");
      if (member !== "") members.push(member);
      start = index + 1;
    }
  }
  // An unterminated string swallows the end: all of it is one member, and judged as one.
  if (start < value.length) members.push(value.slice(start));
  return members;
}

/** Whether a member's name is ours, as a token or as a string, in whatever case; a longer name (egress-http-proxy-2) is another's. */
function claimsOwnName(member: string): boolean {
  const start = member.startsWith('"') ? 1 : 0;
  if (!member.toLowerCase().startsWith(PROXY_NAME, start)) return false;
  return !SF_TOKEN_CHARACTER.test(member.charAt(start + PROXY_NAME.length));
}
