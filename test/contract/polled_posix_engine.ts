// Owns an engine on libc's sockets that takes its turns on the test's own loop, since the peers live there too.
import { bunFfi } from "../../src/runtime/bun/ffi.ts";
import { systemClock } from "../../src/runtime/node/clock.ts";
import { PosixEngine } from "../../src/runtime/posix/engine.ts";
import { openLibc } from "../../src/runtime/posix/libc.ts";
import type { CreateEngine } from "../../src/runtime/runtime.ts";

/** Makes such an engine on Bun. */
export const createPolledPosixEngine: CreateEngine = (handler) => {
  const libc = openLibc(bunFfi);
  if (libc === undefined) throw new Error("libc cannot be called from here");
  const epollEventBytes = process.arch === "x64" ? 12 : 16;
  const engine = new PosixEngine(handler, { ffi: bunFfi, libc, clock: systemClock, reusePort: false, epollEventBytes });
  setInterval(() => engine.poll(0), 1).unref();
  return engine;
};
