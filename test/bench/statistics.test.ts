import { describe, expect, test } from "bun:test";
import { median, quantile, spreadPercent, summariseRatios } from "../../bench/statistics.ts";

describe("quantile()", () => {
  const table = [
    { name: "the middle of an odd count", values: [3, 1, 2], share: 0.5, expected: 2 },
    { name: "between the two middles of an even count", values: [4, 1, 2, 3], share: 0.5, expected: 2.5 },
    { name: "the least", values: [5, 4], share: 0, expected: 4 },
    { name: "the greatest", values: [4, 5], share: 1, expected: 5 },
    { name: "a quarter by line", values: [0, 10], share: 0.25, expected: 2.5 },
    { name: "the only one", values: [7], share: 0.75, expected: 7 },
    { name: "by value, not by text", values: [10, 9, 100], share: 0.5, expected: 10 },
  ];
  for (const { name, values, share, expected } of table) {
    test(`gives ${name}`, () => expect(quantile(values, share)).toBe(expected));
  }

  test("gives NaN of none", () => expect(median([])).toBeNaN());

  test("leaves the values in their order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

test("spreadPercent() is half the interquartile range of the median", () => {
  expect(spreadPercent([80, 100, 120])).toBe(10);
  expect(spreadPercent([5, 5, 5])).toBe(0);
});

describe("summariseRatios()", () => {
  const rounds = (...values: (number | undefined)[]) =>
    new Map(values.flatMap((value, index) => value === undefined ? [] : [[index, value] as const]));

  test("takes the ratio within each round, not the quotient of the medians", () => {
    const summary = summariseRatios(rounds(1, 20, 300), rounds(10, 100, 600));
    expect(summary).toEqual({ median: 0.2, low: 0.15000000000000002, high: 0.35, rounds: 3 });
  });

  test("passes over a round that only one of the two has", () => {
    expect(summariseRatios(rounds(1, 2, undefined), rounds(undefined, 4, 8))?.rounds).toBe(1);
  });

  test("passes over a round in which the other has nothing", () => {
    expect(summariseRatios(rounds(1, 3), rounds(0, 2))?.median).toBe(1.5);
  });

  test("has nothing to say where no round has both", () => {
    expect(summariseRatios(rounds(1), rounds(undefined, 2))).toBeUndefined();
  });
});
