// Owns the load: many operations at once for a time, faults meanwhile, and the report of what went wrong. Knows nothing of
// what an operation does.
import { rename, writeFile } from "node:fs/promises";
import { OPERATIONS, type World } from "./operations.ts";

/** How the load is made. */
export interface LoadSettings {
  readonly seconds: number;
  /** Operations under way at once. */
  readonly lanes: number;
  /** The number of the first operation; a host's name has it. */
  readonly firstId: number;
  /** The file of rules; undefined where it is left alone. */
  readonly rulesFile?: string;
  /** Told now and then how far it is. */
  readonly onProgress?: (doneCount: number) => void;
}

/** What came of it. */
export interface LoadReport {
  /** Operations done, by kind. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  readonly swaps: number;
}

/** Both deny what must never be reached; in between is the one zone whose names come and go. */
export const RULE_TEXTS: readonly [string, string] = [
  "!*.closed.test\n127.0.0.0/8\n*\n",
  "!*.closed.test\n!*.flap.test\n127.0.0.0/8\n*\n",
];

const SWAP_MS = 100;
const FREEZE_MS = 700;
const MAX_FAILURES = 20;

/** Runs operations until the time is over, and waits for the last ones. */
export async function runLoad(world: World, settings: LoadSettings): Promise<LoadReport> {
  const { seconds, lanes, rulesFile, onProgress } = settings;
  const counts = new Map<string, number>();
  const failures: string[] = [];
  const untilMs = performance.now() + seconds * 1000;
  let done = 0;
  let swaps = 0;
  let isFrozen = false;
  let nextId = settings.firstId;

  const swapping = rulesFile === undefined ? undefined : setInterval(() => {
    const text = RULE_TEXTS[++swaps % 2]!;
    const next = `${rulesFile}.${swaps}`; // Its own: on a busy machine one may still be on its way.
    writeFile(next, text).then(() => rename(next, rulesFile)).catch((error) => failures.push(String(error)));
  }, SWAP_MS);
  const freezing = setInterval(() => {
    isFrozen = !isFrozen;
    if (isFrozen) world.frozenOrigin.freeze();
    else world.frozenOrigin.thaw();
  }, FREEZE_MS);
  const telling = setInterval(() => onProgress?.(done), 10_000);

  const lane = async () => {
    while (performance.now() < untilMs && failures.length < MAX_FAILURES) {
      const operation = choose(world.random);
      try {
        await operation.run(world, nextId++);
      } catch (error) {
        failures.push(`${operation.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
      counts.set(operation.name, (counts.get(operation.name) ?? 0) + 1);
      done++;
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    clearInterval(swapping);
    clearInterval(freezing);
    clearInterval(telling);
    world.frozenOrigin.thaw();
  }
  return { counts, failures, swaps };
}

function choose(random: () => number): (typeof OPERATIONS)[number] {
  let at = random() * OPERATIONS.reduce((sum, { weight }) => sum + weight, 0);
  for (const operation of OPERATIONS) {
    at -= operation.weight;
    if (at < 0) return operation;
  }
  return OPERATIONS[0]!;
}
