// Owns SIGTERM and SIGINT as promises: the first asks for an orderly end, the second for one at once.
import type { Process } from "../runtime/runtime.ts";

/** What the signals say. */
export interface StopSignals {
  /** Resolves with the name of the first signal. */
  readonly first: Promise<string>;
  /** Resolves at the second. */
  readonly second: Promise<void>;
}

/** Listens for the signals from now on. */
export function listenForStop(host: Process): StopSignals {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    host.onSignal(signal, () => {
      count++;
      if (count === 1) first.resolve(signal);
      else second.resolve();
    });
  }
  return { first: first.promise, second: second.promise };
}
