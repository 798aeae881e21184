// Owns which runtime this is: the one way to the adapters, each loaded only where it belongs.
import type { Runtime } from "./runtime.ts";

/**
 * Finds the runtime that the program runs on and makes its adapter. `threadProgram` is the module of a data-plane thread;
 * a bundle, where this file is no longer at its place, has to name it. Throws on any but Bun and Deno.
 */
export async function detectRuntime(
  threadProgram: URL = new URL("../worker.ts", import.meta.url),
): Promise<Runtime> {
  if ("Bun" in globalThis) return (await import("./bun/runtime.ts")).createBunRuntime(threadProgram);
  if ("Deno" in globalThis) return (await import("./deno/runtime.ts")).createDenoRuntime(threadProgram);
  throw new Error("Cannot run here: this is neither Bun nor Deno");
}
