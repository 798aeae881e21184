// Owns the program run as a process of its own: `deno run` or the compiled file, its output read, its signals real.
import type { Program } from "./in_process.ts";
import type { LogLines } from "./log_lines.ts";

/** Starts `command` with this environment and what it takes to find programs and caches, nothing else of ours. */
export function startChild(command: string[], env: Readonly<Record<string, string>>, lines: LogLines): Program {
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "TMPDIR", "DENO_DIR"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const child = Bun.spawn(command, {
    env: { ...inherited, NO_COLOR: "1", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const read = Promise.all([
    passOn(child.stdout, (text) => lines.addStdout(text)),
    passOn(child.stderr, (text) => lines.addStderr(text)),
  ]).then(() => lines.end());
  return {
    pid: child.pid,
    exited: Promise.all([child.exited, read]).then(([code]) => code),
    signal: (name) => child.kill(name),
    kill: () => child.kill("SIGKILL"),
  };
}

async function passOn(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
}
