import { describe, expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findWrapper } from "../../bench/isolation.ts";
import { testWith } from "../support/requirements.ts";

const SCRIPT = join(import.meta.dir, "apart_script.ts");
/** Needs a process namespace. */
const apart = () => findWrapper().length > 0 ? undefined : "no process namespace can be made (unshare, setpriv)";

function start(order: string) {
  return Bun.spawn([process.execPath, "--no-env-file", SCRIPT, order], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** Starts what goes on for ever, and resolves to its folder once everything runs. */
async function startForever() {
  const child = start("wait");
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { child, reader, folder: new TextDecoder().decode(value).trim() };
}

describe("runApart()", () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    testWith([apart], `leaves no process and no file after ${signal}`, async () => {
      const { child, reader, folder } = await startForever();
      expect(existsSync(join(folder, "file"))).toBe(true);
      child.kill(signal);
      expect(await child.exited).toBe(code);
      expect((await reader.read()).done).toBe(true); // the last holder of its output has ended
      expect(existsSync(folder)).toBe(false);
    });
  }

  testWith([apart], "leaves no process when it is killed outright", async () => {
    const { child, reader, folder } = await startForever();
    try {
      child.kill("SIGKILL");
      await child.exited;
      expect((await reader.read()).done).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  testWith([apart], "passes the exit code on", async () => expect(await start("end").exited).toBe(7));
});
