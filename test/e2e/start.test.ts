// Starts the program in the ways that README.md names, with its environment as a pod has it, and ends it by SIGTERM.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { startChild } from "../support/child_process.ts";
import { DEADLINE_MS } from "../support/deadline.ts";
import { Proxy } from "../support/launcher.ts";
import { LogLines } from "../support/log_lines.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import { connectRaw } from "../support/raw_client.ts";
import { compiled } from "../support/requirements.ts";

setDefaultTimeout(120_000);

const ROOT = new URL("../..", import.meta.url).pathname;
const BIN = `${ROOT}node_modules/.bin`;

const readme = await Bun.file(`${ROOT}README.md`).text();
const DENO_LINE = /^npx (deno run .+ src\/main\.ts)$/m.exec(readme)?.[1];
const NOT_COMPILED = await compiled();
if (NOT_COMPILED !== undefined) console.log(`The executable skipped: ${NOT_COMPILED}`);

const WAYS = [
  { name: "npm start", command: ["npm", "--prefix", ROOT, "start", "--silent"], runtime: /^bun / },
  ...(DENO_LINE === undefined ? [] : [{
    name: "the line for Deno in README.md",
    command: ["sh", "-c", `cd '${ROOT}' && PATH='${BIN}':$PATH exec ${DENO_LINE}`],
    runtime: /^deno /,
  }]),
  {
    name: "the executable",
    command: [`${ROOT}dist/egress-http-proxy`],
    runtime: /^bun /,
    skip: NOT_COMPILED !== undefined,
  },
];

describe("started by", () => {
  let origin: Origin;
  beforeAll(async () => {
    origin = await Origin.start({ answer: OK_ANSWER });
  });
  afterAll(async () => {
    await origin[Symbol.asyncDispose]();
  });

  for (const { name, command, runtime, skip } of WAYS) {
    test.skipIf(skip ?? false)(`${name}, it proxies and ends by SIGTERM with exit code 0`, async () => {
      const lines = new LogLines();
      const env = { EGRESS_HTTP_PROXY_DESTINATION: "127.0.0.0/8\n", EGRESS_HTTP_PROXY_LISTEN: "127.0.0.1:0" };
      const proxy = new Proxy(startChild(command, env, lines), lines);
      try {
        const start = await proxy.ready();
        expect(String(start.runtime)).toMatch(runtime);
        await using client = await connectRaw(proxy);
        await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        expect((await client.readResponse()).raw).toMatch(/^HTTP\/1\.1 200 /);
        proxy.signal("SIGTERM");
        expect(await proxy.exited).toBe(0);
        expect(lines.faults).toEqual([]);
        expect(lines.stderr).toBe("");
      } finally {
        await proxy.stop();
      }
    });
  }
});

test.skipIf(NOT_COMPILED !== undefined)(
  "the executable gives back the memory that only its start needs, and goes on",
  async () => {
    const lines = new LogLines();
    const env = { EGRESS_HTTP_PROXY_DESTINATION: "127.0.0.0/8\n", EGRESS_HTTP_PROXY_LISTEN: "127.0.0.1:0" };
    const proxy = new Proxy(startChild([`${ROOT}dist/egress-http-proxy`], env, lines), lines);
    await using origin = await Origin.start({ answer: OK_ANSWER });
    try {
      await proxy.ready();
      const deadlineMs = performance.now() + DEADLINE_MS;
      for (let memory = await readMemory(proxy.pid); memory.now > memory.most / 2;) {
        if (performance.now() > deadlineMs) throw new Error(`${memory.now} KiB of at most ${memory.most} are kept`);
        await Bun.sleep(20); // The kernel tells of no such event.
        memory = await readMemory(proxy.pid);
      }
      await using client = await connectRaw(proxy);
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect((await client.readResponse()).raw).toMatch(/^HTTP\/1\.1 200 /);
      expect(lines.stderr).toBe("");
    } finally {
      await proxy.stop();
    }
  },
);

/** What a process has in memory, and the most that it had, in KiB. */
async function readMemory(pid: number | undefined): Promise<{ readonly now: number; readonly most: number }> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { now: field("VmRSS"), most: field("VmHWM") };
}

test("README.md says how to run it on Deno once there is an adapter", async () => {
  const hasAdapter = await Bun.file(`${ROOT}src/runtime/deno/runtime.ts`).exists();
  expect(DENO_LINE !== undefined).toBe(hasAdapter);
});
