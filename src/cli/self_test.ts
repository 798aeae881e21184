// Owns `self-test` as a command: its help, its lines and its exit code.
import type { Command } from "./command.ts";

/** Tries the executable on the machine that it is on. */
export const SELF_TEST: Command = {
  name: "self-test",
  summary: "Try whether this executable works on this machine",
  hidden: true,
  notes: [
    "It starts itself as a proxy on a free port of 127.0.0.1 and sends requests through it: to a name of its own",
    "name server, to a name of /etc/hosts, and a tunnel with bulk in it. It tries splice(2) too, and ends the proxy",
    "by SIGTERM. It needs no privilege, no file and no network but the loopback interface.",
    "",
    "Exit code: 0 all works, 1 something does not.",
  ].join("\n"),
  async execute({ runtime }) {
    // Loaded here alone: no proxy has a use for it.
    const { runSelfTest } = await import("../self_test/self_test.ts");
    const tell = (line: string) => void runtime.process.writeStdout(`${line}\n`);
    await runSelfTest(runtime, tell);
    tell("self-test passed");
    return 0;
  },
};
