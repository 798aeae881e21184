// Owns the access log: one line for each request or tunnel, written when it ends. No path, no query, no header is in
// it. Knows nothing of sockets and does not decide.
import { formatSocketAddress } from "../address/ip_address.ts";
import type { Exchange } from "./exchange.ts";
import { type LineFormat, lineFormat, type LogFormat } from "./log_line.ts";

/** Which exchanges are logged: all, those that were refused (or would have been), or none. */
export type AccessLogMode = "on" | "denied" | "off";

/** Who takes the lines. */
export interface LineSink {
  /** Takes one line, its line feed included. */
  append(line: string): void;
}

/** Writes ended exchanges to the log. */
export class AccessLog {
  readonly #writer: LineSink;
  readonly #format: LineFormat;
  readonly #mode: AccessLogMode;

  constructor(writer: LineSink, format: LogFormat, mode: AccessLogMode) {
    this.#writer = writer;
    this.#format = lineFormat(format);
    this.#mode = mode;
  }

  /** Logs one ended exchange, where the mode asks for it. */
  record(exchange: Exchange): void {
    if (this.#mode === "off") return;
    if (this.#mode === "denied" && exchange.decision === "allow" && !exchange.wouldDeny) return;
    this.#writer.append(formatExchange(exchange, this.#format));
  }
}

/** Formats an exchange as one line. Its time is that of the end, so that the lines of a log are in order. */
function formatExchange(exchange: Exchange, format: LineFormat): string {
  const durationMs = exchange.endMs - exchange.startMs;
  let line = format.start(exchange.startEpochMs + durationMs, "info", exchange.tunnel ? "tunnel" : "request");
  line += format.text("client", formatSocketAddress(exchange.client.address, exchange.client.port));
  if (exchange.method !== "") line += format.text("method", exchange.method);
  if (exchange.host !== "") line += format.text("host", exchange.host);
  if (exchange.port !== 0) line += format.plain("port", exchange.port);
  line += format.text("decision", exchange.decision);
  if (exchange.wouldDeny) line += format.plain("would_deny", true);
  if (exchange.ruleLine !== 0) line += format.plain("rule_line", exchange.ruleLine);
  if (exchange.ruleText !== "") line += format.text("rule", exchange.ruleText);
  if (exchange.upstream !== undefined) {
    line += format.text("upstream", formatSocketAddress(exchange.upstream.address, exchange.upstream.port));
  }
  line += format.plain("status", exchange.status);
  line += format.plain("bytes_from_client", exchange.bytesFromClient);
  line += format.plain("bytes_to_client", exchange.bytesToClient);
  line += format.plain("duration_ms", Math.round(durationMs * 1000) / 1000);
  if (exchange.error !== undefined) line += format.text("error", exchange.error);
  if (exchange.details !== "") line += format.text("details", exchange.details);
  return line + format.end;
}
