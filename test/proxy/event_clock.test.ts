// Tests that one event has one time, and the next its own.
import { expect, test } from "bun:test";
import { EventClock } from "../../src/proxy/event_clock.ts";
import { FakeClock } from "../dns/fake_parts.ts";

test("EventClock reads once in each event, at its first question", () => {
  const source = new FakeClock();
  const clock = new EventClock(source);
  source.timeMs = 5;
  expect(clock.nowMs()).toBe(5);
  source.timeMs = 7;
  expect(clock.nowMs()).toBe(5);
  clock.next();
  source.timeMs = 9;
  expect(clock.nowMs()).toBe(9);
});
