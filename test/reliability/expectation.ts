// Owns what must have become of each exchange, and the comparison with the access log at the end: each was logged once,
// with the decision and the status that it had to have.
import { isAccess, type LogEntry } from "../support/log_lines.ts";

/** One way in which an exchange may end. */
export interface Ending {
  readonly decision: "allow" | "deny" | "none";
  /** Any where none is given: what the client no longer saw. */
  readonly status?: number;
}

/** What the log must have of one host. Hosts are used by one operation each. */
export interface Expectation {
  readonly host: string;
  readonly endings: readonly Ending[];
  /** How often it is logged; fewer only where the client vanished before the proxy can have read its head. */
  readonly least: number;
  readonly most: number;
}

/** Finds every host whose log lines are not what they must be; the first few, in words. */
export function auditLog(expectations: readonly Expectation[], entries: readonly LogEntry[]): string[] {
  const byHost = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    if (!isAccess(entry) || typeof entry.host !== "string") continue;
    const lines = byHost.get(entry.host);
    if (lines === undefined) byHost.set(entry.host, [entry]);
    else lines.push(entry);
  }
  const faults: string[] = [];
  for (const { host, endings, least, most } of expectations) {
    const lines = byHost.get(host) ?? [];
    byHost.delete(host);
    if (lines.length < least || lines.length > most) {
      faults.push(`${host}: logged ${lines.length} times, not ${least} to ${most}: ${JSON.stringify(lines)}`);
    }
    for (const line of lines) {
      const fits = endings.some(({ decision, status }) =>
        decision === line.decision && (status === undefined || status === line.status)
      );
      if (!fits) faults.push(`${host}: logged as none of ${JSON.stringify(endings)}: ${JSON.stringify(line)}`);
    }
  }
  for (const [host, lines] of byHost) {
    if (host.endsWith(".test")) faults.push(`${host}: nobody asked for it: ${JSON.stringify(lines)}`);
  }
  return faults;
}
