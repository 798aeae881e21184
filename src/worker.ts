// Owns the start of a data-plane thread: its runtime's way to C, and the program that it runs.
import { ThreadProgram } from "./plane/thread_program.ts";
import type { ThreadStart, ToThread } from "./plane/thread_messages.ts";
import { runThread } from "./runtime/posix/thread_side.ts";

const ffi = "Bun" in globalThis
  ? (await import("./runtime/bun/ffi.ts")).bunFfi
  : (await import("./runtime/deno/ffi.ts")).denoFfi;

runThread(ffi, (side, start) => {
  const program = new ThreadProgram(side, start as ThreadStart);
  return { listen: () => program.listen(), onMessage: (message) => program.onMessage(message as ToThread) };
});
