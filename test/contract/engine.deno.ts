// Starts the contract suite on Deno's engine: `deno test -A test/contract/engine.deno.ts`.
import { createDenoEngine } from "../../src/runtime/deno/runtime.ts";
import { engineSuite } from "./engine_suite.ts";

const engine = { module: new URL("../../src/runtime/deno/runtime.ts", import.meta.url).href, name: "createDenoEngine" };

/** What node:net of Deno 2.9 cannot do, and why: shown with the skipped case. */
const BEYOND_DENO: ReadonlyMap<string, string> = new Map([
  [
    "the peer's RST in the middle of our queue is onClose with reset",
    "a failed write is told as a finished one first, so that a drain comes before the close",
  ],
  [
    "the peer's RST after its FIN is onEnd, then onClose with reset",
    "nothing is read behind a FIN, so that only a second write would meet the reset",
  ],
]);

for (const { name, run } of engineSuite(engine)) {
  const reason = BEYOND_DENO.get(name);
  const shown = reason === undefined ? name : `${name} [skipped: ${reason}]`;
  Deno.test({
    name: shown,
    fn: () => run(createDenoEngine),
    ignore: reason !== undefined,
    sanitizeOps: false,
    sanitizeResources: false,
  });
}
