// Owns what one line of an access log says of a request: JSON or text, bare or as container runtimes wrap it. Counts nothing.
import { IpAddress } from "../address/ip_address.ts";

/** What a line says of a request or tunnel that got as far as a decision. */
export interface LogEntry {
  /** The host as it was normalised, without brackets. */
  readonly host: string;
  readonly port: number;
  /**
   * allowed: the rules let it through; unmatched: no rule matched, and it was let through because of --report-only;
   * refused: no rule matched, and it was refused; denied: a rule denies it, whether it was let through or not.
   */
  readonly outcome: "allowed" | "unmatched" | "refused" | "denied";
  /** The rule that decided, as it is written; "" where none did or it is not known. */
  readonly rule: string;
  /** The address that was dialled; undefined where it did not come to that. */
  readonly upstream: IpAddress | undefined;
  /** As the line has it; "" where it has none. */
  readonly time: string;
}

/** "other": a good line of another kind, or of a request that says nothing about rules. "broken": no line of a log. */
export type ReadLine = LogEntry | "other" | "broken";

/** What a JSON line may begin behind: Kubernetes' log files have a time, a stream and a flag there (CRI). */
const CRI_PREFIX = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (?:stdout|stderr) [FP] /;
const TEXT_LINE =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z) [a-z]+ +([a-z]+)((?: [a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^" ]\S*|))*)$/;
const TEXT_FIELD = / ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^" ]\S*|)/g;

/** Errors of a request that was allowed and yet never left, or that came back here. */
const NOT_LET_OUT: ReadonlySet<unknown> = new Set(["dns_error", "dns_timeout", "proxy_loop_detected"]);

/** Reads one line, without its line end. */
export function readLogLine(line: string): ReadLine {
  const bare = line.replace(CRI_PREFIX, "").replace(/^[ \t\r]+|[ \t\r]+$/g, "");
  if (bare === "") return "other";
  const fields = bare.startsWith("{") ? parseJson(bare) : parseText(bare);
  if (fields === undefined) return "broken";
  // Docker's json-file driver puts each line into an object of its own.
  if (typeof fields.log === "string" && fields.message === undefined) return readLogLine(fields.log.trimEnd());
  return typeof fields.message === "string" ? readFields(fields) : "broken";
}

function readFields(fields: Readonly<Record<string, unknown>>): ReadLine {
  const { message, host, decision, error, rule, upstream, time } = fields;
  if (message !== "request" && message !== "tunnel") return "other";
  if (decision !== "allow" && decision !== "deny" && decision !== "none") return "broken";
  if (decision === "none" || host === undefined) return "other";
  const port = Number(fields.port ?? 0);
  if (typeof host !== "string" || !Number.isInteger(port)) return "broken";
  const ruleText = typeof rule === "string" ? rule : "";
  const wouldDeny = fields.would_deny === true || fields.would_deny === "true";
  if (NOT_LET_OUT.has(error) && ruleText === "") return "other";
  let outcome: LogEntry["outcome"];
  if (decision === "deny" || error === "http_request_denied") {
    outcome = ruleText === "" && decision === "deny" ? "refused" : "denied";
  } else if (wouldDeny) {
    outcome = ruleText === "" ? "unmatched" : "denied";
  } else if (NOT_LET_OUT.has(error)) {
    return "other";
  } else {
    outcome = "allowed";
  }
  return {
    host,
    port,
    outcome,
    rule: ruleText,
    upstream: typeof upstream === "string" ? parseUpstream(upstream) : undefined,
    time: typeof time === "string" ? time : "",
  };
}

function parseUpstream(text: string): IpAddress | undefined {
  const address = text.slice(0, text.lastIndexOf(":"));
  return IpAddress.parse(address.startsWith("[") ? address.slice(1, -1) : address);
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}

/** The text form of a line, with the fields of its JSON form. A line about the process may have any words for its message. */
function parseText(text: string): Record<string, unknown> | undefined {
  const found = TEXT_LINE.exec(text);
  if (found === null) return /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z [a-z]+ /.test(text) ? { message: "" } : undefined;
  const [, time, message, rest = ""] = found;
  const fields: Record<string, unknown> = { time, message };
  for (const [, key = "", value = ""] of rest.matchAll(TEXT_FIELD)) {
    fields[key] = value.startsWith('"') ? parseQuoted(value) : value;
  }
  return fields;
}

function parseQuoted(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
