import { describe, expect, test } from "bun:test";
import { formatPerformance } from "../../bench/performance.ts";
import { drawPlot } from "../../bench/plot.ts";
import { formatReport } from "../../bench/report.ts";
import { formatResults, readResults } from "../../bench/results.ts";
import { formatDate, formatFigure, formatMachine } from "../../bench/words.ts";
import { metricOf, resultsOf } from "./results_of.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const connect = metricOf("connect", "cpu", {
  ours: [0.05, 0.06, 0.07],
  squid: [0.1, 0.2, undefined],
  tinyproxy: [undefined, undefined, undefined],
});

describe("formatReport()", () => {
  const report = formatReport(resultsOf(connect));
  const rowOf = (start: string) =>
    report.split("\n").find((row) => row.startsWith(`| ${start}`))?.split("|").map((cell) => cell.trim()) ?? [];

  test("says when, on what and from which source", () => {
    expect(report.replaceAll("\n", " ")).toContain(
      "Measured on 9 March 2026, on a virtual machine with 2 cores (Example CPU) and 24 GiB of memory, Debian 12, " +
        "Linux 6.18, from source `0123456789`: `npm run bench`, 3 interleaved rounds",
    );
  });

  test("gives medians with their spread, lost windows, and ratios within rounds", () => {
    expect(rowOf("connect cpu")).toEqual([
      "",
      "connect cpu ↓",
      "0.06 ±8",
      "0.15 ±17 (1 lost)",
      "- (3 lost)",
      "0.4",
      "-",
      "",
    ]);
  });

  test("judges each bar", () => {
    expect(rowOf("CONNECT set-ups").slice(2)).toEqual(["CPU each", "squid", "0.4 (0.35–0.45)", "≤ 0.55: met", "", ""]);
  });

  test("tells what was lost and why, and what is missing", () => {
    expect(report).toContain("- squid, connect, round 3: 2 failures");
    expect(report).toContain("4 of 9 windows were lost");
    expect(report).toContain("- nginx is left out: nginx is not installed");
  });

  test("tells of a generator that was busy all the time", () => {
    const busy = {
      ...connect,
      windows: { ours: [{ round: 1, values: { cpu: 1 }, othersPercent: 0, generatorPercent: 99 }] },
    };
    expect(formatReport(resultsOf(busy))).toContain("the generator used a whole core on ours (99 %)");
    expect(report).not.toContain("whole core");
  });
});

describe("formatPerformance()", () => {
  test("has a line for each figure that was measured, and no other", () => {
    const rows = formatPerformance(resultsOf(connect)).split("\n").filter((line) => line.startsWith("| CONNECT"));
    expect(rows.map((row) => row.split("|").map((cell) => cell.trim()))).toEqual([
      ["", "CONNECT set-ups: CPU ms each", "0.06", "0.4", "0.15", "", ""],
    ]);
  });
});

describe("drawPlot()", () => {
  const svg = drawPlot(resultsOf(connect));

  test("draws what was measured beside squid, with the ratio as its label", () => {
    expect(svg).toStartWith("<svg ");
    expect(svg).toContain(">CONNECT set-ups<");
    expect(svg).toContain(">0.4<");
    expect(svg).not.toContain("HTTP, kept alive");
  });

  test("draws the same again", () => expect(drawPlot(resultsOf(connect))).toBe(svg));

  test("cuts a bar that would leave the picture, and says what it comes to", () => {
    const far = metricOf("connect", "cpu", { ours: [25], squid: [1] });
    expect(drawPlot(resultsOf(far))).toContain("25 →");
  });
});

describe("results as JSON", () => {
  test("are read as they were written", async () => {
    const path = `${(await import("node:os")).tmpdir()}/bench-results-${process.pid}.json`;
    try {
      await Bun.write(path, formatResults(resultsOf(connect)));
      expect(readResults(path)).toEqual(resultsOf(connect));
    } finally {
      await Bun.file(path).delete();
    }
  });

  test("of another form are refused", async () => {
    const path = `${(await import("node:os")).tmpdir()}/bench-old-${process.pid}.json`;
    try {
      await Bun.write(path, '{"metrics":[]}');
      expect(() => readResults(path)).toThrow(`Cannot read ${path}: it holds no results of form`);
    } finally {
      await Bun.file(path).delete();
    }
  });
});

describe("the published documents are those of docs/benchmark.json (else: npm run bench:report)", () => {
  const results = readResults(new URL("benchmark.json", DOCS));
  test("the report", async () =>
    expect(await Bun.file(new URL("benchmark.md", DOCS)).text()).toBe(formatReport(results)));
  test("the picture", async () =>
    expect(await Bun.file(new URL("benchmark.svg", DOCS)).text()).toBe(drawPlot(results)));
});

describe("words", () => {
  test("a date", () => expect(formatDate("2026-12-31T23:59:59.999Z")).toBe("31 December 2026"));
  test("a machine", () => {
    const machine = { ...resultsOf().machine, cores: 1, virtual: false };
    expect(formatMachine(machine)).toBe(
      "a machine with 1 core (Example CPU) and 24 GiB of memory, Debian 12, Linux 6.18",
    );
  });
  const figures = [[0.012345, "0.0123"], [12.345, "12.3"], [999.6, "1000"], [12345.6, "12346"], [0, "0"], [
    NaN,
    "-",
  ]] as const;
  for (const [value, text] of figures) test(`the figure ${text}`, () => expect(formatFigure(value)).toBe(text));
});
