// Owns an engine on libc's sockets that takes its turns on the test's own loop, since the peers live there too.
import process from "node:process";
import { systemClock } from "../../src/runtime/node/clock.ts";
import { PosixEngine } from "../../src/runtime/posix/engine.ts";
import { openLibc } from "../../src/runtime/posix/libc.ts";
import type { Ffi } from "../../src/runtime/ffi.ts";
import type { CreateEngine } from "../../src/runtime/runtime.ts";

const ffi: Ffi = "Bun" in globalThis
  ? (await import("../../src/runtime/bun/ffi.ts")).bunFfi
  : (await import("../../src/runtime/deno/ffi.ts")).denoFfi;

/** Makes such an engine, on Bun or Deno. */
export const createPolledPosixEngine: CreateEngine = (handler) => {
  const libc = openLibc(ffi);
  if (libc === undefined) throw new Error("libc cannot be called from here");
  const epollEventBytes = process.arch === "x64" ? 12 : 16;
  const engine = new PosixEngine(handler, { ffi, libc, clock: systemClock, joinsPort: false, epollEventBytes });
  const turns = setInterval(() => engine.poll(0), 1);
  // Deno's timers are numbers.
  if (typeof turns === "object") turns.unref();
  else Deno.unrefTimer(turns);
  return engine;
};
