// Owns the picture of a run: what each proxy needs for the same work, as a multiple of what squid needs. Measures nothing.
import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { figuresOf, type Results } from "./results.ts";
import { summariseRatios } from "./statistics.ts";
import { formatDate, formatFigure, formatMachine } from "./words.ts";

const ROWS: readonly (readonly [text: string, metric: string, key: string])[] = [
  ["tunnel, 8 down", "bulk-down-8", "cpu"],
  ["tunnel, 8 up", "bulk-up-8", "cpu"],
  ["tunnel, 8 both ways", "bulk-both-8", "cpu"],
  ["CONNECT set-ups", "connect", "cpu"],
  ["messages, 64 tunnels", "ping-64", "cpu"],
  ["HTTP, kept alive", "http-keep-alive", "cpu"],
  ["HTTP, closed", "http-close", "cpu"],
  ["HTTP, 10 MiB down", "http-down", "cpu"],
  ["HTTP, 1 MiB up", "http-up", "cpu"],
  ["HTTP, 1 MiB up, chunked", "http-up-chunked", "cpu"],
  ["idle tunnel: memory", "idle", "pss8000"],
];

/** One colour each; haproxy and nginx never have a figure for the same work. */
const SERIES: readonly { readonly peers: readonly string[]; readonly text: string; readonly color: string }[] = [
  { peers: ["ours"], text: "this proxy", color: "#1457c4" },
  { peers: ["tinyproxy"], text: "tinyproxy", color: "#d98b2b" },
  { peers: ["smokescreen"], text: "smokescreen", color: "#a6559d" },
  { peers: ["haproxy", "nginx"], text: "haproxy, nginx (one fixed target, no rules)", color: "#8b98a5" },
];

/** Bars end here; their labels say what they would come to. */
const WIDEST = 1.6;
const ROW_HEIGHT = 52;
const INK = "#24292f";

use([BarChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

/** Draws a run as SVG. Rows and peers without figures are left out. */
export function drawPlot(results: Results): string {
  const ratioOf = (names: readonly string[], metricName: string, key: string) => {
    const metric = results.metrics.find(({ name }) => name === metricName);
    const ratios = names.map((name) => summariseRatios(figuresOf(metric, name, key), figuresOf(metric, "squid", key)));
    return ratios.find((ratio) => ratio !== undefined)?.median;
  };
  const rows = ROWS.filter(([, metric, key]) => SERIES.some(({ peers }) => ratioOf(peers, metric, key) !== undefined));
  const series = SERIES.filter(({ peers }) =>
    rows.some(([, metric, key]) => ratioOf(peers, metric, key) !== undefined)
  );
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 860, height: 172 + rows.length * ROW_HEIGHT });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      textStyle: { fontFamily: "sans-serif", color: INK },
      title: {
        text: "CPU for the same work (last row: memory), squid = 1; less is better",
        subtext: `Medians of ratios within rounds. ${formatDate(results.startedAt)},\n${
          formatMachine(results.machine)
        }`,
        left: 16,
        top: 10,
        textStyle: { fontSize: 16, color: INK },
        subtextStyle: { color: "#57606a" },
      },
      legend: { top: 82, left: 16, itemGap: 28, textStyle: { color: INK } },
      grid: { left: 190, right: 40, top: 132, bottom: 36 },
      xAxis: { type: "value", min: 0, max: WIDEST, interval: WIDEST / 4, axisLabel: { color: INK } },
      yAxis: {
        type: "category",
        inverse: true,
        data: rows.map(([text]) => text),
        axisTick: { show: false },
        axisLabel: { color: INK, fontSize: 13 },
      },
      series: series.map(({ peers, text, color }, index) => ({
        type: "bar",
        name: text,
        barGap: "8%",
        barCategoryGap: "24%",
        itemStyle: { color },
        data: rows.map(([, metric, key]) => {
          const ratio = ratioOf(peers, metric, key);
          if (ratio === undefined) return "-";
          const isCut = ratio > WIDEST;
          return {
            value: Math.min(ratio, WIDEST),
            label: {
              show: true,
              position: isCut ? "insideRight" : "right",
              formatter: `${formatFigure(ratio)}${isCut ? " →" : ""}`,
              color: isCut ? "#ffffff" : INK,
              fontSize: 11,
            },
          };
        }),
        ...(index > 0 ? {} : {
          markLine: {
            silent: true,
            symbol: "none",
            lineStyle: { color: "#b3261e", type: "solid", width: 1.5 },
            label: { formatter: "squid", color: "#b3261e", position: "start" },
            data: [{ xAxis: 1 }],
          },
        }),
      })),
    });
    return `${strip(chart.renderToSVGString())}\n`;
  } finally {
    chart.dispose();
  }
}

/** Takes out what a picture has no use for: styles under a pointer, whose class names are numbered on within a process, and marks. */
function strip(svg: string): string {
  return svg.replace(/<style[^]*?<\/style>\n?/, "").replaceAll(/ (?:class|ecmeta_\w+)="[^"]*"/g, "");
}
