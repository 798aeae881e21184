// Starts the contract suite on Bun's engine.
import { describe, test } from "bun:test";
import { createBunEngine } from "../../src/runtime/bun/runtime.ts";
import { engineSuite } from "./engine_suite.ts";

const engine = { module: new URL("../../src/runtime/bun/runtime.ts", import.meta.url).href, name: "createBunEngine" };

describe("engine on Bun's sockets", () => {
  for (const { name, run } of engineSuite(engine)) test(name, () => run(createBunEngine), 30_000);
});
