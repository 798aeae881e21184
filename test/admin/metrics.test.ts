// The list of metrics by Prometheus' rules of naming, and every query that is delivered with the program against it.
import { describe, expect, test } from "bun:test";
import { METRICS } from "../../src/admin/metrics.ts";
import { readAlertQueries, readDashboardQueries } from "../support/deployed_queries.ts";

describe("each metric", () => {
  test("has a name of its own", () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
  });

  for (const { name, type, help, labels } of METRICS) {
    test(`${name} is named by Prometheus' rules`, () => {
      expect(name).toMatch(/^(egress_http_proxy|process)_[a-z]+(_[a-z]+)*$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
      if (type === "histogram") expect(name).toEndWith("_seconds");
      expect(name).not.toMatch(/_(ms|milliseconds|kb|percent)(_|$)/);
      expect(help).toMatch(/^[A-Z0-9][^\n]*[^.\n]$/);
      for (const label of labels) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
    });
  }
});

/** Labels that a scrape adds, and that of a histogram's bound. */
const OUTER_LABELS = ["job", "instance", "namespace", "le"];

/** Each metric's name as queries have it, with its labels. */
const SERIES = new Map(
  METRICS.flatMap(({ name, type, labels }) =>
    (type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]).map((suffix) => [name + suffix, labels] as const)
  ),
);

const queries = [...await readAlertQueries(), ...await readDashboardQueries()];

describe("each query", () => {
  test("was found", () => expect(queries.length).toBeGreaterThan(40));

  for (const { owner, expr } of queries) {
    test(`of '${owner}' asks for what there is: ${expr.replaceAll(/\s+/g, " ")}`, () => {
      const names = [...expr.matchAll(/\b(?:egress_http_proxy|process)_[a-z_]+/g)].map(([name]) => name);
      expect(names.length).toBeGreaterThan(0);
      const labels = new Set(OUTER_LABELS);
      for (const name of names) {
        expect([name, SERIES.has(name)]).toEqual([name, true]);
        for (const label of SERIES.get(name) ?? []) labels.add(label);
      }
      const used = [
        ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/, */)),
        ...[...expr.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"/g)].map(([, label = ""]) => label),
      ];
      for (const label of used) expect([label, labels.has(label)]).toEqual([label, true]);
      const counters = names.filter((name) => /_(total|bucket)$/.test(name));
      for (const name of counters) expect(expr).toMatch(new RegExp(`(rate|increase)\\(${name}\\b`));
    });
  }
});
