// Owns holding figures to bars: which ratio counts, and whether it is met. Measures and prints nothing.
import { type Bar, BARS, RIVALS } from "./bars.ts";
import { figuresOf, type Results } from "./results.ts";
import { type RatioSummary, summarise, summariseRatios } from "./statistics.ts";

/** What came of one bar; undefined where the line has no such bar. */
export type Verdict = "met" | "missed" | "no figure";

/** One bar and what came of it in a run. */
export interface Judged {
  readonly bar: Bar;
  /** The ratio, or the figure itself where it is held to a value. */
  readonly figure?: RatioSummary;
  /** Whom it is held against; of several rivals the best. */
  readonly against: string;
  readonly verdict?: Verdict;
  readonly stretchVerdict?: Verdict;
}

/** Judges a run. A bar that the run could not measure has no figure, and is not met. */
export function judge(results: Results, bars: readonly Bar[] = BARS): Judged[] {
  return bars.map((bar) => {
    const { figure, against } = compare(results, bar);
    const decide = (limit: number | undefined) => limit === undefined ? undefined : decideOn(bar, figure, limit);
    const [verdict, stretchVerdict] = [decide(bar.bar), decide(bar.stretch)];
    return {
      bar,
      against,
      ...(figure === undefined ? {} : { figure }),
      ...(verdict === undefined ? {} : { verdict }),
      ...(stretchVerdict === undefined ? {} : { stretchVerdict }),
    };
  });
}

function decideOn({ is }: Bar, figure: RatioSummary | undefined, limit: number): Verdict {
  if (figure === undefined) return "no figure";
  return (is === "≤" ? figure.median <= limit : figure.median >= limit) ? "met" : "missed";
}

function compare(results: Results, bar: Bar): { figure?: RatioSummary | undefined; against: string } {
  const metric = results.metrics.find(({ name }) => name === bar.metric);
  const own = figuresOf(metric, bar.of ?? "ours", bar.key);
  if (bar.against === "value") {
    const values = [...own.values()];
    return { figure: values.length === 0 ? undefined : summarise(values), against: "" };
  }
  const ratioTo = (peer: string) => summariseRatios(own, figuresOf(metric, peer, bar.key));
  if (bar.against !== "peers") return { figure: ratioTo(bar.against), against: bar.against };
  return compareWithBest(bar, ratioTo);
}

/** The best rival is the one against which ours looks worst. */
function compareWithBest(bar: Bar, ratioTo: (peer: string) => RatioSummary | undefined) {
  let best: { figure: RatioSummary; against: string } | undefined;
  for (const against of RIVALS) {
    const figure = ratioTo(against);
    if (figure === undefined) continue;
    const isWorse = best === undefined ||
      (bar.is === "≤" ? figure.median > best.figure.median : figure.median < best.figure.median);
    if (isWorse) best = { figure, against };
  }
  return best ?? { figure: undefined, against: "best peer" };
}

/** How many bars there are, and how many of them are met. */
export function count(judged: readonly Judged[]): Record<"bars" | "met" | "stretches" | "stretchesMet", number> {
  const of = (verdicts: readonly (Verdict | undefined)[]) => verdicts.filter((verdict) => verdict !== undefined);
  const met = (verdicts: readonly (Verdict | undefined)[]) => verdicts.filter((verdict) => verdict === "met").length;
  const [bars, stretches] = [of(judged.map(({ verdict }) => verdict)), of(judged.map((each) => each.stretchVerdict))];
  return { bars: bars.length, met: met(bars), stretches: stretches.length, stretchesMet: met(stretches) };
}
