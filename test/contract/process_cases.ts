// Owns the contract cases of the process around the program, each in a process of its own.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { networkInterfaces } from "node:os";
import process from "node:process";
import { type ChildOptions, ChildScript } from "./child_script.ts";
import { address } from "./engine_kit.ts";
import type { RuntimeCase } from "./runtime_case.ts";

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

function childCase(
  name: string,
  args: readonly string[],
  options: ChildOptions,
  steps: (child: ChildScript) => Promise<void>,
): RuntimeCase {
  return {
    name,
    async run() {
      const child = new ChildScript("process_script.ts", args, options);
      try {
        await steps(child);
      } finally {
        child.kill();
      }
    },
  };
}

/** A case of a script that reports one value and ends well. */
function reportCase(name: string, args: readonly string[], options: ChildOptions, expected: unknown): RuntimeCase {
  return childCase(name, args, options, async (child) => {
    child.child.stdin?.end();
    const [, report] = await child.untilError(/report (.*)\.\n/);
    deepStrictEqual(JSON.parse(report ?? ""), expected);
    strictEqual(await child.exited, 0);
  });
}

/** The cases. */
export const processCases: readonly RuntimeCase[] = [
  reportCase("args are those behind the program", ["args", "--flag", "", "two words", "é"], {}, [
    "args",
    "--flag",
    "",
    "two words",
    "é",
  ]),
  reportCase("env has what was set", ["env"], { env: { FROM_THE_CASE: "so = so" } }, ["so = so", null]),
  reportCase("stdoutIsTerminal is false for a pipe", ["terminal"], {}, false),
  reportCase("fileLimit() is the soft limit", ["file limit"], { openFilesLimit: 321 }, 321),
  reportCase("readStdin() of nothing is empty", ["stdin"], {}, ""),

  childCase("readStdin() takes UTF-8 in pieces", ["stdin"], {}, async (child) => {
    const text = "allow bücher.example\n".repeat(10_000);
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += 4099) child.child.stdin?.write(bytes.subarray(at, at + 4099));
    child.child.stdin?.end();
    const [, report] = await child.untilError(/report (.*)\.\n/);
    strictEqual(JSON.parse(report ?? ""), text);
  }),

  childCase(
    "a closed stdout makes writeStdout() false, and nothing worse",
    ["write until broken"],
    {},
    async (child) => {
      child.child.stdout?.destroy();
      await child.untilError(/report "broken"/);
      strictEqual(await child.exited, 0);
    },
  ),

  childCase(
    "a full disk makes writeStdout() false, and nothing worse",
    ["write until broken"],
    { stdoutFile: "/dev/full" },
    async (child) => {
      await child.untilError(/report "broken"/);
      strictEqual(await child.exited, 0);
    },
  ),

  childCase("flush() resolves when the kernel has all", ["write and exit"], {}, async (child) => {
    strictEqual(await child.exited, 0);
    strictEqual(child.text, Array.from({ length: 20_000 }, (_, turn) => `line ${turn} é\n`).join(""));
  }),

  childCase(
    "a reader that stops blocks nobody: what is too much is dropped, in whole texts",
    ["write too much"],
    { isStdoutUnread: true },
    async (child) => {
      await child.untilError(/report "not blocked"/);
      child.readStdout();
      strictEqual(await child.exited, 0);
      strictEqual(child.text.length % PIECE, 0);
      for (let at = 0; at < child.text.length; at += PIECE) {
        strictEqual(child.text.slice(at, at + 7), String(at / PIECE).padStart(7, "0"));
      }
      ok(child.text.length >= 8 * MIB && child.text.length <= 9 * MIB, `${child.text.length} characters were kept`);
    },
  ),

  childCase("onSignal() is called each time, and the process lives on", ["signals"], {}, async (child) => {
    await child.untilError(/report "listening"/);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      for (const time of [1, 2]) {
        process.kill(child.child.pid ?? 0, signal);
        await child.untilError(new RegExp(`(report "${signal}".[^]*){${time}}`));
      }
    }
    strictEqual(child.child.exitCode, null);
  }),

  {
    name: "localAddresses() are those of the interfaces, each once",
    run({ process: host }) {
      const expected = Object.values(networkInterfaces()).flat().flatMap((entry) => entry?.address ?? []);
      const found = host.localAddresses().map((each) => each.text);
      deepStrictEqual([...found].sort(), [...new Set(expected.map((text) => address(text).text))].sort());
      ok(found.includes("127.0.0.1"));
      return Promise.resolve();
    },
  },
];
