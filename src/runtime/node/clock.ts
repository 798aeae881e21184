// Owns how time is read: both runtimes have the same two clocks.
import type { Clock } from "../runtime.ts";

/** The system's monotonic and wall clocks. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
};
