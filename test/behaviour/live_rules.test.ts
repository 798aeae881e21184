// Tests rules that change while the proxy runs: each way in which a file is exchanged, what a bad text does, and what becomes
// of connections that other rules deny.
import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDnsStub } from "../support/dns_stub.ts";
import { expectRefusal } from "../support/expectations.ts";
import type { LogEntry } from "../support/log_lines.ts";
import { type Proxy, startProxy } from "../support/launcher.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { connectRaw } from "../support/raw_client.ts";
import { behaviour } from "../support/suite.ts";
import { TEST_TARGET } from "../support/target.ts";

const OPEN = "127.0.0.0/8\n";
const CLOSED = "!127.0.0.5\n127.0.0.0/8\n";
const BAD = "127.0.0.0/8\n!*\n999.1.1.1\n";

/** A folder of its own with a rule file, laid out as the test wants. */
class RuleFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<RuleFolder> {
    return new RuleFolder(await mkdtemp(join(tmpdir(), "live-rules-")));
  }

  get file(): string {
    return join(this.path, "rules");
  }

  write(text: string): Promise<void> {
    return writeFile(this.file, text);
  }

  /** Another file in its place. */
  async replace(text: string): Promise<void> {
    await writeFile(join(this.path, "next"), text);
    await rename(join(this.path, "next"), this.file);
  }

  /** As Kubernetes lays out and exchanges the files of a ConfigMap. */
  async swapVolume(version: string, text: string): Promise<void> {
    await mkdir(join(this.path, `..${version}`));
    await writeFile(join(this.path, `..${version}`, "rules"), text);
    await symlink(`..${version}`, join(this.path, "..data_tmp"));
    await rename(join(this.path, "..data_tmp"), join(this.path, "..data"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

const isReload = (entry: LogEntry) => entry.message === "rules reloaded";
const isRefusal = (entry: LogEntry) => entry.message === "rules not reloaded: the old ones stay in force";

async function statusOf(proxy: Proxy, origin: Origin): Promise<number> {
  await using client = await connectRaw(proxy);
  await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
  return (await client.readResponse()).status;
}

/** With several threads each takes the rules in its own time: asks until all of a row of answers are as expected. */
async function untilStatus(proxy: Proxy, origin: Origin, status: number): Promise<void> {
  for (let same = 0; same < 8;) same = await statusOf(proxy, origin) === status ? same + 1 : 0;
}

function startWith(folder: RuleFolder, args: readonly string[] = []): Promise<Proxy> {
  return startProxy({ args: ["--destination-file", folder.file, ...args] });
}

behaviour("Rules in a file that changes", () => {
  const ways: readonly { name: string; change: (folder: RuleFolder) => Promise<void> }[] = [
    { name: "written in place", change: (folder) => folder.write(CLOSED) },
    { name: "written in place without an end of line", change: (folder) => folder.write(CLOSED.trimEnd()) },
    { name: "replaced by rename", change: (folder) => folder.replace(CLOSED) },
    {
      name: "removed and made again",
      change: async (folder) => {
        await rm(folder.file);
        await folder.write(CLOSED);
      },
    },
  ];
  for (const { name, change } of ways) {
    test(`${name}: the next request is judged by the new rules, and the change is logged`, async () => {
      await using folder = await RuleFolder.make();
      await folder.write(OPEN);
      await using proxy = await startWith(folder);
      await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
      expect(await statusOf(proxy, origin)).toBe(200);
      await change(folder);
      const reload = await proxy.waitForLog("the reload", isReload);
      expect([reload.level, reload.file, reload.rules, reload.changed, reload.added, reload.removed]).toEqual([
        "info",
        folder.file,
        2,
        true,
        1,
        undefined,
      ]);
      const added = await proxy.waitForLog("the new rule", (entry) => entry.message === "rule added");
      expect([added.rule, added.rule_line]).toEqual(["!127.0.0.5", 1]);
      await untilStatus(proxy, origin, 403);
    });
  }

  test("the links of a ConfigMap volume exchanged, twice, the old version removed", async () => {
    await using folder = await RuleFolder.make();
    await folder.swapVolume("1", OPEN);
    await symlink("..data/rules", folder.file);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    expect(await statusOf(proxy, origin)).toBe(200);
    await folder.swapVolume("2", CLOSED);
    await rm(join(folder.path, "..1"), { recursive: true });
    await untilStatus(proxy, origin, 403);
    await folder.swapVolume("3", OPEN);
    await rm(join(folder.path, "..2"), { recursive: true });
    await untilStatus(proxy, origin, 200);
  });

  test("a bad text changes nothing and is told in one line with all of its errors; a good one is taken again", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await folder.replace(BAD);
    const refusal = await proxy.waitForLog("the refusal", isRefusal);
    expect([refusal.level, refusal.errors]).toEqual(["error", 2]);
    expect(refusal.details).toMatch(/line 2: Bad destination '!\*'.*; line 3: Bad destination '999\.1\.1\.1'/);
    expect(refusal.refused_digest).not.toBe(refusal.digest);
    expect(await statusOf(proxy, origin)).toBe(200);
    await folder.replace(CLOSED);
    await untilStatus(proxy, origin, 403);
    expect(proxy.logs.filter(isRefusal).length).toBe(1);
  });

  test("a file half written is not taken: a longer pause in its last line", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(CLOSED);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    // Cut in the wrong place these rules open what they close as a whole.
    await writeFile(folder.file, "127.0.0.0/2");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await writeFile(folder.file, "127.0.0.0/27\n!127.0.0.5\n");
    const reload = await proxy.waitForLog("the reload", isReload);
    expect(reload.rules).toBe(2);
    await untilStatus(proxy, origin, 200);
    expect(proxy.logs.filter(isReload).length).toBe(1);
  });

  // The exit of Deno (2.9) waits for its watcher's thread, which opens a pipe in a watched folder and waits for its writer.
  const noPipes = TEST_TARGET === "deno"
    ? " [skipped: Deno's own watcher waits for the pipe's writer, at its exit too]"
    : "";
  const pipeTest =
    `a pipe in the file's place is told and holds up nothing, with SIGHUP too: the next file is taken${noPipes}`;
  test.skipIf(noPipes !== "")(pipeTest, async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await rm(folder.file);
    execFileSync("mkfifo", [folder.file]);
    proxy.signal("SIGHUP");
    const refusal = await proxy.waitForLog("the refusal", isRefusal);
    expect(refusal.details).toBe(`Cannot read the rules from '${folder.file}': it is a pipe, not a file`);
    expect(await statusOf(proxy, origin)).toBe(200);
    await folder.replace(CLOSED);
    await untilStatus(proxy, origin, 403);
  });

  test("swapped again and again without a rest, every request is decided by one of the texts, and the last one stays", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    for (let round = 0; round < 40; round++) {
      await folder.replace(round % 2 === 0 ? CLOSED : OPEN);
      expect([200, 403]).toContain(await statusOf(proxy, origin));
    }
    await folder.replace(CLOSED);
    await untilStatus(proxy, origin, 403);
  });
});

behaviour("Connections that other rules deny", () => {
  test("a tunnel is closed, and its line names the rule that now decides; an allowed one lives on", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using denied = await Origin.start({ address: "127.0.0.5" });
    await using allowed = await Origin.start({ address: "127.0.0.6" });
    const open = async (origin: Origin) => {
      const client = await connectRaw(proxy);
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      expect((await client.readResponse("CONNECT")).status).toBe(200);
      return { client, upstream: await origin.accept() };
    };
    const cut = await open(denied);
    const kept = await open(allowed);
    await folder.replace(CLOSED);
    await cut.client.ended();
    await cut.upstream.ended();
    const line = await proxy.waitForAccess("the tunnel", (entry) => entry.port === denied.port);
    expect([line.message, line.decision, line.status, line.error]).toEqual([
      "tunnel",
      "allow",
      200,
      "http_request_denied",
    ]);
    expect(line.details).toBe("closed by new rules: 127.0.0.5: denied by rule 1 at line 1 '!127.0.0.5'");
    const sum = await proxy.waitForLog("the sum", (entry) => entry.message === "closed what the rules in force deny");
    expect([sum.tunnels, sum.requests, sum.kept_alive]).toEqual([1, 0, 0]);
    await kept.client.send("still");
    expect(await kept.upstream.read(5)).toBe("still");
    await kept.client[Symbol.asyncDispose]();
    await cut.client[Symbol.asyncDispose]();
  });

  test("a kept-alive upstream connection is closed, its client is told at the next request", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await using client = await connectRaw(proxy);
    const request = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`;
    await client.send(request);
    expect((await client.readResponse()).status).toBe(200);
    await folder.replace(CLOSED);
    await origin.connections[0]?.ended();
    await proxy.waitForLog("the sum", ({ kept_alive }) => kept_alive === 1);
    await client.send(request);
    expectRefusal(await client.readResponse(), { status: 403, error: "http_request_denied" });
    expect(origin.requests.length).toBe(1);
  });

  test("a request that was judged before may end", async () => {
    await using folder = await RuleFolder.make();
    await folder.write(OPEN);
    await using proxy = await startWith(folder);
    await using origin = await Origin.start({ address: "127.0.0.5" });
    await using client = await connectRaw(proxy);
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { upstream } = await origin.acceptRequest();
    await using other = await Origin.start({ address: "127.0.0.5", answer: OK_ANSWER });
    await folder.replace(CLOSED);
    await untilStatus(proxy, other, 403);
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).status).toBe(200);
  });

  test("a CONNECT whose name is still being looked up is judged by the rules that are there when it would be dialled", async () => {
    await using folder = await RuleFolder.make();
    await folder.write("slow.test\n127.0.0.0/8\n");
    await using dns = await startDnsStub();
    dns.set("slow.test", { addresses: ["127.0.0.5"], delayMs: 700 });
    await using proxy = await startProxy({ dns, args: ["--destination-file", folder.file] });
    await using origin = await Origin.start({ address: "127.0.0.5" });
    await using client = await connectRaw(proxy);
    await client.send(`CONNECT slow.test:${origin.port} HTTP/1.1\r\n\r\n`);
    await folder.replace("!slow.test\n127.0.0.0/8\n");
    const response = await client.readResponse("CONNECT");
    expectRefusal(response, { status: 403, error: "http_request_denied" });
    const line = await proxy.waitForAccess("the request", (entry) => entry.host === "slow.test");
    expect([line.decision, line.rule, line.rule_line]).toEqual(["deny", "!slow.test", 1]);
  });
});
