// Starts the contract suite on Bun's engine.
import { describe, test } from "bun:test";
import { createBunEngine } from "../../src/runtime/bun/runtime.ts";
import { engineSuite } from "./engine_suite.ts";

describe("engine on Bun's sockets", () => {
  for (const { name, run } of engineSuite) test(name, () => run(createBunEngine), 30_000);
});
