import { describe, expect, test } from "bun:test";
import { readCpuClock } from "../../bench/cpu_clock.ts";
import { readMachineCpuSeconds, readTreeCpuSeconds, readTreeMemory } from "../../bench/proc_stat.ts";
import { ProcessGroup } from "../../bench/process_group.ts";

const group = new ProcessGroup(import.meta.dir);
/** Uses CPU in a child of its own until a line comes, then says so and waits for another. */
const BUSY = [
  "sh",
  "-c",
  `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read line'; echo over; read line`,
];

/** Uses this process's CPU for so long as it says itself. */
function burn(microseconds: number): number {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if (user + system >= microseconds) return (user + system) / 1e6;
  }
}

describe("the CPU of a tree of processes", () => {
  test("is what the process says itself", () => {
    const before = readCpuClock(process.pid) ?? NaN;
    const burnt = burn(50_000);
    const seconds = (readCpuClock(process.pid) ?? NaN) - before;
    expect(seconds).toBeGreaterThanOrEqual(burnt * 0.9);
    expect(readTreeCpuSeconds(process.pid)).toBeGreaterThanOrEqual(before + seconds);
  });

  test("counts a grandchild while it lives, and still when it has ended", async () => {
    const busy = group.start(BUSY, "pipe");
    try {
      expect(await busy.readLine()).toBe("done");
      const alive = readTreeCpuSeconds(busy.pid);
      expect(alive).toBeGreaterThan(readCpuClock(busy.pid) ?? NaN);
      busy.writeStdin("\n");
      expect(await busy.readLine()).toBe("over");
      expect(readTreeCpuSeconds(busy.pid)).toBeGreaterThan(alive - 0.03); // ended children are counted in ticks of 10 ms
      expect(readCpuClock(busy.pid)).toBeLessThan(alive);
    } finally {
      await busy.stop();
    }
  });

  test("is part of the machine's", () => {
    const before = readMachineCpuSeconds();
    burn(100_000);
    expect(readMachineCpuSeconds() - before).toBeGreaterThan(0.05);
  });

  test("of a process that is gone is nothing", async () => {
    const child = group.start(["true"], "ignore");
    await child.stop();
    expect(readCpuClock(child.pid)).toBeUndefined();
    expect(readTreeCpuSeconds(child.pid)).toBe(0);
  });
});

test("readTreeMemory() sums memory and descriptors over the tree", async () => {
  const pair = group.start(["sh", "-c", "sh -c 'echo up; read line; :'; :"], "pipe");
  try {
    await pair.readLine();
    const { pssKib, rssKib, descriptors } = readTreeMemory(pair.pid);
    expect(rssKib).toBeGreaterThan(0);
    expect(pssKib).toBeLessThanOrEqual(rssKib);
    expect(descriptors).toBeGreaterThanOrEqual(6);
  } finally {
    await pair.stop();
  }
});

describe("a group of processes", () => {
  test("ends with what its processes have started", async () => {
    const pair = group.start(["sh", "-c", "sleep 1000 & echo up; wait"], "pipe");
    expect(await pair.readLine()).toBe("up");
    await pair.stop();
    expect(await pair.readLine()).toBeUndefined(); // the output's last holder has ended
    expect(pair.hasEnded()).toBe(true);
  });

  test("says what a command printed and how it ended", async () => {
    expect(await group.run(["sh", "-c", "echo out; echo err >&2; exit 3"], 10_000))
      .toEqual({ code: 3, stdout: "out\n", stderr: "err\n" });
  });

  test("ends a command that takes too long", async () => {
    const { code, stderr } = await group.run(["sleep", "1000"], 50);
    expect(code).toBeNull();
    expect(stderr).toContain("not within 50 ms");
  });

  test("says why a command can't be started", async () => {
    expect((await group.run(["/no/such/program"], 1_000)).stderr).toContain("ENOENT");
  });
});
