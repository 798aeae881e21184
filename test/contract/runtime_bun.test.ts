// Starts the contract suite of the runtime's other parts on Bun.
import { describe, test } from "bun:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { runtimeSuite } from "./runtime_suite.ts";

const runtime = await detectRuntime();

describe("runtime on Bun", () => {
  for (const { name, run } of runtimeSuite) test(name, () => run(runtime), 30_000);
});
