// Small programs made static and run: what a dynamic loader would have done for them must have been done.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { findBuildId } from "../../static/build_id.ts";
import { parseElf, PF, PT, readSymbolSection, sectionOf, segmentsOf, SHT } from "../../static/elf.ts";
import { makeStatic, type StaticExecutable } from "../../static/make_static.ts";
import { findToolChain } from "../../static/tool_chain.ts";
import { type Finished, runProgram } from "../support/run_program.ts";
import { makeExecutable, thisMachine, whyNotMade } from "./made_elf.ts";

const SKIP_REASON = whyNotMade();
if (SKIP_REASON !== undefined) console.log(`Static link skipped: ${SKIP_REASON}`);

/** Uses each thing that the loader or the glue does. */
const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern char **environ;
_Thread_local int set = 7;
_Thread_local char cleared[100];
_Thread_local int alsoSet = 11;
static size_t (*const measure)(const char *) = strlen;
__attribute__((constructor)) static void runFirst(int argc) { printf("first %d\\n", argc); }
__attribute__((destructor)) static void runLast(void) { printf("last\\n"); }
static void *inThread(void *word) {
  set += 1; cleared[99] = 5; errno = 12;
  printf("thread %d %d %d %d %s\\n", set, cleared[0], cleared[99], alsoSet, (char *)word);
  return word;
}
int main(int argc, char **argv) {
  pthread_t thread;
  printf("main %d %d %d %s\\n", set, cleared[0], alsoSet, getenv("WORD"));
  errno = 3;
  pthread_create(&thread, 0, inThread, "word");
  pthread_join(thread, 0);
  printf("kept %d %d\\n", set, errno);
  printf("cpu %zu %zu %.3f\\n", measure(argv[1]), strlen(strchr(argv[1], 'e')), cos(argc));
  setenv("ADDED", "yes", 1);
  int found = 0;
  for (char **one = environ; *one; one++) found += !strcmp(*one, "ADDED=yes");
  printf("environ %d\\n", found);
  void *libc = dlopen("libc.so.6", RTLD_NOW);
  int (*getOwn)(void) = (int (*)(void))dlsym(libc, "getpid");
  size_t (*measureToo)(const char *) = (size_t (*)(const char *))dlsym(libc, "strlen");
  printf("dlsym %d %zu %d\\n", getOwn() == getpid(), measureToo("four"), dlsym(libc, "epoll_create1") != 0);
  int none = dlsym(libc, "no_such_function") == 0;
  printf("no symbol %d %s\\n", none, dlerror());
  none = dlopen("libz.so.1", RTLD_NOW) == 0;
  printf("no library %d %s\\n", none, dlerror());
  printf("no error %d\\n", dlerror() == 0);
  fprintf(stderr, "to stderr\\n");
  return 42;
}
`;

const EXPECTED = [
  "first 2",
  "main 7 0 11 given",
  "thread 8 0 5 11 word",
  "kept 7 3",
  "cpu 4 3 -0.416",
  "environ 1",
  "dlsym 1 4 1",
  "no symbol 1 statically linked: libc has no such symbol",
  "no library 1 statically linked: no library but libc can be opened",
  "no error 1",
  "last",
  "",
].join("\n");

describe.skipIf(SKIP_REASON !== undefined)("makeStatic()", () => {
  let folder = "";
  let bytes: Uint8Array = new Uint8Array();
  let made: StaticExecutable;
  let ran: Finished;

  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/make-static-`);
    bytes = await makeExecutable(PROGRAM);
    const toolChain = findToolChain(thisMachine());
    made = await makeStatic(bytes.slice(), "program", toolChain);
    await Bun.write(`${folder}/program`, made.file);
    await chmod(`${folder}/program`, 0o755);
    ran = await runProgram([`${folder}/program`, "teet"], { env: { WORD: "given" } });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("keeps what a program says, in order, and its exit code", () => {
    expect(ran).toEqual({ code: 42, stdout: EXPECTED, stderr: "to stderr\n" });
  });

  test("leaves nothing to a loader, and no segment both writable and executable", () => {
    const elf = parseElf(made.file, "program");
    expect([PT.INTERP, PT.DYNAMIC, PT.GNU_PROPERTY].flatMap((type) => segmentsOf(elf, type))).toEqual([]);
    expect(segmentsOf(elf, PT.TLS).length).toBe(1);
    const loads = segmentsOf(elf, PT.LOAD);
    expect(loads.filter(({ flags }) => (flags & PF.WRITE) !== 0 && (flags & PF.EXECUTE) !== 0)).toEqual([]);
    expect(loads.map(({ address }) => address)).toEqual(loads.map(({ address }) => address).sort((a, b) => a - b));
    for (const { offset, address, align } of loads) expect((address - offset) % align).toBe(0);
    expect(elf.sections.map(({ name }) => name)).not.toContain(".dynamic");
  });

  test("has the symbols of both, each in a section that holds its address", () => {
    const elf = parseElf(made.file, "program");
    const symbols = readSymbolSection(elf, sectionOf(elf, SHT.SYMTAB, "symbols"));
    for (const name of ["main", "runFirst", "epoll_create1", "glue_dlsym"]) {
      const symbol = symbols.find((one) => one.name === name);
      const section = elf.sections[symbol?.section ?? 0];
      const start = section?.address ?? 0;
      const isInside = symbol !== undefined && symbol.value >= start &&
        symbol.value < start + (section?.sizeBytes ?? 0);
      expect({ name, isInside }).toEqual({ name, isInside: true });
    }
  });

  test("has a build id of its own, a hash of the file", () => {
    const before = parseElf(bytes, "program");
    const old = Buffer.from(findBuildId(bytes, before.segments) ?? []).toString("hex");
    const elf = parseElf(made.file, "program");
    const now = Buffer.from(findBuildId(made.file, elf.segments) ?? []).toString("hex");
    expect(old).toMatch(/^[0-9a-f]{40}$/);
    expect(now).toMatch(/^[0-9a-f]{40}$/);
    expect(now).not.toBe(old);
    expect(now).toBe(made.buildId ?? "");
  });

  test("gives the same octets for the same input", async () => {
    const again = await makeStatic(bytes.slice(), "program", findToolChain(thisMachine()));
    expect(Buffer.compare(again.file, made.file)).toBe(0);
  });

  test("binds by CPU at start what libc picks by CPU, and the rest in the file", () => {
    expect(made.bound.inFile).toBeGreaterThan(10);
    if (thisMachine().name === "x86_64") expect(made.bound.atStart).toBeGreaterThanOrEqual(3);
    expect(made.bound.absent).toContain("__gmon_start__");
  });
});
