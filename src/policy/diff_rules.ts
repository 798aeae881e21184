// Owns what is different between two rule lists: added, removed, moved. By what rules mean, not how they are spelt.
import { formatRule, type Rule } from "./rule.ts";
import { finishSteps } from "./steps.ts";

const RULES_PER_STEP = 1024;

/** What became of one rule. */
export interface RuleChange {
  readonly kind: "added" | "removed" | "moved";
  /** As it stands in the new list; of a removed one, in the old. */
  readonly rule: Rule;
  /** Of a moved one: the same rule in the old list. */
  readonly was: Rule | undefined;
}

/**
 * Finds the changes from `before` to `after`: in the order of the new list, removed ones last. A rule counts as moved when
 * it has changed places with others that stayed, as few of them as can be said to have moved. O(n log n).
 */
export function diffRules(before: readonly Rule[], after: readonly Rule[]): RuleChange[] {
  return finishSteps(diffRulesInSteps(before, after));
}

/** The same in steps of about a millisecond. */
export function* diffRulesInSteps(before: readonly Rule[], after: readonly Rule[]): Generator<void, RuleChange[]> {
  const oldPlaces = new Map<string, number[]>();
  // From the end, so that pop() gives the first.
  for (let at = before.length - 1; at >= 0; at--) {
    if (at % RULES_PER_STEP === 0) yield;
    const key = formatRule(before[at]!);
    const places = oldPlaces.get(key);
    if (places === undefined) oldPlaces.set(key, [at]);
    else places.push(at);
  }
  const kept: { readonly rule: Rule; readonly was: number }[] = [];
  const changes: RuleChange[] = [];
  for (const rule of after) {
    if (rule.number % RULES_PER_STEP === 0) yield;
    const was = oldPlaces.get(formatRule(rule))?.pop();
    if (was === undefined) changes.push({ kind: "added", rule, was: undefined });
    else kept.push({ rule, was });
  }
  yield;
  const stays = longestRise(kept.map(({ was }) => was));
  yield;
  kept.forEach(({ rule, was }, at) => {
    if (stays[at] !== 1) changes.push({ kind: "moved", rule, was: before[was] });
  });
  changes.sort((one, other) => one.rule.number - other.rule.number);
  yield;
  const gone = [...oldPlaces.values()].flat().sort((one, other) => one - other);
  for (const at of gone) changes.push({ kind: "removed", rule: before[at]!, was: undefined });
  return changes;
}

/** Marks a longest rising subsequence with 1. */
function longestRise(numbers: readonly number[]): Uint8Array {
  // For each length, where the rise of that length with the least last number ends.
  const ends: number[] = [];
  const previous = new Int32Array(numbers.length).fill(-1);
  numbers.forEach((number, at) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (numbers[ends[middle]!]! < number) low = middle + 1;
      else high = middle;
    }
    previous[at] = ends[low - 1] ?? -1;
    ends[low] = at;
  });
  const marks = new Uint8Array(numbers.length);
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at]!) marks[at] = 1;
  return marks;
}
