// Owns the access log: one line for each request or tunnel, written when it ends. No path, no query, no header is in
// it. Knows nothing of sockets and does not decide.
import { formatSocketAddress } from "../address/ip_address.ts";
import type { Exchange } from "./exchange.ts";
import { formatJsonString } from "./json_text.ts";
import { formatTime, type LogFormat, toTextLine } from "./log_line.ts";

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
  readonly #format: LogFormat;
  readonly #mode: AccessLogMode;

  constructor(writer: LineSink, format: LogFormat, mode: AccessLogMode) {
    this.#writer = writer;
    this.#format = format;
    this.#mode = mode;
  }

  /** Logs one ended exchange, where the mode asks for it. */
  record(exchange: Exchange): void {
    if (this.#mode === "off") return;
    if (this.#mode === "denied" && exchange.decision === "allow" && !exchange.wouldDeny) return;
    const line = formatExchange(exchange);
    this.#writer.append(this.#format === "json" ? line : toTextLine(line));
  }
}

/**
 * Formats an exchange as one line of JSON. Its time is that of the end, so that the lines of a log are in order. By
 * one template, because there is one line for every request: put together field by field it took half as long again.
 */
function formatExchange(exchange: Exchange): string {
  const { client, method, host, port, decision, wouldDeny, ruleLine, ruleText, upstream, error, details } = exchange;
  const durationMs = exchange.endMs - exchange.startMs;
  const time = formatTime(exchange.startEpochMs + durationMs);
  const message = exchange.tunnel ? "tunnel" : "request";
  const rounded = Math.round(durationMs * 1000) / 1000;
  return `{"time":"${time}","level":"info","message":"${message}",` +
    `"client":"${formatSocketAddress(client.address, client.port)}"` +
    (method === "" ? "" : `,"method":${formatJsonString(method)}`) +
    (host === "" ? "" : `,"host":${formatJsonString(host)}`) +
    (port === 0 ? "" : `,"port":${port}`) +
    `,"decision":"${decision}"` +
    (wouldDeny ? ',"would_deny":true' : "") +
    (ruleLine === 0 ? "" : `,"rule_line":${ruleLine}`) +
    (ruleText === "" ? "" : `,"rule":${formatJsonString(ruleText)}`) +
    (upstream === undefined ? "" : `,"upstream":"${formatSocketAddress(upstream.address, upstream.port)}"`) +
    `,"status":${exchange.status},"bytes_from_client":${exchange.bytesFromClient}` +
    `,"bytes_to_client":${exchange.bytesToClient},"duration_ms":${rounded}` +
    (error === undefined ? "" : `,"error":"${error}"`) +
    (details === "" ? "" : `,"details":${formatJsonString(details)}`) +
    "}\n";
}
