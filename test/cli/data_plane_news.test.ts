// The data plane's news in the log: what is said, and how often.
import { expect, test } from "bun:test";
import { ControlCounters } from "../../src/observe/control_counters.ts";
import { DataPlaneNews } from "../../src/cli/data_plane_news.ts";
import type { LogFields, ProcessLog } from "../../src/observe/process_log.ts";

function setUp() {
  const lines: (readonly [string, string, LogFields | undefined])[] = [];
  const log: ProcessLog = {
    debug: () => {},
    info: (message, fields) => lines.push(["info", message, fields]),
    warn: (message, fields) => lines.push(["warn", message, fields]),
    error: (message, fields) => lines.push(["error", message, fields]),
    close: () => {},
  };
  const now = { ms: 0 };
  const counters = new ControlCounters();
  return { lines, now, counters, news: new DataPlaneNews(log, { nowMs: () => now.ms, epochMs: () => 0 }, counters) };
}

test("a want of descriptors is told at most once a second, however many threads rest how often", () => {
  const { lines, now, news } = setUp();
  for (let ms = 0; ms <= 2_000; ms += 25) {
    now.ms = ms;
    news.onAcceptLimit();
    news.onAcceptLimit();
  }
  expect(lines.map(([level, message]) => [level, message])).toEqual(
    Array(3).fill(["warn", "cannot accept connections: no file descriptor is left"]),
  );
});

test("what new rules have closed is told and counted by what it was", () => {
  const { lines, news, counters } = setUp();
  news.onRevoked({ tunnels: 2, requests: 0, keptAlive: 1 });
  expect(counters.revoked).toEqual({ tunnels: 2, requests: 0, keptAlive: 1 });
  expect(lines).toEqual([["info", "closed what the rules in force deny", { tunnels: 2, requests: 0, kept_alive: 1 }]]);
});

test("a thread that dies is told and counted", () => {
  const { lines, news, counters } = setUp();
  news.onThreadEnd("out of memory");
  expect(lines.map(([level]) => level)).toEqual(["error"]);
  expect(counters.threadEnds).toBe(1);
});
