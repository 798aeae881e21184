// Starts the contract suite on Deno's engine: `deno test -A test/contract/engine.deno.ts`.
import { createDenoEngine } from "../../src/runtime/deno/runtime.ts";
import { engineSuite } from "./engine_suite.ts";

const engine = { module: new URL("../../src/runtime/deno/runtime.ts", import.meta.url).href, name: "createDenoEngine" };

for (const { name, run } of engineSuite(engine)) {
  Deno.test({ name, fn: () => run(createDenoEngine), sanitizeOps: false, sanitizeResources: false });
}
