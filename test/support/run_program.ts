// Owns running a client program to its end with a clean environment and a deadline. Knows nothing of what it is asked.

/** What a program left behind. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** After which it is killed; 60 s unless told. */
  readonly limitMs?: number;
}

/** Runs a command to its end. Of the test's own environment only the path is handed on. */
export async function runProgram(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = Bun.spawn([...command], {
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8", ...options.env },
    cwd: options.cwd ?? "/",
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.limitMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** Runs a command that must succeed, and throws with all that it said where it does not. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const finished = await runProgram(command, options);
  if (finished.code !== 0) {
    throw new Error(`${command.join(" ")}: exit code ${finished.code}\n${finished.stdout}\n${finished.stderr}`);
  }
  return finished;
}
