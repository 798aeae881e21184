// `explain`: each decision with its rule, names resolved only where the rules need an address.
import { describe, expect, test } from "bun:test";
import { runCommand } from "../../src/cli/cli.ts";
import { FakeRuntime } from "./fake_runtime.ts";

const HOSTS = "10.1.2.3 inside.example\n192.0.2.1 mixed.example\n10.9.9.9 mixed.example\n127.0.0.1 home.example\n";
const RULES = ["!*.bad.example", "www.example", "10.1.0.0/16", "192.0.2.0/24", "!late.example", "*"].join("\n");

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly queryCount: number;
}

async function explain(rules: string, ...args: string[]): Promise<Outcome> {
  const fake = new FakeRuntime({
    args: ["explain", "--destination", rules, "--resolver", "192.0.2.53", ...args],
    files: { "/etc/hosts": HOSTS },
  });
  const code = await runCommand(fake.runtime);
  const { stdout, stderr, queryCount } = fake;
  return { code, stdout, stderr, queryCount };
}

describe("explain", () => {
  const decided = [
    {
      name: "a denied name",
      rules: RULES,
      target: "x.bad.example",
      code: 1,
      expected: "x.bad.example: denied by rule 1 at line 1 '!*.bad.example'",
    },
    {
      name: "an allowed name, in normal form",
      rules: RULES,
      target: "WWW.example.:443",
      code: 0,
      expected: "www.example: allowed by rule 2 at line 2 'www.example'",
    },
    {
      name: "a name that no rule matches",
      rules: "www.example",
      target: "http://user.example/path?secret",
      code: 1,
      expected: "user.example: denied: no rule matches",
    },
    {
      name: "an address",
      rules: RULES,
      target: "10.1.255.255:22",
      code: 0,
      expected: "10.1.255.255: allowed by rule 3 at line 3 '10.1.0.0/16'",
    },
    {
      name: "an address in disguise",
      rules: RULES,
      target: "http://0xa010203/",
      code: 0,
      expected: "10.1.2.3: allowed by rule 3 at line 3 '10.1.0.0/16'",
    },
    {
      name: "an address that '*' does not open",
      rules: RULES,
      target: "[::1]:80",
      code: 1,
      expected:
        "[::1]: denied: rule 6 at line 6 '*' opens only remote addresses and this is loopback; no later rule matches",
    },
  ];
  for (const { name, rules, target, code, expected } of decided) {
    test(`decides on ${name} without resolving`, async () => {
      expect(await explain(rules, target)).toEqual({ code, stdout: `${expected}\n`, stderr: "", queryCount: 0 });
    });
  }

  test("resolves a name that reaches an address rule, and shows its address", async () => {
    expect(await explain(RULES, "inside.example")).toEqual({
      code: 0,
      stdout: "inside.example (10.1.2.3): allowed by rule 3 at line 3 '10.1.0.0/16'\n",
      stderr: "",
      queryCount: 0,
    });
  });

  test("shows each of several addresses, and counts the name as allowed if one is", async () => {
    const { code, stdout } = await explain("192.0.2.0/24\n!10.0.0.0/8\n*", "mixed.example");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "mixed.example (192.0.2.1): allowed by rule 1 at line 1 '192.0.2.0/24'",
      "  mixed.example (192.0.2.1): allowed by rule 1 at line 1 '192.0.2.0/24'",
      "  mixed.example (10.9.9.9): denied by rule 2 at line 2 '!10.0.0.0/8'",
      "",
    ]);
  });

  test("denies a name whose address only a name rule or '*' would open", async () => {
    const { code, stdout } = await explain("10.0.0.0/8\n*", "home.example");
    expect(code).toBe(1);
    expect(stdout).toBe(
      "home.example (127.0.0.1): denied: rule 2 at line 2 '*' opens only remote addresses and this is loopback; " +
        "no later rule matches\n",
    );
  });

  test("denies a name that has no address where one is needed, and says why", async () => {
    const { code, stdout, queryCount } = await explain(RULES, "gone.example");
    expect([code, queryCount > 0]).toEqual([1, true]);
    expect(stdout).toMatch(
      /^gone\.example: denied: rule 3 at line 3 '10\.1\.0\.0\/16' needs an address and there is none: .+\n$/,
    );
  });

  test("does not ask for a name that is denied whatever its address", async () => {
    const { code, stdout, queryCount } = await explain("!gone.example\n10.0.0.0/8", "gone.example");
    expect([code, stdout, queryCount]).toEqual([1, "gone.example: denied by rule 1 at line 1 '!gone.example'\n", 0]);
  });

  test("ends with 1 where one of several targets is denied", async () => {
    const { code, stdout } = await explain("a.example", "a.example", "b.example");
    expect([code, stdout]).toEqual([
      1,
      "a.example: allowed by rule 1 at line 1 'a.example'\nb.example: denied: no rule matches\n",
    ]);
  });

  test("reports all bad targets at once, and decides on none", async () => {
    const { code, stdout, stderr } = await explain("*", "a.example", "a..b", "ftp://x/", "host:99999");
    expect([code, stdout]).toEqual([2, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, line.indexOf("': ") + 1))).toEqual([
      "egress-http-proxy: Bad target 'a..b'",
      "egress-http-proxy: Bad target 'ftp://x/'",
      "egress-http-proxy: Bad target 'host:99999'",
    ]);
  });

  test("prints one documented object with --json", async () => {
    const { code, stdout } = await explain(RULES, "--json", "inside.example:8080", "x.bad.example", "gone.example");
    expect(code).toBe(1);
    const object = JSON.parse(stdout);
    expect([Object.keys(object), object.allowed]).toEqual([["targets", "allowed"], false]);
    const range = { number: 3, line: 3, text: "10.1.0.0/16", action: "allow" };
    const reason = "inside.example (10.1.2.3): allowed by rule 3 at line 3 '10.1.0.0/16'";
    expect(object.targets.slice(0, 2)).toEqual([
      {
        target: "inside.example:8080",
        host: "inside.example",
        port: 8080,
        allowed: true,
        reason,
        rule: range,
        addresses: [{ address: "10.1.2.3", allowed: true, reason, rule: range }],
      },
      {
        target: "x.bad.example",
        host: "x.bad.example",
        port: 443,
        allowed: false,
        reason: "x.bad.example: denied by rule 1 at line 1 '!*.bad.example'",
        rule: { number: 1, line: 1, text: "!*.bad.example", action: "deny" },
        addresses: [],
      },
    ]);
    expect(object.targets[2]).toMatchObject({ allowed: false, rule: null, addresses: [] });
  });
});
