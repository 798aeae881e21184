// Owns the shape of a log line: time, level, message, then fields, as JSON or as text. Knows no field by name.
import { formatJsonString } from "./json_text.ts";

/** How lines are written: `json` for machines, `text` (key=value) for people at a terminal. */
export type LogFormat = "json" | "text";

/** How grave a line is. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** The parts of a line in one format; string building alone, because there is one line for every request. */
export interface LineFormat {
  start(epochMs: number, level: LogLevel, message: string): string;
  text(key: string, value: string): string;
  /** A number or a truth value. */
  plain(key: string, value: number | boolean): string;
  readonly end: string;
}

const JSON_LINES: LineFormat = {
  start: (epochMs, level, message) =>
    `{"time":"${formatTime(epochMs)}","level":"${level}","message":${formatJsonString(message)}`,
  text: (key, value) => `,"${key}":${formatJsonString(value)}`,
  plain: (key, value) => `,"${key}":${value}`,
  end: "}\n",
};

const UNQUOTED = /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/;

const TEXT_LINES: LineFormat = {
  start: (epochMs, level, message) =>
    `${formatTime(epochMs)} ${level.padEnd(5)} ${formatJsonString(message).slice(1, -1)}`,
  text: (key, value) => ` ${key}=${UNQUOTED.test(value) ? value : formatJsonString(value)}`,
  plain: (key, value) => ` ${key}=${value}`,
  end: "\n",
};

/** Gives the parts for a format. Keys are the program's own words: they are not escaped. */
export function lineFormat(format: LogFormat): LineFormat {
  return format === "json" ? JSON_LINES : TEXT_LINES;
}

let lastSecond = Number.NaN;
let lastSecondText = "";

/** Formats a time as ISO 8601 in UTC with milliseconds. The part down to the second is kept: it serves many lines. */
export function formatTime(epochMs: number): string {
  const wholeMs = Math.floor(epochMs);
  const second = Math.floor(wholeMs / 1000);
  if (second !== lastSecond) {
    lastSecondText = new Date(second * 1000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  return `${lastSecondText}${String(wholeMs - second * 1000).padStart(3, "0")}Z`;
}
