// Tests when a loop counts as being at rest after it was busy.
import { describe, expect, test } from "bun:test";
import { Rest } from "../../src/runtime/posix/rest.ts";

function busyRest(events: number): { readonly rest: Rest; readonly told: () => number } {
  let told = 0;
  const rest = new Rest(() => told++);
  rest.bound(Infinity);
  rest.waited(events);
  return { rest, told: () => told };
}

describe("Rest", () => {
  test("is not told of a loop that was not busy, nor wakes it", () => {
    const { rest, told } = busyRest(255);
    expect(rest.bound(Infinity)).toBe(Infinity);
    rest.waited(0);
    expect(told()).toBe(0);
  });

  test("is told once when nothing came for the whole wait", () => {
    const { rest, told } = busyRest(256);
    expect(rest.bound(Infinity)).toBe(500);
    rest.waited(0);
    expect(told()).toBe(1);
    expect(rest.bound(Infinity)).toBe(Infinity);
    rest.waited(0);
    expect(told()).toBe(1);
  });

  test("is not told when a deadline ended a shorter wait", () => {
    const { rest, told } = busyRest(256);
    expect(rest.bound(499)).toBe(499);
    rest.waited(0);
    expect(told()).toBe(0);
  });
});
