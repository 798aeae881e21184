// Owns what all log lines share: formats, levels, time, and the text form of a JSON line. Knows no field but the first three.
import { formatJsonString } from "./json_text.ts";

/** How lines are written: `json` for machines, `text` (key=value) for people at a terminal. */
export type LogFormat = "json" | "text";

/** How grave a line is. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

const UNQUOTED = /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/;

/** Rewrites a JSON line as text. JSON is the form that is made fast and has every field; this one is for eyes. */
export function toTextLine(jsonLine: string): string {
  const { time, level, message, ...fields }: Record<string, unknown> = JSON.parse(jsonLine);
  let line = `${time} ${String(level).padEnd(5)} ${formatJsonString(String(message)).slice(1, -1)}`;
  for (const [key, value] of Object.entries(fields)) {
    const text = String(value);
    line += ` ${key}=${UNQUOTED.test(text) ? text : formatJsonString(text)}`;
  }
  return `${line}\n`;
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
