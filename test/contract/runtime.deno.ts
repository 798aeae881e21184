// Starts the contract suite of the runtime's other parts on Deno: `deno test -A test/contract/runtime.deno.ts`.
import { detectRuntime } from "../../src/runtime/detect.ts";
import { runtimeSuite } from "./runtime_suite.ts";

const runtime = await detectRuntime();

for (const { name, run } of runtimeSuite) {
  Deno.test({ name, fn: () => run(runtime), sanitizeOps: false, sanitizeResources: false });
}
