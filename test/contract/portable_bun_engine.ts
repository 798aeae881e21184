// Owns Bun's engine as it is where C can't be called: no just-in-time compiler, or not Linux.
import { BunEngine } from "../../src/runtime/bun/engine.ts";
import { systemClock } from "../../src/runtime/node/clock.ts";
import { readFileLimit } from "../../src/runtime/node/file_limit.ts";
import type { CreateEngine } from "../../src/runtime/runtime.ts";

/** Makes such an engine. */
export const createPortableBunEngine: CreateEngine = (handler) =>
  new BunEngine(handler, { clock: systemClock, descriptors: undefined, fileLimit: readFileLimit() });
