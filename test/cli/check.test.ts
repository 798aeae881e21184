// `check`: the rules as they are understood, for people and for machines.
import { describe, expect, test } from "bun:test";
import { runCommand } from "../../src/cli/cli.ts";
import { FakeRuntime } from "./fake_runtime.ts";

async function check(rules: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const fake = new FakeRuntime({ args: ["check", "--destination", rules, ...args] });
  const code = await runCommand(fake.runtime);
  return { code, stdout: fake.stdout, stderr: fake.stderr };
}

const ALL_KINDS = "# of each kind\n192.168.1.1\n!10.1.0.0/16\nWWW.Example.com\n *.bücher.example\n*";

describe("check", () => {
  test("prints each rule with number, line, action, text and meaning", async () => {
    const { code, stdout, stderr } = await check(ALL_KINDS);
    expect([code, stderr]).toEqual([0, ""]);
    const [rules, count] = stdout.split("\n\n");
    expect(rules?.split("\n")).toEqual([
      "1  line 2  allow  192.168.1.1       the address 192.168.1.1",
      "2  line 3  deny   !10.1.0.0/16      every address in 10.1.0.0/16",
      "3  line 4  allow  WWW.Example.com   www.example.com alone",
      "4  line 5  allow  *.bücher.example  xn--bcher-kva.example and every name under it",
      "5  line 6  allow  *                 everything remote that no rule above decided",
    ]);
    expect(count).toMatch(/^5 rules, digest \S+\n$/);
  });

  test("says that the rest is denied where no '*' ends the rules", async () => {
    expect((await check("a.example")).stdout).toMatch(
      /^1 {2}line 1 .*\n\nWhat no rule matches is denied\.\n\n1 rule, digest /,
    );
  });

  test("does not let one long name widen the columns", async () => {
    const long = `${"a".repeat(50)}.example`;
    const { stdout } = await check(`${long}\nb.example`);
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      `1  line 1  allow  ${long}  ${long} alone`,
      "2  line 2  allow  b.example  b.example alone",
    ]);
  });

  test("shows warnings with line and caret", async () => {
    const { code, stdout } = await check("  10.1.2.3/8\n10.2.0.0/16\nb.example\nB.example");
    expect(code).toBe(0);
    const blocks = stdout.trimEnd().split("\n\n").slice(3);
    expect(blocks).toEqual([
      "warning: line 1: Masked the host bits of '10.1.2.3/8': it is read as 10.0.0.0/8\n    10.1.2.3/8\n    ^",
      expect.stringMatching(
        /^warning: line 2: Check '10\.2\.0\.0\/16': it is never reached, rule 1 .*\n {2}10\.2\.0\.0\/16\n {2}\^$/,
      ),
      expect.stringMatching(/^warning: line 4: Remove 'B\.example': it repeats rule 3 .*\n {2}B\.example\n {2}\^$/),
    ]);
  });

  test("tells every error in one line with line, text and reason", async () => {
    const { code, stdout, stderr } = await check("ok.example\nexa mple.com\n\ta..b");
    expect([code, stdout]).toEqual([2, ""]);
    const lines = stderr.split("\n");
    expect(lines[0]).toStartWith("egress-http-proxy: line 2: Bad destination 'exa mple.com': ");
    expect(lines[1]).toStartWith("egress-http-proxy: line 3: Bad destination 'a..b': ");
    expect(lines.slice(2)).toEqual([""]);
  });

  test("shows no control character of a rule", async () => {
    const { stderr } = await check("a\u001b[2J\u202eb");
    expect(stderr).not.toMatch(/[^\n\x20-\x7e]/);
  });

  test("prints one documented object with --json", async () => {
    const { code, stdout, stderr } = await check(`${ALL_KINDS}`, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const object = JSON.parse(stdout);
    expect(Object.keys(object)).toEqual(["rules", "warnings", "errors", "digest"]);
    expect(object.rules[3]).toEqual({
      number: 4,
      line: 5,
      text: "*.bücher.example",
      action: "allow",
      match: { kind: "subdomains", value: "*.xn--bcher-kva.example" },
      meaning: "xn--bcher-kva.example and every name under it",
    });
    expect(object.rules.map((rule: { match: unknown }) => rule.match)).toEqual([
      { kind: "address", value: "192.168.1.1" },
      { kind: "range", value: "10.1.0.0/16" },
      { kind: "name", value: "www.example.com" },
      { kind: "subdomains", value: "*.xn--bcher-kva.example" },
      { kind: "any", value: "*" },
    ]);
    expect([object.warnings, object.errors]).toEqual([[], []]);
    expect(object.digest).toMatch(/^\S+:[0-9a-f]{16}$/);
  });

  test("prints warnings and errors in the object too", async () => {
    const warned = JSON.parse((await check("10.0.0.1/8", "--json")).stdout);
    expect(warned.warnings).toEqual([{
      line: 1,
      column: 1,
      text: "10.0.0.1/8",
      message: "Masked the host bits of '10.0.0.1/8': it is read as 10.0.0.0/8",
    }]);
    const { code, stdout, stderr } = await check("*\n!*", "--json");
    const failed = JSON.parse(stdout);
    expect([code, failed.rules, failed.digest]).toEqual([2, [], null]);
    expect(failed.errors.map((error: { line: number }) => error.line)).toEqual([2, 2]);
    expect(stderr.split("\n").filter((line) => line.startsWith("egress-http-proxy: line 2: ")).length).toBe(2);
  });

  test("prints squid's lines with --format squid", async () => {
    expect(await check("*.a.example\n!10.0.0.0/8", "--format", "squid")).toEqual({
      code: 0,
      stdout: "\nacl dest1 dstdomain .a.example\nhttp_access allow dest1\n" +
        "\nacl dest2 dst 10.0.0.0/8\nhttp_access deny dest2\n\nhttp_access deny all\n",
      stderr: "",
    });
  });

  test("says with --format squid what the original would say", async () => {
    const { code, stderr } = await check("foo bar", "--format=squid");
    expect([code, stderr]).toEqual([
      2,
      "egress-http-proxy: The original refuses these rules: Bad destination 'foo bar'\n",
    ]);
  });

  test("does not print two formats at once", async () => {
    const { code, stderr } = await check("*", "--json", "--format", "squid");
    expect([code, stderr]).toEqual([
      2,
      "egress-http-proxy: Cannot print JSON and the format 'squid' at once: leave one out\n",
    ]);
  });
});
