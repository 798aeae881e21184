// runCommand(): exit codes, what goes to which stream, and what the environment alone asks for.
import { describe, expect, test } from "bun:test";
import { reportInternalError, runCommand } from "../../src/cli/cli.ts";
import { type FakeOptions, FakeRuntime } from "./fake_runtime.ts";

async function run(options: FakeOptions): Promise<{ code: number; stdout: string; stderr: string }> {
  const fake = new FakeRuntime(options);
  const code = await runCommand(fake.runtime);
  return { code, stdout: fake.stdout, stderr: fake.stderr };
}

const NO_RULES = "egress-http-proxy: No EGRESS_HTTP_PROXY_DESTINATION specified\n";

describe("runCommand() with no rules", () => {
  const table: { name: string; options: FakeOptions }[] = [
    { name: "nothing given", options: {} },
    { name: "an empty variable", options: { env: { EGRESS_HTTP_PROXY_DESTINATION: "" } } },
    { name: "comments alone", options: { env: { EGRESS_HTTP_PROXY_DESTINATION: "# none\n\n" } } },
    { name: "an empty flag", options: { args: ["--destination", ""] } },
    {
      name: "an empty flag before a good variable",
      options: { args: ["--destination="], env: { EGRESS_HTTP_PROXY_DESTINATION: "a.example" } },
    },
    { name: "check", options: { args: ["check"] } },
    { name: "explain", options: { args: ["explain", "a.example"] } },
  ];
  for (const { name, options } of table) {
    test(`ends with 2 and the original's words: ${name}`, async () => {
      expect(await run(options)).toEqual({ code: 2, stdout: "", stderr: NO_RULES });
    });
  }
});

describe("runCommand() with bad rules", () => {
  const rules = "a.example\n10.0.0.0/33\n*\nb.example\nfoo bar";
  for (const args of [[], ["explain", "a.example"]]) {
    test(`reports every line at once: ${args[0] ?? "run"}`, async () => {
      const { code, stdout, stderr } = await run({ args, env: { EGRESS_HTTP_PROXY_DESTINATION: rules } });
      expect(code).toBe(2);
      expect(stdout).toBe("");
      const lines = stderr.split("\n");
      expect(lines.length).toBe(5);
      expect(lines[0]).toStartWith("egress-http-proxy: line 2: Bad destination '10.0.0.0/33': ");
      expect(lines[1]).toBe("egress-http-proxy: line 4: Wildcard must be last rule, if present");
      expect(lines[2]).toBe("egress-http-proxy: line 5: Wildcard must be last rule, if present");
      expect(lines[3]).toStartWith("egress-http-proxy: line 5: Bad destination 'foo bar': ");
    });
  }
});

describe("runCommand() and the file of rules", () => {
  const files = { "/rules": "a.example", "/empty": "# nothing", "/locked": new Error("EACCES: permission denied") };
  const table: { name: string; options: FakeOptions; code: number; stderr: string }[] = [
    {
      name: "is read where the flag names it",
      options: { args: ["--destination-file", "/rules"] },
      code: 0,
      stderr: "",
    },
    {
      name: "is read where the variable names it and the text is empty",
      options: { env: { EGRESS_HTTP_PROXY_DESTINATION_FILE: "/rules\n", EGRESS_HTTP_PROXY_DESTINATION: "" } },
      code: 0,
      stderr: "",
    },
    {
      name: "beats a variable's text by its flag",
      options: { args: ["--destination-file", "/rules"], env: { EGRESS_HTTP_PROXY_DESTINATION: "bad rule" } },
      code: 0,
      stderr: "",
    },
    {
      name: "gives way to a text by flag where a variable names it",
      options: { args: ["--destination", "b.example"], env: { EGRESS_HTTP_PROXY_DESTINATION_FILE: "/none" } },
      code: 0,
      stderr: "",
    },
    {
      name: "may not stand beside a text: flags",
      options: { args: ["--destination-file", "/rules", "--destination", "a.example"] },
      code: 2,
      stderr: "Cannot use both --destination and --destination-file: the rules come from one of them",
    },
    {
      name: "may not stand beside a text: variables",
      options: { env: { EGRESS_HTTP_PROXY_DESTINATION_FILE: "/rules", EGRESS_HTTP_PROXY_DESTINATION: "a.example" } },
      code: 2,
      stderr: "Cannot use both EGRESS_HTTP_PROXY_DESTINATION and EGRESS_HTTP_PROXY_DESTINATION_FILE: " +
        "the rules come from one of them",
    },
    {
      name: "is missing",
      options: { args: ["--destination-file", "/none"] },
      code: 2,
      stderr: "Cannot read the rules from '/none': there is no such file",
    },
    {
      name: "cannot be read",
      options: { args: ["--destination-file", "/locked"] },
      code: 2,
      stderr: "Cannot read the rules from '/locked': EACCES: permission denied",
    },
    {
      name: "has no rule",
      options: { args: ["--destination-file", "/empty"] },
      code: 2,
      stderr: "No EGRESS_HTTP_PROXY_DESTINATION specified: '/empty' has no rule",
    },
    {
      name: "has no name",
      options: { args: ["--destination-file", ""] },
      code: 2,
      stderr: "Bad value '' for --destination-file: expected a path",
    },
  ];
  for (const { name, options, code, stderr } of table) {
    test(name, async () => {
      const result = await run({ ...options, args: ["check", ...options.args ?? []], files });
      expect([result.code, result.stderr]).toEqual([code, stderr === "" ? "" : `egress-http-proxy: ${stderr}\n`]);
    });
  }
});

describe("runCommand() and the modes of the original's pods", () => {
  const rules = { EGRESS_HTTP_PROXY_DESTINATION: "a.example" };
  const table: { name: string; options: FakeOptions; stderr: string }[] = [
    {
      name: "http-proxy asks for setup-network",
      options: { env: { EGRESS_ROUTER_MODE: "http-proxy", EGRESS_GATEWAY: "192.0.2.1", ...rules } },
      stderr: "EGRESS_SOURCE unspecified or invalid",
    },
    {
      name: "another mode is an error",
      options: { env: { EGRESS_ROUTER_MODE: "legacy", ...rules } },
      stderr: "Bad value 'legacy' for EGRESS_ROUTER_MODE: expected 'http-proxy', or none to run the proxy",
    },
  ];
  for (const { name, options, stderr } of table) {
    test(name, async () => {
      expect(await run(options)).toEqual({ code: 2, stdout: "", stderr: `egress-http-proxy: ${stderr}\n` });
    });
  }

  for (const args of [["check"], ["--help"], ["--version"]]) {
    test(`any mode is passed over with ${args.join(" ")}`, async () => {
      expect((await run({ args, env: { EGRESS_ROUTER_MODE: "legacy", ...rules } })).code).toBe(0);
    });
  }

  const unitTests = [
    {
      name: "prints access lists alone",
      env: { EGRESS_HTTP_PROXY_DESTINATION: "!*.example.net\n*" },
      expected: {
        code: 0,
        stdout: "\nacl dest1 dstdomain .example.net\nhttp_access deny dest1\n\nhttp_access allow all\n",
        stderr: "",
      },
    },
    {
      name: "prints its errors bare",
      env: { EGRESS_HTTP_PROXY_DESTINATION: "a.example\nfoo bar" },
      expected: {
        code: 1,
        stdout: "\nacl dest1 dstdomain a.example\nhttp_access allow dest1\n\n",
        stderr: "Bad destination 'foo bar'\n",
      },
    },
    {
      name: "has its words for no rules",
      env: {},
      expected: { code: 1, stdout: "", stderr: "No EGRESS_HTTP_PROXY_DESTINATION specified\n" },
    },
  ];
  for (const { name, env, expected } of unitTests) {
    test(`unit-test ${name}`, async () => {
      expect(await run({ env: { EGRESS_HTTP_PROXY_MODE: "unit-test", ...env } })).toEqual(expected);
    });
  }

  test("unit-test is passed over where a command is named", async () => {
    const env = { EGRESS_HTTP_PROXY_MODE: "unit-test", ...rules };
    expect((await run({ args: ["check"], env })).stdout).toContain("a.example alone");
  });

  test("another mode is a warning", async () => {
    const env = { EGRESS_HTTP_PROXY_MODE: "loud", ...rules };
    expect((await run({ args: ["check"], env })).stderr).toBe(
      "egress-http-proxy: warning: Unknown value 'loud' for EGRESS_HTTP_PROXY_MODE: the only one is 'unit-test'\n",
    );
  });
});

describe("runCommand()", () => {
  test("prints help on stdout and ends with 0", async () => {
    const { code, stdout, stderr } = await run({ args: ["explain", "--help"] });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toStartWith("Usage: egress-http-proxy explain [flags] TARGET...");
  });

  test("warns of misspelt variables on stderr and goes on", async () => {
    const env = { EGRESS_HTTP_PROXY_DESTINATION: "a.example", EGRESS_HTTP_PROXY_LISEN: ":1" };
    const { code, stderr } = await run({ args: ["check"], env });
    expect(code).toBe(0);
    expect(stderr).toBe(
      "egress-http-proxy: warning: Unknown variable 'EGRESS_HTTP_PROXY_LISEN': did you mean 'EGRESS_HTTP_PROXY_LISTEN'?\n",
    );
  });

  test("ends with 1 where a system file that it needs cannot be read", async () => {
    const files = { "/etc/hosts": new Error("EIO: i/o error") };
    const { code, stderr } = await run({ args: ["explain", "--destination", "*", "a.example"], files });
    expect([code, stderr]).toEqual([1, 'egress-http-proxy: Cannot read "/etc/hosts": EIO: i/o error\n']);
  });

  test("tells an unexpected exception on one line, with its stack only where debugging is asked for", async () => {
    const broken = async (args: readonly string[], env: Record<string, string>) => {
      const fake = new FakeRuntime({ args, env });
      const failing = { ...fake.runtime.process, fileLimit: () => Promise.reject(new Error("one\ntwo")) };
      const code = await runCommand({ ...fake.runtime, process: failing });
      return [code, fake.stderr] as const;
    };
    const line = "egress-http-proxy: internal error: one\\x0atwo\n";
    const plain = await broken(["--destination", "*"], {});
    expect(plain).toEqual([1, line]);
    const debugging = [
      broken(["--destination", "*", "--log-level", "debug"], {}),
      broken(["--destination", "*", "--log-level=trace"], {}),
      broken(["--destination", "*"], { EGRESS_HTTP_PROXY_LOG_LEVEL: "debug" }),
    ];
    for (const [code, stderr] of await Promise.all(debugging)) {
      expect(code).toBe(1);
      expect(stderr).toStartWith(line);
      expect(stderr).toContain("cli.test.ts");
    }
  });
});

describe("reportInternalError()", () => {
  const table = [
    { name: "an error", error: new Error("why"), expected: "why" },
    { name: "an error without words", error: new RangeError(), expected: "RangeError" },
    { name: "what is no error", error: "a\u001bb", expected: "a\\x1bb" },
    { name: "nothing", error: undefined, expected: "undefined" },
  ];
  for (const { name, error, expected } of table) {
    test(`tells ${name}`, () => {
      const fake = new FakeRuntime();
      reportInternalError(fake.runtime.process, error);
      expect(fake.stderr).toBe(`egress-http-proxy: internal error: ${expected}\n`);
    });
  }
});
