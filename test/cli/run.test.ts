// `run` on an engine without sockets: what it says at start and end, signals, and rules read again.
import { describe, expect, test } from "bun:test";
import { runCommand } from "../../src/cli/cli.ts";
import { VERSION } from "../../src/cli/command_line.ts";
import { CommandFailure } from "../../src/errors.ts";
import { type FakeOptions, FakeRuntime } from "./fake_runtime.ts";

/** A proxy that listens; it is stopped by two signals when the test is over. */
class Running implements AsyncDisposable {
  readonly fake: FakeRuntime;
  readonly code: Promise<number>;

  private constructor(fake: FakeRuntime) {
    this.fake = fake;
    this.code = runCommand(fake.runtime);
  }

  static async start(options: FakeOptions): Promise<Running> {
    const running = new Running(new FakeRuntime(options));
    await running.fake.message("listening");
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fake.signal("SIGTERM");
    this.fake.signal("SIGTERM");
    await this.code;
  }
}

function withoutTime(line: Record<string, unknown> | undefined): Record<string, unknown> {
  const { time, ...rest } = line ?? {};
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

describe("run", () => {
  test("says at start where it listens, and under which rules", async () => {
    await using proxy = await Running.start({ args: ["--listen", "127.0.0.1:0", "--destination", "a.example\n*"] });
    const { digest, ...line } = withoutTime(proxy.fake.lines[0]);
    expect(line).toEqual({
      level: "info",
      message: "listening",
      address: "127.0.0.1:54321",
      rules: 2,
      engine: "portable",
      engine_why: expect.any(String),
      workers: 1,
      max_connections: 100_000,
      version: VERSION,
      runtime: "bun 0.0.0",
    });
    expect(digest).toMatch(/^\S+:[0-9a-f]{16}$/);
    expect(proxy.fake.engines[0]?.events).toEqual(["listen 127.0.0.1 0"]);
    expect(proxy.fake.stderr).toBe("");
  });

  test("listens on every address and port 8080 by default, with as many connections as files allow", async () => {
    await using proxy = await Running.start({ env: { EGRESS_HTTP_PROXY_DESTINATION: "*" }, fileLimit: 1024 });
    expect(proxy.fake.engines[0]?.events).toEqual(["listen every address 8080"]);
    expect(proxy.fake.lines[0]).toMatchObject({ address: "[::]:8080", max_connections: 480 });
  });

  test("logs what is odd about variables, rules and mode", async () => {
    await using proxy = await Running.start({
      args: ["--report-only"],
      env: { EGRESS_HTTP_PROXY_DESTINATION: " 10.0.0.1/8", EGRESS_HTTP_PROXY_LISEN: "x" },
    });
    expect(proxy.fake.lines[0]).toMatchObject({ message: "listening", report_only: true });
    expect(proxy.fake.lines.slice(1).map(withoutTime)).toEqual([
      { level: "warn", message: "report only: every remote destination is allowed, whatever the rules say" },
      {
        level: "warn",
        message: "Unknown variable 'EGRESS_HTTP_PROXY_LISEN': did you mean 'EGRESS_HTTP_PROXY_LISTEN'?",
      },
      {
        level: "warn",
        message: "rule warning",
        rule_line: 1,
        rule: "10.0.0.1/8",
        details: "Masked the host bits of '10.0.0.1/8': it is read as 10.0.0.0/8",
      },
    ]);
  });

  test("writes text on a terminal, and what the level leaves of it", async () => {
    const fake = new FakeRuntime({
      args: ["--destination", "10.0.0.1/8", "--log-level", "warn"],
      stdoutIsTerminal: true,
    });
    const code = runCommand(fake.runtime);
    while (fake.engines[0]?.events.length !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
    fake.signal("SIGINT");
    expect(await code).toBe(0);
    expect(fake.stdout).toMatch(/^\S+Z warn {2}rule warning rule_line=1 rule=10\.0\.0\.1\/8 details="Masked .*"\n$/);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`ends with 0 at ${signal} and says why`, async () => {
      await using proxy = await Running.start({ args: ["--destination", "*"] });
      proxy.fake.signal(signal);
      expect(await proxy.code).toBe(0);
      expect(proxy.fake.lines.slice(1).map(withoutTime)).toEqual([
        { level: "info", message: "stopping", reason: signal, open_connections: 0 },
        { level: "info", message: "stopped", reason: signal, ended: "drained", cut: 0 },
      ]);
      expect(proxy.fake.engines[0]?.events).toEqual(["listen every address 8080", "stopListening"]);
    });
  }

  test("waits for an open request, and ends when it is over", async () => {
    await using proxy = await Running.start({ args: ["--destination", "*"] });
    const engine = proxy.fake.engines[0]!;
    engine.accept();
    proxy.fake.signal("SIGTERM");
    expect(await proxy.fake.message("stopping")).toMatchObject({ open_connections: 1 });
    engine.disconnectAll();
    expect(await proxy.code).toBe(0);
    expect(proxy.fake.lines.at(-1)).toMatchObject({ message: "stopped", ended: "drained", cut: 0 });
  });

  test("cuts what is open at a second signal", async () => {
    await using proxy = await Running.start({ args: ["--destination", "*"] });
    proxy.fake.engines[0]!.accept();
    proxy.fake.signal("SIGTERM");
    await proxy.fake.message("stopping");
    proxy.fake.signal("SIGINT");
    expect(await proxy.code).toBe(0);
    expect(proxy.fake.lines.at(-1)).toMatchObject({ reason: "SIGTERM", ended: "second signal" });
  });

  test("ends with 1 and the engine's reason where it cannot listen", async () => {
    const fake = new FakeRuntime({ args: ["--destination", "*"] });
    const code = await runCommand({
      ...fake.runtime,
      createEngine: (handler) => {
        const engine = fake.runtime.createEngine(handler);
        engine.listen = () => Promise.reject(new CommandFailure("Cannot listen on :8080: another program does"));
        return engine;
      },
    });
    expect([code, fake.stdout, fake.stderr]).toEqual([
      1,
      "",
      "egress-http-proxy: Cannot listen on :8080: another program does\n",
    ]);
  });
});

describe("run at SIGHUP", () => {
  test("puts good new rules in force", async () => {
    const files = { "/rules": "a.example" };
    await using proxy = await Running.start({ args: ["--destination-file", "/rules"], files });
    files["/rules"] = "a.example\n10.0.0.1/8";
    proxy.fake.signal("SIGHUP");
    const line = await proxy.fake.message("rules reloaded");
    expect(line).toMatchObject({ level: "info", file: "/rules", rules: 2, changed: true });
    expect(line.digest).not.toBe(proxy.fake.lines[0]?.digest);
    expect(await proxy.fake.message("rule warning")).toMatchObject({ rule_line: 2 });
  });

  test("says so where nothing has changed", async () => {
    await using proxy = await Running.start({
      args: ["--destination-file", "/rules"],
      files: { "/rules": "a.example" },
    });
    proxy.fake.signal("SIGHUP");
    expect(await proxy.fake.message("rules reloaded")).toMatchObject({ rules: 1, changed: false });
  });

  const bad: { name: string; text: string | Error | undefined; details: readonly string[] }[] = [
    {
      name: "bad rules",
      text: "*\na.example\n!*",
      details: [
        "line 2: Wildcard must be last rule, if present",
        "line 3: Wildcard must be last rule, if present",
        "line 3: Bad destination '!*': ",
      ],
    },
    {
      name: "an empty file",
      text: "",
      details: ["No EGRESS_HTTP_PROXY_DESTINATION specified: '/rules' has no rule"],
    },
    { name: "no file", text: undefined, details: ["Cannot read the rules from '/rules': there is no such file"] },
    {
      name: "a file that cannot be read",
      text: new Error("EIO"),
      details: ["Cannot read the rules from '/rules': EIO"],
    },
  ];
  for (const { name, text, details } of bad) {
    test(`keeps the old rules and tells all that is wrong: ${name}`, async () => {
      const files: Record<string, string | Error> = { "/rules": "a.example" };
      await using proxy = await Running.start({ args: ["--destination-file", "/rules"], files });
      if (text === undefined) delete files["/rules"];
      else files["/rules"] = text;
      proxy.fake.signal("SIGHUP");
      await proxy.fake.message("rules not reloaded: the old ones stay in force");
      const lines = proxy.fake.lines.slice(1);
      expect(lines.map((line) => [line.level, line.file, line.errors])).toEqual([["error", "/rules", details.length]]);
      expect(lines[0]?.digest).toBe(proxy.fake.lines[0]?.digest);
      expect(lines[0]?.refused_digest === undefined).toBe(typeof text !== "string");
      for (const detail of details) expect(lines[0]?.details).toContain(detail);
      // The old rules are there to be replaced by the next good text.
      files["/rules"] = "a.example";
      proxy.fake.signal("SIGHUP");
      expect(await proxy.fake.message("rules reloaded")).toMatchObject({ rules: 1, changed: false });
    });
  }

  test("goes on after a text that something inside could not deal with", async () => {
    const files = { "/rules": "a.example" };
    await using proxy = await Running.start({ args: ["--destination-file", "/rules"], files });
    // No text at all, whatever the contract says.
    (files as Record<string, unknown>)["/rules"] = 5;
    proxy.fake.signal("SIGHUP");
    const line = await proxy.fake.message("rules not reloaded: the old ones stay in force");
    expect(line.details).toStartWith("internal error: ");
    files["/rules"] = "b.example";
    proxy.fake.signal("SIGHUP");
    expect(await proxy.fake.message("rules reloaded")).toMatchObject({ rules: 1, changed: true });
  });

  test("reads once more where the signal comes during a reading", async () => {
    const files = { "/rules": "a.example" };
    await using proxy = await Running.start({ args: ["--destination-file", "/rules"], files });
    files["/rules"] = "b.example";
    proxy.fake.signal("SIGHUP");
    files["/rules"] = "b.example\nc.example";
    proxy.fake.signal("SIGHUP");
    proxy.fake.signal("SIGHUP");
    await proxy.fake.message("rules reloaded");
    await new Promise((resolve) => setTimeout(resolve, 0));
    const reloads = proxy.fake.lines.filter((line) => line.message === "rules reloaded");
    expect(reloads.length).toBeLessThanOrEqual(2);
    expect(reloads.at(-1)).toMatchObject({ rules: 2 });
  });

  test("says that rules from a text are not read again", async () => {
    await using proxy = await Running.start({ args: ["--destination", "a.example"] });
    proxy.fake.signal("SIGHUP");
    expect(await proxy.fake.message("rules not read again: they come from no file")).toMatchObject({ level: "warn" });
  });
});
