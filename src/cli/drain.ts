// Owns the orderly end: what is waited for, how long, and what is cut. Reads no signal itself.
import type { CutReport, DataPlane } from "../plane/data_plane.ts";

const NOTHING: CutReport = { requests: 0, tunnels: 0, untold: 0 };

/** The longest time of setTimeout(); a longer one would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The parts of a proxy that its end is made of. */
export type Drainable = Pick<DataPlane, "announceEnd" | "stopAccepting" | "whenEmpty" | "cut" | "openConnections">;

/** How long each part of the end may take. */
export interface DrainSettings {
  /** Still accepting; 0 for none. */
  readonly drainDelayMs: number;
  /** For what is under way; 0 for no limit. */
  readonly drainTimeoutMs: number;
}

/** How the end went. */
export interface DrainReport {
  readonly ended: "drained" | "drain timeout" | "second signal";
  readonly cut: CutReport;
}

/** Ends a proxy: accepts for the delay, one answer a connection, then waits for what is open, then cuts. `hurry` skips every wait. */
export async function drainProxy(
  proxy: Drainable,
  settings: DrainSettings,
  hurry: Promise<void>,
): Promise<DrainReport> {
  const hurried = hurry.then(() => "second signal" as const);
  let ended: DrainReport["ended"] | undefined;
  if (settings.drainDelayMs > 0) {
    // Who keeps a connection alive leaves in order, instead of losing the request that meets the end of accepting.
    proxy.announceEnd();
    ended = await raceWithTimer(settings.drainDelayMs, undefined, [hurried]);
  }
  proxy.stopAccepting();
  if (ended === undefined) {
    const contestants = [proxy.whenEmpty().then(() => "drained" as const), hurried];
    ended = settings.drainTimeoutMs > 0
      ? await raceWithTimer(settings.drainTimeoutMs, "drain timeout", contestants)
      : await Promise.race(contestants);
  }
  // Where nothing is open either, unless that was waited for: with it a thread hands over the last lines of its log.
  const isEmpty = ended === "drained" && proxy.openConnections === 0;
  return { ended, cut: isEmpty ? NOTHING : await proxy.cut() };
}

async function raceWithTimer<T, U>(timeMs: number, atTimeout: U, contestants: readonly Promise<T>[]): Promise<T | U> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<U>((resolve) => {
    timer = setTimeout(() => resolve(atTimeout), Math.min(timeMs, MAX_TIMER_MS));
  });
  try {
    return await Promise.race([...contestants, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
