// The tables that the link works from: libc's names, the assembler texts, the place of thread-local storage.
import { describe, expect, test } from "bun:test";
import { formatTables, formatThreadLocals, tableNames } from "../../static/assembly.ts";
import { PT } from "../../static/elf.ts";
import { readArchiveNames } from "../../static/libc_exports.ts";
import { MACHINES } from "../../static/machine.ts";
import { compilerName } from "../../static/tool_chain.ts";

/** An archive of an index alone. */
function makeArchive(names: readonly string[]): Uint8Array {
  const text = names.map((name) => `${name}\0`).join("");
  const index = Buffer.alloc(4 + names.length * 4);
  index.writeUInt32BE(names.length);
  const header = `${"/".padEnd(16)}${"0".padEnd(32)}${String(index.length + text.length).padEnd(10)}\`\n`;
  return Buffer.concat([Buffer.from(`!<arch>\n${header}`), index, Buffer.from(text)]);
}

describe("readArchiveNames()", () => {
  for (const names of [[], ["a"], ["strlen", "__libc_start_main", "strlen"]]) {
    test(`reads ${JSON.stringify(names)}`, () => {
      expect(readArchiveNames(makeArchive(names), "it")).toEqual(new Set(names));
    });
  }

  test("refuses what has no index", () => {
    for (const text of ["", "!<arch>\nmember.o/       0", "GROUP ( libm-2.36.a )"]) {
      expect(() => readArchiveNames(new TextEncoder().encode(text), "it"))
        .toThrow("Cannot read it: it is no archive with an index");
    }
  });
});

describe("formatTables()", () => {
  const names = tableNames(new Set(["write", "dlopen"]), new Set(["_exit", "write", "Zed"]));

  test("has each name once, in the order of strcmp()", () => {
    expect(names).toEqual(["Zed", "_exit", "dlopen", "write"]);
  });

  test("points names at their functions, and those of the glue at the glue", () => {
    const text = formatTables(names, 3);
    const entries = [...text.matchAll(/^\.quad \.Lname(\d+), (\w+)$/gm)].map(([, index, target]) => [index, target]);
    expect(entries).toEqual([["0", "Zed"], ["1", "_exit"], ["2", "glue_dlopen"], ["3", "write"]]);
    expect([...text.matchAll(/^\.Lname\d+: \.asciz "(\w+)"$/gm)].map(([, name]) => name)).toEqual(names);
    expect(text).toContain("glue_name_count: .quad 4");
    expect(text).toContain("glue_late_slots: .fill 8, 8, 0");
  });
});

describe("formatThreadLocals()", () => {
  const table = [
    { name: "x86_64", memoryBytes: 0x57c0, align: 16, padding: 0, size: 0x57c0 },
    { name: "x86_64", memoryBytes: 0x5798, align: 16, padding: 32, size: 0x57a0 },
    { name: "x86_64", memoryBytes: 1, align: 1, padding: 63, size: 1 },
    { name: "aarch64", memoryBytes: 0x5798, align: 16, padding: undefined, size: 0x57a0 },
  ];
  for (const { name, memoryBytes, align, padding, size } of table) {
    test(`pads ${memoryBytes} octets for ${name}`, () => {
      const machine = MACHINES.find((one) => one.name === name) ?? MACHINES[0]!;
      const tls = { type: PT.TLS, flags: 4, offset: 0, address: 0, fileBytes: 0, memoryBytes, align };
      const text = formatThreadLocals({ machine, tls });
      expect(text).toContain(`glue_application_tls: .fill ${size}\n`);
      expect(/^\.fill (\d+)$/m.exec(text)?.[1]).toBe(padding === undefined ? undefined : String(padding));
    });
  }
});

test("compilerName() names this machine's own compiler, and Debian's for another", () => {
  const names = MACHINES.map((machine) => [compilerName(machine, "x64"), compilerName(machine, "arm64")]);
  expect(names).toEqual([["gcc", "x86_64-linux-gnu-gcc"], ["aarch64-linux-gnu-gcc", "gcc"]]);
});
