import { describe, expect, test } from "bun:test";
import { type Bar, BARS } from "../../bench/bars.ts";
import { HTTP_METRICS } from "../../bench/metrics/http.ts";
import { IDLE_METRIC } from "../../bench/metrics/idle.ts";
import { RULES_METRIC } from "../../bench/metrics/rules.ts";
import { STARTUP_METRIC } from "../../bench/metrics/startup.ts";
import { TUNNEL_METRICS } from "../../bench/metrics/tunnel.ts";
import { listPeers } from "../../bench/peers/registry.ts";
import { count, judge } from "../../bench/verdicts.ts";
import { type Figures, metricOf, resultsOf } from "./results_of.ts";

const line: Bar = { row: "row", load: "load", metric: "m", key: "cpu", against: "squid", is: "≤" };

function judgeOne(bar: Partial<Bar>, figures: Figures) {
  const [judged] = judge(resultsOf(metricOf("m", bar.key ?? "cpu", figures)), [{ ...line, ...bar }]);
  if (judged === undefined) throw new Error("one bar, one verdict");
  return judged;
}

describe("judge()", () => {
  const table = [
    { name: "at the bar", bar: { bar: 0.5 }, figures: { ours: [5], squid: [10] }, expected: "met" },
    { name: "just over it", bar: { bar: 0.5 }, figures: { ours: [5.001], squid: [10] }, expected: "missed" },
    { name: "at a least", bar: { is: "≥", bar: 2 }, figures: { ours: [20], squid: [10] }, expected: "met" },
    { name: "just under it", bar: { is: "≥", bar: 2 }, figures: { ours: [19.99], squid: [10] }, expected: "missed" },
    { name: "the median round", bar: { bar: 0.5 }, figures: { ours: [1, 9, 4], squid: [10, 10, 10] }, expected: "met" },
    { name: "no rival's figure", bar: { bar: 0.5 }, figures: { ours: [1], squid: [undefined] }, expected: "no figure" },
    { name: "no figure of ours", bar: { bar: 0.5 }, figures: { ours: [undefined], squid: [1] }, expected: "no figure" },
    { name: "a value", bar: { against: "value", bar: 2.2 }, figures: { ours: [2.2] }, expected: "met" },
    { name: "a value over it", bar: { against: "value", bar: 2.2 }, figures: { ours: [2.3] }, expected: "missed" },
    {
      name: "another setting of ours",
      bar: { of: "ours-log", against: "ours", bar: 1.1 },
      figures: { ours: [10], "ours-log": [12] },
      expected: "missed",
    },
  ] as const;
  for (const { name, bar, figures, expected } of table) {
    test(`says ${expected} of ${name}`, () => expect(judgeOne(bar, figures).verdict).toBe(expected));
  }

  test("judges bar and stretch each by itself", () => {
    const judged = judgeOne({ bar: 1, stretch: 0.5 }, { ours: [8], squid: [10] });
    expect([judged.verdict, judged.stretchVerdict]).toEqual(["met", "missed"]);
  });

  test("gives no verdict where there is no such bar", () => {
    expect(judgeOne({ stretch: 0.5 }, { ours: [8], squid: [10] })).not.toHaveProperty("verdict");
  });

  describe("against the best peer", () => {
    const peers = { against: "peers", bar: 0.5 } as const;

    test("takes the one that costs least", () => {
      const judged = judgeOne(peers, { ours: [4], squid: [10], tinyproxy: [5], smokescreen: [20] });
      expect([judged.against, judged.figure?.median, judged.verdict]).toEqual(["tinyproxy", 0.8, "missed"]);
    });

    test("takes the one that does most", () => {
      const judged = judgeOne({ ...peers, key: "rate", is: "≥" }, { ours: [40], squid: [10], tinyproxy: [100] });
      expect([judged.against, judged.figure?.median, judged.verdict]).toEqual(["tinyproxy", 0.4, "missed"]);
    });

    test("takes no stand-in", () => {
      expect(judgeOne(peers, { ours: [4], squid: [10], haproxy: [1], nginx: [1] }).against).toBe("squid");
    });

    test("has no figure without any", () => {
      expect(judgeOne(peers, { ours: [4] }).verdict).toBe("no figure");
    });
  });

  test("counts what has no figure as not met", () => {
    const judged = judge(resultsOf(metricOf("m", "cpu", { ours: [4], squid: [10] })), [
      { ...line, bar: 0.5, stretch: 0.1 },
      { ...line, metric: "other", bar: 0.5 },
    ]);
    expect(count(judged)).toEqual({ bars: 2, met: 1, stretches: 1, stretchesMet: 0 });
  });
});

describe("the bars", () => {
  const metrics = [...HTTP_METRICS, ...TUNNEL_METRICS, IDLE_METRIC, RULES_METRIC, STARTUP_METRIC];
  const peers = listPeers({ ours: undefined, other: undefined, smokescreen: undefined });

  test("name figures that are measured", () => {
    const known = new Set(metrics.flatMap(({ name, columns }) => columns.map(({ key }) => `${name} ${key}`)));
    expect(BARS.map(({ metric, key }) => `${metric} ${key}`).filter((each) => !known.has(each))).toEqual([]);
  });

  test("hold no peer to what it is not measured on", () => {
    const unmeasured = BARS.filter(({ metric, of = "ours", against }) => {
      const named = [of, ...(against === "value" || against === "peers" || against === "direct" ? [] : [against])];
      return named.some((name) => {
        const peer = peers.find((each) => each.name === name);
        const measured = metrics.find((each) => each.name === metric);
        return peer === undefined || measured?.excludes(peer) !== undefined || peer.only?.includes(metric) === false;
      });
    });
    expect(unmeasured).toEqual([]);
  });

  test("point the way that is better", () => {
    const wrong = BARS.filter(({ metric, key, is }) => {
      const better = metrics.find(({ name }) => name === metric)?.columns.find((column) => column.key === key)?.better;
      return (is === "≥") !== (better === "higher");
    });
    expect(wrong).toEqual([]);
  });
});
