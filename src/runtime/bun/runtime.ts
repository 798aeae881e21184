// Owns what Bun gives the program. Knows nothing of what the program does with it.
import { systemClock } from "../node/clock.ts";
import { systemDns } from "../node/dns_transport.ts";
import { readFileLimit } from "../node/file_limit.ts";
import { systemFiles } from "../node/files.ts";
import { createProcess } from "../node/process.ts";
import type { CreateEngine, Runtime } from "../runtime.ts";
import { BunEngine } from "./engine.ts";
import { openLibc } from "./libc.ts";

/** Makes an engine on Bun's sockets. */
export const createBunEngine: CreateEngine = (handler) =>
  new BunEngine(handler, { clock: systemClock, libc: openLibc(), fileLimit: readFileLimit() });

/** Makes the runtime, on Bun. */
export function createBunRuntime(): Runtime {
  return {
    name: "bun",
    version: Bun.version,
    createEngine: createBunEngine,
    clock: systemClock,
    dns: systemDns,
    files: systemFiles,
    process: createProcess(process.argv.slice(2)), // In a compiled executable too, where Bun makes up both.
  };
}
