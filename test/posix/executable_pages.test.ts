// Which pages of a process may be given back, and that it goes on without them.
import { describe, expect, test } from "bun:test";
import { findExecutablePages } from "../../src/runtime/posix/executable_pages.ts";

const EXECUTABLE = "/opt/a proxy";

/** One mapping as /proc/self/smaps tells of it. */
function mapping([range, permissions, path, anonymousKb]: readonly [string, string, string, number]): string {
  return `${range} ${permissions} 00000000 fe:00 339704   ${path}\nSize:   4 kB\nRss:   4 kB\n` +
    `Anonymous:             ${anonymousKb} kB\nLazyFree:              0 kB\nVmFlags: rd mr mw me\n`;
}

describe("findExecutablePages()", () => {
  const table = [
    { name: "code", input: ["1000-3000", "r-xp", EXECUTABLE, 0], expected: [{ address: 0x1000, sizeBytes: 0x2000 }] },
    {
      name: "constants",
      input: ["1000-2000", "r--p", EXECUTABLE, 0],
      expected: [{ address: 0x1000, sizeBytes: 0x1000 }],
    },
    { name: "not data, which would be lost", input: ["1000-2000", "rw-p", EXECUTABLE, 0], expected: [] },
    { name: "not what was written to before it was sealed", input: ["1000-2000", "r--p", EXECUTABLE, 4], expected: [] },
    { name: "not code with a breakpoint", input: ["1000-2000", "r-xp", EXECUTABLE, 4], expected: [] },
    { name: "not code made at run time", input: ["1000-2000", "rwxp", "", 0], expected: [] },
    { name: "not a library", input: ["1000-2000", "r-xp", "/lib/libc.so.6", 0], expected: [] },
    { name: "not a file whose name begins so", input: ["1000-2000", "r-xp", `${EXECUTABLE} 2`, 0], expected: [] },
    {
      name: "an address above 4 GiB",
      input: ["7f82cfe47000-7f82cfe48000", "r-xp", EXECUTABLE, 0],
      expected: [{ address: 0x7f82cfe47000, sizeBytes: 0x1000 }],
    },
  ] as const;
  for (const { name, input, expected } of table) {
    test(`finds ${name}`, () => {
      const around = [
        mapping(["100-200", "rw-p", "[heap]", 4]),
        mapping(input),
        mapping(["ff00-ff10", "rw-p", "[stack]", 4]),
      ];
      expect(findExecutablePages(around.join(""), EXECUTABLE)).toEqual([...expected]);
    });
  }
});

describe("releaseExecutablePages()", () => {
  test("takes most of the executable's pages out of memory, and what runs goes on", () => {
    const script = `
      import { readFileSync } from "node:fs";
      import { bunFfi } from "${import.meta.dir}/../../src/runtime/bun/ffi.ts";
      import { openLibc } from "${import.meta.dir}/../../src/runtime/posix/libc.ts";
      import { releaseExecutablePages } from "${import.meta.dir}/../../src/runtime/posix/executable_pages.ts";
      const fileKb = () => Number(/^RssFile:\\s+(\\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))[1]);
      const libc = openLibc(bunFfi);
      const before = fileKb();
      releaseExecutablePages(libc);
      const after = fileKb();
      console.log(JSON.stringify({ before, after, sum: [1, 2, 3].map((n) => n * n).join("+") }));
    `;
    const { stdout, exitCode } = Bun.spawnSync([process.execPath, "--no-env-file", "-e", script]);
    const { before, after, sum } = JSON.parse(stdout.toString());
    expect({ exitCode, sum }).toEqual({ exitCode: 0, sum: "1+4+9" });
    expect(after).toBeLessThan(before / 2);
  });
});
