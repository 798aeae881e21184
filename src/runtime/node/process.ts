// Owns the process around the program, by the node: modules that both runtimes have.
import process from "node:process";
import type { Process, ProcessUsage } from "../runtime.ts";
import { builtin } from "./builtin.ts";
import { countOpenFiles, readFileLimit } from "./file_limit.ts";
import { localAddresses } from "./interfaces.ts";
import { Output, type WriteSome } from "./output.ts";

const STDOUT_FD = 1;
/** Linux's number of /dev/null. */
const NULL_DEVICE = 0x103;

/** What each runtime has its own way to. */
export interface ProcessParts {
  /** Those behind the executable or script. */
  readonly args: readonly string[];
  readonly writeStdout: WriteSome;
  readonly writeStderr: WriteSome;
}

/** Makes the process as the program sees it. */
export function createProcess({ args, writeStdout, writeStderr }: ProcessParts): Process {
  const stdout = new Output(writeStdout);
  const stderr = new Output(writeStderr);
  return {
    args,
    env: { ...process.env },
    get stdoutIsTerminal() {
      return isTerminal(STDOUT_FD);
    },
    writeStdout: (text) => stdout.write(text),
    writeStderr(text) {
      stderr.write(text);
    },
    async flush() {
      await Promise.all([stdout.flush(), stderr.flush()]);
    },
    readStdin,
    onSignal(signal, handler) {
      process.on(signal, handler);
    },
    localAddresses,
    usage: readUsage,
    fileLimit: () => Promise.resolve(readFileLimit()),
  };
}

function readUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), openFiles: countOpenFiles() };
}

/** Whether a descriptor is a terminal. What a proxy mostly has there, a pipe, a file or /dev/null, is known for what it is without node:tty. */
function isTerminal(fd: number): boolean {
  try {
    const file = builtin("node:fs").fstatSync(fd);
    return file.isCharacterDevice() && file.rdev !== NULL_DEVICE && builtin("node:tty").isatty(fd);
  } catch {
    return false; // It is closed.
  }
}

async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of process.stdin) {
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
