// Owns the contract case of a process that runs out of descriptors.
import { ok } from "node:assert";
import { ChildScript } from "./child_script.ts";
import { type EngineCase, engineCase } from "./engine_kit.ts";
import type { RawPeer } from "./raw_peer.ts";

const OPEN_FILES_LIMIT = 128;
const CLIENTS = 200;

/** Where the engine is that the child process is to run. */
export interface EngineModule {
  /** Its URL. */
  readonly module: string;
  /** The CreateEngine that it exports. */
  readonly name: string;
}

/** The cases, for the engine of this module. */
export function limitCases({ module, name }: EngineModule): readonly EngineCase[] {
  return [
    engineCase("when descriptors run out, accepting pauses, and goes on when there are some", async (kit) => {
      const child = new ChildScript("limited_engine.ts", [module, name], { openFilesLimit: OPEN_FILES_LIMIT });
      try {
        const [, port] = await child.until(/port (\d+)\./);
        // The kernel's queue takes those that the engine does not.
        const clients: RawPeer[] = [];
        for (let i = 0; i < CLIENTS; i++) clients.push(await kit.peer("127.0.0.1", Number(port)));
        await child.until(/limit 3\./);
        ok(!child.text.includes(`accept ${OPEN_FILES_LIMIT}.`), "more connections than descriptors");
        const greeted = clients.filter((client) => client.receivedCount > 0);
        ok(greeted.length > 0, "nobody was served");
        ok(clients.every((client) => !client.hasEnded && client.errorCode === undefined), "somebody was sent away");
        child.say("drop");
        await child.until(new RegExp(`accept ${CLIENTS}\\.`));
        await Promise.all(clients.map((client) => client.untilReceived("hello".length)));
      } finally {
        child.kill();
      }
    }),
  ];
}
