// Owns the lines about the process itself: start, warnings, reload, end. LogTape sorts them by level; they go out on
// the access log's writer, so that the order of all lines is kept.
import { configureSync, getLogger, type LogLevel as TapeLevel, type LogRecord } from "@logtape/logtape";
import { formatJsonString } from "./json_text.ts";
import { formatTime, type LogFormat, type LogLevel, toTextLine } from "./log_line.ts";
import type { LogWriter } from "./log_writer.ts";

/** What a line may say beside its message. Undefined values are left out. Keys are snake_case words. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The lines about the process. A message is a fixed phrase; what varies goes into fields. */
export interface ProcessLog {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Ends the log; what is logged afterwards is lost. The writer stays open. */
  close(): void;
}

const CATEGORY = "egress-http-proxy";

/** The logs in use, by the last part of their category. There is one, save in tests that run several proxies at once. */
const openLogs = new Map<string, { readonly sink: (record: LogRecord) => void; readonly level: TapeLevel }>();
let logCount = 0;

/** Opens a log of lines in `format`, from `level` up, on `writer`. */
export function openProcessLog(writer: LogWriter, format: LogFormat, level: LogLevel): ProcessLog {
  const name = String(++logCount);
  const sink = (record: LogRecord) => {
    writer.append(formatRecord(format, record));
    // A line about the process is rare and wanted at once; debug lines may be one a request and wait for the batch.
    if (record.level !== "debug" && record.level !== "trace") writer.flush();
  };
  openLogs.set(name, { sink, level: tapeLevel(level) });
  configureLogTape();
  const logger = getLogger([CATEGORY, name]);
  // By emit(), not by the level methods: these read braces in a message as placeholders.
  const log = (atLevel: TapeLevel) => (message: string, fields: LogFields = {}) =>
    logger.emit({
      level: atLevel,
      message: [message],
      rawMessage: message,
      timestamp: Date.now(),
      properties: { ...fields },
    });
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warning"),
    error: log("error"),
    close() {
      openLogs.delete(name);
      configureLogTape();
    },
  };
}

/** LogTape is configured for the whole process at once. */
function configureLogTape(): void {
  const logs = [...openLogs];
  configureSync({
    reset: true,
    sinks: Object.fromEntries(logs.map(([name, { sink }]) => [name, sink])),
    loggers: [
      ...logs.map(([name, { level }]) => ({ category: [CATEGORY, name], lowestLevel: level, sinks: [name] })),
      { category: ["logtape", "meta"], lowestLevel: "warning" as const, sinks: logs.slice(0, 1).map(([name]) => name) },
    ],
  });
}

/** Formats a line about the process, its line feed included: for the one that goes through no logger, too. */
export function formatProcessLine(
  format: LogFormat,
  epochMs: number,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  let line = `{"time":"${formatTime(epochMs)}","level":"${level}","message":${formatJsonString(message)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const isPlain = typeof value === "boolean" || typeof value === "number" && Number.isFinite(value);
    line += `,${formatJsonString(key)}:${isPlain ? value : formatJsonString(String(value))}`;
  }
  line += "}\n";
  return format === "json" ? line : toTextLine(line);
}

function formatRecord(format: LogFormat, { timestamp, level, message, properties }: LogRecord): string {
  return formatProcessLine(format, timestamp, lineLevel(level), message.join(""), properties as LogFields);
}

function tapeLevel(level: LogLevel): TapeLevel {
  return level === "warn" ? "warning" : level;
}

function lineLevel(level: TapeLevel): LogLevel {
  if (level === "warning") return "warn";
  return level === "fatal" ? "error" : level;
}
