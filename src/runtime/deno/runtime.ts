// Owns what Deno gives the program. Knows nothing of what the program does with it.
//
// Permissions: --allow-net; --allow-env; --allow-read for rules, /etc/hosts and /etc/resolv.conf;
// --allow-sys=networkInterfaces, without which it can't be known which addresses are the proxy's own. --allow-ffi is optional.
// What is in /proc Deno shows to --allow-all alone: without it the limit of open files is unknown.
import { readFileSync } from "node:fs";
import process from "node:process";
import { systemClock } from "../node/clock.ts";
import { systemDns } from "../node/dns_transport.ts";
import { readFileLimit } from "../node/file_limit.ts";
import { createHttp } from "../node/http.ts";
import { systemFiles, systemFolders } from "../node/files.ts";
import { systemInputs } from "../node/inputs.ts";
import type { WriteSome } from "../node/output.ts";
import { createProcess } from "../node/process.ts";
import { systemNetwork } from "../posix/network_sockets.ts";
import { openThreads } from "../posix/threads.ts";
import type { CreateEngine, Runtime } from "../runtime.ts";
import { DenoEngine } from "./engine.ts";
import { denoFfi } from "./ffi.ts";
import { keepAccepting } from "./keep_accepting.ts";

const PIPE_BUF_BYTES = 4096;
const O_NONBLOCK = 0o4000;

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
    folders: systemFolders,
    inputs: systemInputs,
    http: createHttp(keepAccepting),
    process: createProcess({
      args: Deno.args,
      // Not node:fs: its write() to a full pipe blocks the loop (2.9).
      writeStdout: inAtoms(1, (bytes) => Deno.stdout.write(bytes)),
      writeStderr: inAtoms(2, (bytes) => Deno.stderr.write(bytes)),
    }),
    threads: mayCallC
      ? openThreads(denoFfi, process.platform, process.arch, threadProgram)
      : { unavailable: "it needs Deno's permission --allow-ffi" },
    network: mayCallC
      ? systemNetwork(denoFfi, process.platform)
      : { unavailable: "it needs Deno's permission --allow-ffi" },
    async openTestBed() {
      const command = [Deno.execPath(), "run", "--allow-all", process.argv[1] ?? ""];
      return (await import("../node/test_bed.ts")).createTestBed(command, mayCallC ? denoFfi : undefined);
    },
  };
}

/**
 * Cuts what is written to a descriptor that someone made non-blocking into what a pipe takes as a whole or not at all: of
 * more, Deno takes a part and then fails without a word about it (2.9), so that the part would be written again.
 */
function inAtoms(fd: number, writeSome: WriteSome): WriteSome {
  return isNonBlocking(fd) ? (bytes) => writeSome(bytes.subarray(0, PIPE_BUF_BYTES)) : writeSome;
}

function isNonBlocking(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"));
    return (Number.parseInt(flags?.[1] ?? "0", 8) & O_NONBLOCK) !== 0;
  } catch {
    return false; // Not Linux, or not permitted to know.
  }
}
