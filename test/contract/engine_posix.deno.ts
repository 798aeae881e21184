// Starts the contract suite on the engine of libc's sockets, on Deno: `deno test -A test/contract/engine_posix.deno.ts`.
import { moveCases } from "./engine_move_cases.ts";
import { engineSuite } from "./engine_suite.ts";
import { createPolledPosixEngine } from "./polled_posix_engine.ts";

const engine = {
  module: new URL("./polled_posix_engine.ts", import.meta.url).href,
  name: "createPolledPosixEngine",
};

for (const { name, run } of [...engineSuite(engine), ...moveCases]) {
  Deno.test({
    name: `libc's sockets: ${name}`,
    ignore: Deno.build.os !== "linux",
    fn: () => run(createPolledPosixEngine),
    sanitizeOps: false,
    sanitizeResources: false,
  });
}
