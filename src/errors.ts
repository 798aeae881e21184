// Owns the one vocabulary of failure: RFC 9209 codes with their status and summary. Knows nothing of sockets or rules.

/** What went wrong, in the words of RFC 9209 §2.3; the same word is log value, metric label and header parameter. */
export type ErrorCode =
  | "http_request_error"
  | "http_request_denied"
  | "proxy_loop_detected"
  | "dns_error"
  | "dns_timeout"
  | "connection_refused"
  | "destination_ip_unroutable"
  | "connection_timeout"
  | "connection_terminated"
  | "connection_read_timeout"
  | "http_protocol_error"
  | "connection_limit_reached"
  | "proxy_internal_error";

/** Which side caused it. */
export type ErrorSide = "client" | "upstream" | "proxy";

interface ErrorRow {
  readonly status: number;
  readonly side: ErrorSide;
  readonly summary: string;
}

/** The one table from code to status, side and summary; BEHAVIOUR of every refusal follows from it. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  http_request_error: { status: 400, side: "client", summary: "malformed request" },
  http_request_denied: { status: 403, side: "client", summary: "refused by rule" },
  proxy_loop_detected: { status: 502, side: "proxy", summary: "the request would come back to this proxy" },
  dns_error: { status: 502, side: "upstream", summary: "no address found for the name" },
  dns_timeout: { status: 504, side: "upstream", summary: "the resolver did not answer in time" },
  connection_refused: { status: 502, side: "upstream", summary: "connection refused" },
  destination_ip_unroutable: { status: 502, side: "upstream", summary: "no route to the address" },
  connection_timeout: { status: 504, side: "upstream", summary: "not connected in time" },
  connection_terminated: { status: 502, side: "upstream", summary: "closed before an answer" },
  connection_read_timeout: { status: 504, side: "upstream", summary: "no answer in time" },
  http_protocol_error: { status: 502, side: "upstream", summary: "malformed answer" },
  connection_limit_reached: { status: 503, side: "proxy", summary: "too many connections" },
  proxy_internal_error: { status: 500, side: "proxy", summary: "internal error" },
};

/** A failure that reaches a client: a code, the details that say what happened and why, and the status where it is not the table's. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: ErrorCode;
  readonly status: number;

  /** `details` is one line without CR, LF or quotes of its own; `status` overrides the table's (408, 414, 417, 431, 501, 505). */
  constructor(code: ErrorCode, details: string, status: number = ERROR_TABLE[code].status) {
    super(details);
    this.code = code;
    this.status = status;
  }
}

/** A mistake in how the program was called: flags, variables or rule text. It ends the command with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** One printed line each. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** Something that the program needs is not to be had, by nobody's wrong usage. It ends the command with exit code 1. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}
