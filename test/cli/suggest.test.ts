// `suggest` as a command: where it reads, what it says of broken lines, exit codes, and what `check` says of its text.
import { describe, expect, test } from "bun:test";
import { runCommand } from "../../src/cli/cli.ts";
import { logLine } from "../suggest/suggest_kit.ts";
import { type FakeOptions, FakeRuntime } from "./fake_runtime.ts";

const GOOD = logLine({ host: "a.example.com", would_deny: true });
const OTHER = logLine({ host: "b.example.com", would_deny: true });

async function run(options: FakeOptions) {
  const fake = new FakeRuntime(options);
  return { code: await runCommand(fake.runtime), stdout: fake.stdout, stderr: fake.stderr };
}

function rules(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("suggest", () => {
  test("reads files one after the other", async () => {
    const files = { "/one": `${GOOD}\n`, "/two": OTHER };
    const { code, stdout, stderr } = await run({ args: ["suggest", "/one", "/two"], files });
    expect([code, rules(stdout), stderr]).toEqual([0, ["a.example.com", "b.example.com"], ""]);
  });

  for (const args of [["suggest"], ["suggest", "-"]]) {
    test(`reads standard input: ${args.join(" ")}`, async () => {
      const { code, stdout } = await run({ args, stdin: `${GOOD}\n` });
      expect([code, rules(stdout)]).toEqual([0, ["a.example.com"]]);
    });
  }

  test("tells how many lines are none of a log, and where the first is", async () => {
    const { code, stdout, stderr } = await run({ args: ["suggest", "/log"], files: { "/log": `${GOOD}\n{\nx\n` } });
    expect([code, rules(stdout)]).toEqual([0, ["a.example.com"]]);
    expect(stderr).toBe(
      "egress-http-proxy: warning: 2 of the lines of '/log' are none of a log, line 2 the first\n",
    );
  });

  test("ends with 1 where there is nothing to make a rule of", async () => {
    const { code, stderr } = await run({ args: ["suggest"], stdin: "" });
    expect([code, stderr]).toEqual([
      1,
      "egress-http-proxy: No rule can be made: the logs show no request that was let through\n",
    ]);
  });

  test("ends with 1 and the system's reason where a log cannot be read", async () => {
    const { code, stderr } = await run({ args: ["suggest", "/none"] });
    expect([code, stderr]).toEqual([1, "egress-http-proxy: Cannot read the log from '/none': ENOENT\n"]);
  });

  test("prints a text that check takes without a warning", async () => {
    const { stdout } = await run({ args: ["suggest"], stdin: `${GOOD}\n${OTHER}\n` });
    const checked = await run({ args: ["check", "--destination", stdout] });
    expect([checked.code, checked.stderr]).toEqual([0, ""]);
    expect(checked.stdout).not.toContain("warning");
  });
});
