// Owns what Bun gives the program. Knows nothing of what the program does with it.
import { builtin } from "../node/builtin.ts";
import { systemClock } from "../node/clock.ts";
import { systemDns } from "../node/dns_transport.ts";
import { readFileLimit } from "../node/file_limit.ts";
import { createHttp } from "../node/http.ts";
import { systemFiles, systemFolders } from "../node/files.ts";
import { systemInputs } from "../node/inputs.ts";
import { createProcess } from "../node/process.ts";
import type { CreateEngine, Runtime } from "../runtime.ts";
import { systemNetwork } from "../posix/network_sockets.ts";
import { openThreads } from "../posix/threads.ts";
import { BunEngine } from "./engine.ts";
import { bunFfi } from "./ffi.ts";
import { openDescriptors } from "./descriptors.ts";

/** Makes an engine on Bun's sockets. */
export const createBunEngine: CreateEngine = (handler) =>
  new BunEngine(handler, { clock: systemClock, descriptors: openDescriptors(), fileLimit: readFileLimit() });

/** Makes the runtime, on Bun; `threadProgram` is the module that a data-plane thread runs. */
export function createBunRuntime(threadProgram: URL): Runtime {
  return {
    name: "bun",
    version: Bun.version,
    createEngine: createBunEngine,
    clock: systemClock,
    dns: systemDns,
    files: systemFiles,
    folders: systemFolders,
    inputs: systemInputs,
    http: createHttp(),
    process: createProcess({
      args: process.argv.slice(2), // In a compiled executable too, where Bun makes up the first two.
      writeStdout: (bytes) => writeDescriptor(1, bytes),
      writeStderr: (bytes) => writeDescriptor(2, bytes),
    }),
    threads: openThreads(bunFfi, process.platform, process.arch, threadProgram),
    network: systemNetwork(bunFfi, process.platform),
    async openTestBed() {
      const script = process.argv[1] ?? "";
      // A compiled executable has its modules in a folder of its own making.
      const command = script.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, "--no-env-file", script];
      return (await import("../node/test_bed.ts")).createTestBed(command, bunFfi);
    },
  };
}

/** Writes in Bun's thread pool, where a slow reader blocks nobody. */
function writeDescriptor(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    builtin("node:fs").write(fd, bytes, 0, bytes.length, null, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}
