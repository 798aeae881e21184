// Tests the start: what the program says when it listens, where settings come from, and how it refuses bad ones.
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { launch, startProxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { behaviour, LOOPBACK_RULES } from "../support/suite.ts";

/** Runs the program to its end. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await using program = await launch(args, { env });
  const code = await program.exited;
  return { code, stderr: program.lines.stderr, text: program.lines.text };
}

behaviour("Start", () => {
  test("the listening line says address, rules, digest and engine", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES });
    const entry = await proxy.ready();
    const text = JSON.stringify(entry);
    expect(text).toContain(`127.0.0.1:${proxy.port}`);
    expect(entry.rules).toBe(LOOPBACK_RULES.length);
    expect(Object.keys(entry).some((key) => /digest/.test(key))).toBe(true);
    expect(Object.keys(entry)).toContain("engine");
    expect(Object.keys(entry)).toContain("workers");
  });

  test("it listens on an IPv6 address, and says so with brackets", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, listen: "[::1]:0" });
    expect(JSON.stringify(await proxy.ready())).toContain(`[::1]:${proxy.port}`);
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw({ host: "::1", port: proxy.port });
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    await proxy.waitForAccess("the client in brackets", (entry) => entry.client === `[::1]:${client.localPort}`);
  });

  test("a port alone is every address, IPv4 and IPv6, and clients are told apart as what they are", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, listen: ":0" });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    for (const [host, shown] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"], ["127.0.0.9", "127.0.0.1"]] as const) {
      await using client = await connectRaw({ host, port: proxy.port });
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
      await proxy.waitForAccess(`${shown}`, (entry) => entry.client === `${shown}:${client.localPort}`);
    }
  });

  for (const workers of ["1", "2"]) {
    test(`a port that another proxy has is one clear error, to ${workers} of its workers too`, async () => {
      await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--workers", workers] });
      await proxy.ready();
      const address = `127.0.0.1:${proxy.port}`;
      const second = await run(["--destination", "*", "--listen", address, "--workers", workers]);
      expect([second.code, second.stderr]).toEqual([
        1,
        `egress-http-proxy: Cannot listen on "${address}": ` +
        "the address is in use; stop what listens there or choose another port\n",
      ]);
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy);
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(200);
    });
  }

  test("the digest is that of the rules: comments and blank lines do not change it, another rule does", async () => {
    const digests: unknown[] = [];
    for (const rules of [["127.0.0.1", "*"], ["# c", "", " 127.0.0.1 ", "*"], ["127.0.0.2", "*"]]) {
      await using proxy = await startProxy({ rules });
      const entry = await proxy.ready();
      digests.push(Object.entries(entry).find(([key]) => /digest/.test(key))?.[1]);
    }
    expect(digests[0]).toBe(digests[1]);
    expect(digests[0]).not.toBe(digests[2]);
  });

  test("settings come from the environment, and a flag wins", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using proxy = await launch(["--header-timeout", "200ms"], {
      env: {
        EGRESS_HTTP_PROXY_DESTINATION: "127.0.0.0/8",
        EGRESS_HTTP_PROXY_LISTEN: "127.0.0.1:0",
        EGRESS_HTTP_PROXY_LOG_FORMAT: "json",
        EGRESS_HTTP_PROXY_HEADER_TIMEOUT: "1h",
        EGRESS_HTTP_PROXY_RESPONSE_TIMEOUT: "200ms",
      },
    });
    await proxy.ready();
    await using late = await connectRaw(proxy);
    expect((await late.readToEnd()).ending).toBe("fin");
    await using silent = await Origin.start();
    await using client = await connectRaw(proxy);
    await client.send(`GET http://${silent.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(504);
    await using good = await connectRaw(proxy);
    await good.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await good.readResponse()).status).toBe(200);
  });

  for (
    const [name, args, env, says] of [
      ["no rules", [], {}, /^egress-http-proxy: No EGRESS_HTTP_PROXY_DESTINATION specified\n$/],
      ["empty rules", ["--destination", ""], {}, /No EGRESS_HTTP_PROXY_DESTINATION specified/],
      ["rules of comments alone", ["--destination", "# nothing\n\n"], {}, /No EGRESS_HTTP_PROXY_DESTINATION specified/],
      ["a line behind *", ["--destination", "*\nexample.com"], {}, /Wildcard must be last rule, if present/],
      ["a bad line", ["--destination", "ok.test\nhost:443"], {}, /Bad destination 'host:443'/],
      ["an unknown flag", ["--destination", "*", "--lisen", ":0"], {}, /--lisen/],
      ["a bad duration", ["--destination", "*", "--idle-timeout", "soon"], {}, /soon/],
      [
        "a bad duration in the environment",
        ["--destination", "*"],
        { EGRESS_HTTP_PROXY_IDLE_TIMEOUT: "soon" },
        /EGRESS_HTTP_PROXY_IDLE_TIMEOUT.*soon|soon.*EGRESS_HTTP_PROXY_IDLE_TIMEOUT/,
      ],
      ["a bad listen address", ["--destination", "*", "--listen", "localhost:x"], {}, /localhost:x/],
      ["a bad number of connections", ["--destination", "*", "--max-connections", "-1"], {}, /-1/],
    ] as const
  ) {
    test(`${name} is exit code 2 and a line on stderr`, async () => {
      const { code, stderr } = await run(["--listen", "127.0.0.1:0", ...args], env);
      expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
      for (const line of stderr.trimEnd().split("\n")) expect(line).toMatch(/^(egress-http-proxy: | )/);
    });
  }

  test("all bad lines are told at once, each with its number", async () => {
    const { code, stderr } = await run(["--destination", "a.*.b\nok.test\n10.0.0.0/33\n!*\n999.1.1.1"]);
    expect(code).toBe(2);
    for (const [text, line] of [["a.*.b", 1], ["10.0.0.0/33", 3], ["!*", 4], ["999.1.1.1", 5]] as const) {
      expect(stderr).toContain(`Bad destination '${text}'`);
      expect(stderr).toMatch(new RegExp(`line ${line}\\b`));
    }
    expect(stderr).not.toContain("ok.test");
  });

  test("a port that is taken is exit code 1 and one clear line", async () => {
    await using taken = await Origin.start();
    const { code, stderr } = await run(["--destination", "*", "--listen", taken.authority]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^egress-http-proxy: .*\n$/);
    expect(stderr).toContain(taken.authority);
  });

  test("a misspelt variable is a warning; those that Kubernetes makes for a Service are not", async () => {
    await using proxy = await startProxy({
      rules: LOOPBACK_RULES,
      env: {
        EGRESS_HTTP_PROXY_LISTN: ":1",
        EGRESS_HTTP_PROXY_PORT: "tcp://10.0.0.1:8080",
        EGRESS_HTTP_PROXY_SERVICE_HOST: "10.0.0.1",
        EGRESS_HTTP_PROXY_SERVICE_PORT: "8080",
        EGRESS_HTTP_PROXY_PORT_8080_TCP: "tcp://10.0.0.1:8080",
        EGRESS_HTTP_PROXY_PORT_8080_TCP_ADDR: "10.0.0.1",
        EGRESS_HTTP_PROXY_PORT_8080_TCP_PORT: "8080",
        EGRESS_HTTP_PROXY_PORT_8080_TCP_PROTO: "tcp",
      },
    });
    expect(await proxy.stop()).toBe(0);
    expect(proxy.lines.text).toContain("EGRESS_HTTP_PROXY_LISTN");
    expect(proxy.lines.text).not.toMatch(/EGRESS_HTTP_PROXY_(?:PORT|SERVICE)/);
  });

  test("R14 20,000 rules are read, and the last of them decides", async () => {
    const rules = Array.from({ length: 20_000 }, (_, index) => `!n${index}.example.test`);
    await using folder = await makeFolder();
    const file = `${folder.path}/rules`;
    await Bun.write(file, [...rules, "127.0.0.0/8"].join("\n"));
    await using proxy = await startProxy({ args: ["--destination-file", file] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy);
    await client.send(
      `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\nGET http://n19999.example.test/ HTTP/1.1\r\nHost: h\r\n\r\n`,
    );
    expect((await client.readResponse()).status).toBe(200);
    const denied = await client.readResponse();
    expect([denied.status, denied.body]).toEqual([403, expect.stringMatching(/line 20000\b/)]);
  });
});

/** A folder that is gone with its test. */
async function makeFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(`${tmpdir()}/egress-http-proxy-test-`);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
