// The benchmark as it is started, on the least that it can measure.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readResults } from "../../bench/results.ts";

const ROOT = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function bench(out: string, ...args: readonly string[]) {
  const command = [process.execPath, "--no-env-file", join(ROOT, "bench/bench.ts"), "--quick", "--rounds", "1"];
  const child = Bun.spawn([...command, "--out", join(folder, out), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, code };
}

const source = `${process.execPath} ${join(ROOT, "src/main.ts")}`;
const LIMIT_MS = 60_000;

describe("npm run bench", () => {
  test("measures this proxy and a direct connection, anew in each round, and writes what it found", async () => {
    const [starts, counted] = [join(folder, "starts"), join(folder, "counted.sh")];
    await Bun.write(counted, `#!/bin/sh\necho >> ${starts}\nexec ${source} "$@"\n`);
    const peers = ["--peers", "ours,direct", "--only", "ping-1", "--ours", `sh ${counted}`];
    const { stdout, stderr, code } = await bench("good", ...peers, "--rounds", "2", "--fresh");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { metrics: [ping], peers: named } = readResults(join(folder, "good/latest.json"));
    expect(ping?.windows["direct"]?.[0]?.values).toMatchObject({ rate: expect.any(Number), p50: expect.any(Number) });
    expect(ping?.windows["direct"]?.[0]?.values).not.toHaveProperty("cpu");
    const { rate = 0, cpu = 0, p50 = 0, p99 = 0 } = ping?.windows["ours"]?.[0]?.values ?? {};
    expect(rate).toBeGreaterThan(0);
    expect(cpu).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(ping?.windows["ours"]?.[0]?.generatorPercent).toBeGreaterThan(0);
    expect(ping?.windows["ours"]).toHaveLength(2);
    // It is started for its version and for its engine, too.
    expect((await Bun.file(starts).text()).length).toBe(2 + 2);
    expect(named["ours"]?.text).toMatch(/engine \w+, workers 1$/);
    expect(await Bun.file(join(folder, "good/latest.md")).text()).toBe(stdout);
  }, LIMIT_MS);

  test("names a peer that does not start, and fails where nothing was measured", async () => {
    const { stderr, code } = await bench("bad", "--peers", "ours", "--only", "ping-1", "--ours", "/bin/false");
    expect(code).toBe(1);
    expect(stderr).toContain("ours has no figures for ping-1: ours did not start with 10 rules: it ended");
    expect(stderr).toContain("Nothing was measured");
  }, LIMIT_MS);

  const faults = [
    { args: ["--peers", "ours,nosuch"], text: "Unknown peer 'nosuch': there are ours, " },
    { args: ["--only", "nosuch"], text: "No metric is called nosuch: there are connect, " },
  ];
  for (const { args, text } of faults) {
    test(`refuses ${args.join(" ")}`, async () => {
      const { stderr, code } = await bench("none", "--ours", source, ...args);
      expect({ code, says: stderr.includes(text) ? text : stderr }).toEqual({ code: 1, says: text });
    }, LIMIT_MS);
  }
});
