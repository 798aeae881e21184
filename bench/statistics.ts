// Owns the few statistics of the report. Rounds are few and noisy, so medians and quartiles, never means.

/** The value at a share of the sorted values, between neighbours by line; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

/** The median. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Half the interquartile range in percent of the median: how far to trust it. */
export function spreadPercent(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / Math.abs(median(values)) * 100;
}

/** The median of some ratios, their quartiles, and how many there are. */
export interface RatioSummary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/**
 * The ratios within each round that has both figures; undefined where no round has. A ratio within a round is steadier
 * than the quotient of two medians.
 */
export function summariseRatios(
  numerators: ReadonlyMap<number, number>,
  denominators: ReadonlyMap<number, number>,
): RatioSummary | undefined {
  const ratios: number[] = [];
  for (const [round, value] of numerators) {
    const other = denominators.get(round);
    if (other !== undefined && other > 0) ratios.push(value / other);
  }
  return ratios.length === 0 ? undefined : summarise(ratios);
}

/** The median of some figures and their quartiles. */
export function summarise(values: readonly number[]): RatioSummary {
  return {
    median: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
  };
}
