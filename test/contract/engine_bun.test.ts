// Starts the contract suite on Bun's engine, with calls into C and without.
import { describe, test } from "bun:test";
import { createBunEngine } from "../../src/runtime/bun/runtime.ts";
import { engineCase } from "./engine_kit.ts";
import { engineSuite } from "./engine_suite.ts";
import { createPortableBunEngine } from "./portable_bun_engine.ts";

const engine = { module: new URL("../../src/runtime/bun/runtime.ts", import.meta.url).href, name: "createBunEngine" };
const portable = { module: new URL("./portable_bun_engine.ts", import.meta.url).href, name: "createPortableBunEngine" };

/** What Bun 1.4.5 can't do without C, and why. */
const BEYOND_PORTABLE: ReadonlyMap<string, string> = new Map([
  ["connect() to 255.255.255.255 is unreachable", "Bun.connect calls every failure at once a refusal"],
  ["connect() to 224.0.0.1 is unreachable", "Bun.connect calls every failure at once a refusal"],
  ["close() gives up a pending dial at once, with its descriptor", "there is no socket before it is connected"],
  ["reset() gives up a pending dial at once, with its descriptor", "there is no socket before it is connected"],
  [
    "when descriptors run out, accepting pauses, and goes on when there are some",
    "a listener can't rest: who is too many is reset",
  ],
]);

describe("engine on Bun's sockets", () => {
  for (const { name, run } of engineSuite(engine)) test(name, () => run(createBunEngine), 30_000);
});

const earlyResets = engineCase("clients that have reset before they were accepted disturb nobody", async (kit) => {
  const port = await kit.port();
  // From outside, while nothing can be accepted here.
  const script = `
    for (let count = 0; count < 20; count++) {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port: ${port}, socket: { data() {} } });
      socket.terminate();
    }`;
  Bun.spawnSync([process.execPath, "--no-env-file", "-e", script]);
  const peer = await kit.peer("127.0.0.1", port);
  peer.write("x");
  await kit.engine.take("data");
});

describe("Bun's own ways", () => {
  for (const [name, create] of [["with C", createBunEngine], ["without", createPortableBunEngine]] as const) {
    test(`${earlyResets.name}, ${name}`, () => earlyResets.run(create));
  }
});

describe("engine on Bun's sockets without C", () => {
  for (const { name, run } of engineSuite(portable)) {
    const reason = BEYOND_PORTABLE.get(name);
    if (reason === undefined) test(name, () => run(createPortableBunEngine), 30_000);
    else test.skip(`${name} [skipped: ${reason}]`, () => {});
  }
});
