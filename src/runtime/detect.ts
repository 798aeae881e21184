// Owns which runtime this is: the one way to the adapters, each loaded only where it belongs.
import type { Runtime } from "./runtime.ts";

/** Finds the runtime that the program runs on and makes its adapter. Throws on any but Bun and Deno. */
export async function detectRuntime(): Promise<Runtime> {
  if ("Bun" in globalThis) return (await import("./bun/runtime.ts")).createBunRuntime();
  throw new Error("Cannot run here: this is not Bun");
}
