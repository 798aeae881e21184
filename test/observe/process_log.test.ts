// The lines about the process: levels, fields, order with other lines, several logs at once.
import { describe, expect, test } from "bun:test";
import { getLogger } from "@logtape/logtape";
import type { LogFormat, LogLevel } from "../../src/observe/log_line.ts";
import { LogWriter } from "../../src/observe/log_writer.ts";
import { formatProcessLine, openProcessLog, type ProcessLog } from "../../src/observe/process_log.ts";

class Fixture implements Disposable {
  stdout = "";
  readonly writer: LogWriter;
  readonly log: ProcessLog;

  constructor(level: LogLevel = "info", format: LogFormat = "json") {
    this.writer = new LogWriter(
      {
        writeStdout: (text) => {
          this.stdout += text;
          return true;
        },
        writeStderr: () => {},
        flush: () => Promise.resolve(),
      },
      () => "",
    );
    this.log = openProcessLog(this.writer, format, level);
  }

  get lines(): Record<string, unknown>[] {
    return this.stdout.split("\n").slice(0, -1).map((line) => {
      const { time: _, ...rest } = JSON.parse(line);
      return rest;
    });
  }

  [Symbol.dispose](): void {
    this.log.close();
  }
}

describe("openProcessLog()", () => {
  test("writes one JSON object a line at once, undefined fields left out", () => {
    using fixture = new Fixture();
    fixture.log.info("listening", { address: "[::]:8080", rules: 2, on: false, gone: undefined });
    expect(fixture.stdout).toMatch(/^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info",/);
    expect(fixture.lines).toEqual([
      { level: "info", message: "listening", address: "[::]:8080", rules: 2, on: false },
    ]);
  });

  test("writes text for people", () => {
    using fixture = new Fixture("info", "text");
    fixture.log.warn("rule warning", { rule_line: 3, details: "Masked the host bits" });
    expect(fixture.stdout).toMatch(/^\S+Z warn {2}rule warning rule_line=3 details="Masked the host bits"\n$/);
  });

  test("takes braces in messages and fields as they are", () => {
    using fixture = new Fixture();
    fixture.log.info("a {message} of {*}", { message_field: "{details}" });
    expect(fixture.lines).toEqual([{ level: "info", message: "a {message} of {*}", message_field: "{details}" }]);
  });

  const levels: { level: LogLevel; expected: string[] }[] = [
    { level: "trace", expected: ["debug", "info", "warn", "error"] },
    { level: "debug", expected: ["debug", "info", "warn", "error"] },
    { level: "info", expected: ["info", "warn", "error"] },
    { level: "warn", expected: ["warn", "error"] },
    { level: "error", expected: ["error"] },
  ];
  for (const { level, expected } of levels) {
    test(`writes ${expected.join(", ")} at level ${level}`, async () => {
      using fixture = new Fixture(level);
      for (const name of ["debug", "info", "warn", "error"] as const) fixture.log[name](name);
      await fixture.writer.close();
      expect(fixture.lines.map((line) => [line.level, line.message])).toEqual(expected.map((name) => [name, name]));
    });
  }

  test("keeps the order of its lines and those of others on the writer", async () => {
    using fixture = new Fixture();
    fixture.writer.append('{"message":"one"}\n');
    fixture.log.info("two");
    fixture.writer.append('{"message":"three"}\n');
    fixture.log.info("four");
    await fixture.writer.close();
    expect(fixture.lines.map((line) => line.message)).toEqual(["one", "two", "three", "four"]);
  });

  test("does not write a debug line before its batch is due", async () => {
    using fixture = new Fixture("debug");
    fixture.log.debug("later");
    expect(fixture.stdout).toBe("");
    await fixture.writer.close();
    expect(fixture.lines).toEqual([{ level: "debug", message: "later" }]);
  });

  test("keeps several logs apart, whichever is opened or closed in between", async () => {
    using one = new Fixture("info");
    one.log.info("one");
    const two = new Fixture("error");
    one.log.info("still one");
    two.log.info("too low");
    two.log.error("two");
    two.log.close();
    two.log.error("lost");
    one.log.info("one again");
    await one.writer.close();
    await two.writer.close();
    expect(one.lines.map((line) => line.message)).toEqual(["one", "still one", "one again"]);
    expect(two.lines.map((line) => line.message)).toEqual(["two"]);
  });

  test("writes nothing once closed", () => {
    const fixture = new Fixture();
    fixture.log.close();
    fixture.log.error("lost");
    getLogger(["egress-http-proxy"]).error("lost too");
    expect(fixture.stdout).toBe("");
  });
});

describe("formatProcessLine()", () => {
  test("writes what JSON has no number for as text", () => {
    const line = formatProcessLine("json", 0, "info", "m", { rate: NaN, most: Infinity, count: -1.5 });
    expect(JSON.parse(line)).toMatchObject({ rate: "NaN", most: "Infinity", count: -1.5 });
  });

  test("writes a line without a logger", () => {
    expect(formatProcessLine("json", 0, "warn", "log lines lost", { lines: 3 })).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"log lines lost","lines":3}\n',
    );
  });
});
