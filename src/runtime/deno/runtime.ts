// Owns what Deno gives the program. Knows nothing of what the program does with it.
//
// Permissions: --allow-net; --allow-env; --allow-read for rules, /etc/hosts, /etc/resolv.conf and the limit of open files;
// --allow-sys=networkInterfaces, without which it can't be known which addresses are the proxy's own. --allow-ffi is optional.
import process from "node:process";
import { systemClock } from "../node/clock.ts";
import { systemDns } from "../node/dns_transport.ts";
import { readFileLimit } from "../node/file_limit.ts";
import { systemFiles } from "../node/files.ts";
import { createProcess } from "../node/process.ts";
import { openThreads } from "../posix/threads.ts";
import type { CreateEngine, Runtime } from "../runtime.ts";
import { DenoEngine } from "./engine.ts";
import { denoFfi } from "./ffi.ts";

/** Makes an engine on Deno's node:net. */
export const createDenoEngine: CreateEngine = (handler) =>
  new DenoEngine(handler, { clock: systemClock, fileLimit: readFileLimit() });

/** Makes the runtime, on Deno; `threadProgram` is the module that a data-plane thread runs. */
export function createDenoRuntime(threadProgram: URL): Runtime {
  // Not tried without the permission, since Deno would ask for it at a terminal.
  const mayCallC = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  return {
    name: "deno",
    version: Deno.version.deno,
    createEngine: createDenoEngine,
    clock: systemClock,
    dns: systemDns,
    files: systemFiles,
    process: createProcess({
      args: Deno.args,
      // Not node:fs: its write() to a full pipe blocks the loop (2.9).
      writeStdout: (bytes) => Deno.stdout.write(bytes),
      writeStderr: (bytes) => Deno.stderr.write(bytes),
    }),
    threads: mayCallC
      ? openThreads(denoFfi, process.platform, process.arch, threadProgram)
      : { unavailable: "it needs Deno's permission --allow-ffi" },
  };
}
