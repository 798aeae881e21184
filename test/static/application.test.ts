// Every assumption about an executable that is to be made static: one that differs in it is refused by one line.
import { beforeAll, describe, expect, test } from "bun:test";
import { checkBunVersion, readApplication } from "../../static/application.ts";
import { parseElf, PF, PT, type Segment, SEGMENT_BYTES } from "../../static/elf.ts";
import { makeStatic } from "../../static/make_static.ts";
import { LinkRefusal } from "../../static/refusal.ts";
import { findToolChain } from "../../static/tool_chain.ts";
import { LIKE_BUN, makeExecutable, thisMachine, whyNotMade } from "./made_elf.ts";

const SKIP_REASON = whyNotMade();
if (SKIP_REASON !== undefined) console.log(`Checks of the static link's input skipped: ${SKIP_REASON}`);

const WITH_TLS =
  '#include <stdio.h>\n#include <string.h>\n_Thread_local int own = 1; char big[5000]; int main(int c, char **v) { printf("%d %zu %d\\n", own, strlen(v[0]), big[c]); }';
const WITHOUT_TLS = "int main(void) { return 0; }";

/** The refusal that something ends in, or what came of it. */
function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LinkRefusal) return error.message;
    throw error;
  }
  return "not refused";
}

function refusalFor(bytes: Uint8Array): string {
  return refusalOf(() => readApplication(parseElf(bytes, "it")));
}

describe.skipIf(SKIP_REASON !== undefined)("readApplication()", () => {
  let good: Uint8Array = new Uint8Array();
  beforeAll(async () => {
    good = await makeExecutable(WITH_TLS);
  });

  /** The good executable with one program header changed. */
  function withSegment(type: number, change: (view: DataView, at: number, segment: Segment) => void): Uint8Array {
    const bytes = good.slice();
    const { segments, view } = parseElf(bytes, "it");
    const index = segments.findIndex((segment) => segment.type === type);
    change(view, 64 + index * SEGMENT_BYTES, segments[index] as Segment);
    return bytes;
  }

  test("takes one that is as Bun's is", () => {
    const { wanted, weak, machine } = readApplication(parseElf(good, "it"));
    expect(machine).toBe(thisMachine());
    expect([...wanted]).toContain("printf");
    expect([...weak]).toContain("__gmon_start__");
  });

  const MADE = [
    {
      name: "position-independent",
      flags: ["-pie", "-fPIE", "-Wl,-z,norelro", "-Wl,--hash-style=both"],
      says: /^Cannot link it: its ELF type is 3, not 2 /,
    },
    {
      name: "static already",
      flags: ["-static", "-Wl,-z,norelro"],
      says: /^Cannot link it: (it is statically linked already|.*not in the file)$/,
    },
    {
      name: "where libc would go",
      flags: [...LIKE_BUN, "-Wl,-Ttext-segment=0x40000000"],
      says: /^Cannot link it: its segment at 0x40000000 reaches 0x40000000, where libc goes$/,
    },
    {
      name: "without the old hash table",
      flags: LIKE_BUN.map((flag) => flag.replace("=both", "=gnu")),
      says: /^Cannot link it: its dynamic section has no DT_HASH$/,
    },
    {
      name: "in need of a library that is not libc",
      flags: [...LIKE_BUN, "-Wl,--no-as-needed", "-lresolv"],
      says: /^Cannot link it: it needs library 'libresolv.so.2', which is no part of glibc$/,
    },
  ];
  for (const { name, flags, says } of MADE) {
    test(`refuses one that is ${name}`, async () => {
      expect(refusalFor(await makeExecutable(WITH_TLS, { flags }))).toMatch(says);
    });
  }

  test("refuses one without thread-local storage", async () => {
    expect(refusalFor(await makeExecutable(WITHOUT_TLS)))
      .toBe("Cannot link it: it has 0 segments of thread-local storage, not 1");
  });

  test("refuses one with zeroed data that is not in the file", async () => {
    expect(refusalFor(await makeExecutable(WITH_TLS, { isWhole: false })))
      .toMatch(/^Cannot link it: its segment at 0x[0-9a-f]+ has [1-9]\d* octets that are not in the file$/);
  });

  test("refuses another machine's", () => {
    const bytes = good.slice();
    parseElf(bytes, "it").view.setUint16(18, 243, true);
    expect(refusalFor(bytes)).toBe("Cannot link it: its ELF machine number is 243, not that of x86_64 or aarch64");
  });

  test("refuses a segment that is writable and executable", () => {
    const bytes = withSegment(PT.LOAD, (view, at) => view.setUint32(at + 4, PF.READ | PF.WRITE | PF.EXECUTE, true));
    expect(refusalFor(bytes)).toMatch(/^Cannot link it: its segment at 0x[0-9a-f]+ is writable and executable$/);
  });

  test("refuses a segment of a kind that it does not know", () => {
    const bytes = withSegment(PT.GNU_STACK, (view, at) => view.setUint32(at, PT.GNU_RELRO, true));
    expect(refusalFor(bytes)).toBe("Cannot link it: its segment at 0x0 is of the unknown type 0x6474e552");
  });

  test("refuses a second segment of thread-local storage", () => {
    const bytes = withSegment(PT.GNU_STACK, (view, at) => view.setUint32(at, PT.TLS, true));
    expect(refusalFor(bytes)).toBe("Cannot link it: it has 2 segments of thread-local storage, not 1");
  });

  test("refuses a relocation that it does not know", () => {
    const bytes = good.slice();
    const { view, sections } = parseElf(bytes, "it");
    const table = sections.find(({ name }) => name === ".rela.plt");
    view.setUint32((table?.offset ?? 0) + 8, 16, true);
    expect(refusalFor(bytes)).toMatch(/^Cannot link it: unknown relocation 16 at 0x[0-9a-f]+ for '\w+'$/);
  });

  test("refuses a variable that is thread-local in another file", () => {
    const bytes = good.slice();
    const { sections } = parseElf(bytes, "it");
    const at = (sections.find(({ name }) => name === ".dynsym")?.offset ?? 0) + 24 + 4;
    bytes[at] = (bytes[at] ?? 0) & 0xf0 | 6;
    expect(refusalFor(bytes))
      .toMatch(/^Cannot link it: unexpected TLS model: '\w+' is thread-local and in another file$/);
  });

  test("refuses a function that libc does not have", async () => {
    const bytes = good.slice();
    const at = Buffer.from(bytes.buffer).indexOf("\0strlen\0");
    bytes.set(new TextEncoder().encode("strlex"), at + 1);
    const outcome = await makeStatic(bytes, "it", findToolChain(thisMachine())).then(() => "linked", String);
    expect(outcome).toMatch(/^LinkRefusal: Cannot link libc: .*gcc says: .*undefined reference to `strlex'$/);
  });

  test("refuses a variable that has another size in libc", async () => {
    const source = `#include <stdio.h>\n${WITH_TLS}\nint more(void) { return fputs("", stdout) + fputs("", stderr); }`;
    const made = await makeExecutable(source);
    const { sections, view } = parseElf(made, "it");
    const symbols = sections.find(({ name }) => name === ".dynsym");
    const { dynamic } = readApplication(parseElf(made, "it"));
    const index = dynamic.symbols.findIndex(({ name }) => name === "stdout");
    view.setBigUint64((symbols?.offset ?? 0) + index * 24 + 16, 16n, true);
    const outcome = await makeStatic(made, "it", findToolChain(thisMachine())).then(() => "linked", String);
    expect(outcome).toBe("LinkRefusal: Cannot link it: 'stdout' has 16 octets in it and 8 in libc");
  });
});

describe("parseElf()", () => {
  test("refuses what is no ELF file", () => {
    for (const text of ["", "\x7fELF", "#!/bin/sh\n".repeat(20)]) {
      expect(refusalOf(() => parseElf(new TextEncoder().encode(text), "it")))
        .toBe("Cannot read it: it is no 64-bit little-endian ELF file");
    }
  });

  test.skipIf(SKIP_REASON !== undefined)("refuses a file that is cut, wherever its tables are missing", async () => {
    const bytes = await makeExecutable(WITHOUT_TLS);
    const { sections } = parseElf(bytes, "it");
    expect(sections.length).toBeGreaterThan(5);
    for (let length = 0; length < bytes.length; length += 97) {
      expect(refusalOf(() => parseElf(bytes.subarray(0, length), "it"))).toMatch(/^Cannot read it: /);
    }
  });
});

describe("checkBunVersion()", () => {
  const table = [
    { text: "\0Bun v1.4.5 (Linux x64)\0", expected: "1.4.5" },
    { text: "Bun version\0Bun v1.4.5 (a)", expected: "1.4.5" },
    { text: "\0Bun v1.4.6 (Linux x64)\0", expected: /^Cannot link it: Bun 1\.4\.6, tried is 1\.4\.5: see docs/ },
    { text: "\0Bun v1.4.5-canary.1 (Linux)\0", expected: /^Cannot link it: Bun 1\.4\.5-canary\.1, tried is/ },
    { text: "nothing", expected: /^Cannot link it: no version of Bun in it, tried is 1\.4\.5: see docs/ },
  ];
  for (const { text, expected } of table) {
    test(`reads ${JSON.stringify(text)}`, () => {
      const bytes = new TextEncoder().encode(text);
      const elf = { ...parseBare(bytes), bytes };
      const first = { type: 1, flags: 5, offset: 0, address: 0, fileBytes: bytes.length, memoryBytes: 0, align: 1 };
      let outcome: string;
      try {
        outcome = checkBunVersion({ elf, first });
      } catch (error) {
        outcome = (error as Error).message;
      }
      if (typeof expected === "string") expect(outcome).toBe(expected);
      else expect(outcome).toMatch(expected);
    });
  }
});

/** A file of which only the octets matter. */
function parseBare(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer);
  return { what: "it", bytes, view, kind: 2, machine: 62, entry: 0, segments: [], sections: [] };
}
