// Starts the contract suite on the engine of libc's sockets.
import { describe, test } from "bun:test";
import { moveCases } from "./engine_move_cases.ts";
import { engineSuite } from "./engine_suite.ts";
import { createPolledPosixEngine } from "./polled_posix_engine.ts";

const engine = {
  module: new URL("./polled_posix_engine.ts", import.meta.url).href,
  name: "createPolledPosixEngine",
};

describe.skipIf(process.platform !== "linux")("engine on libc's sockets", () => {
  for (const { name, run } of [...engineSuite(engine), ...moveCases]) {
    test(name, () => run(createPolledPosixEngine), 30_000);
  }
});
