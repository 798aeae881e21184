// A watched file on a real file system: with hints and without, missing, unreadable, never at rest; and the folders to watch.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileWatch } from "../../src/cli/file_watch.ts";
import { findFolderChain } from "../../src/cli/folder_chain.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Folders } from "../../src/runtime/runtime.ts";
import { Signal } from "../support/deadline.ts";

const { files, folders } = await detectRuntime();
/** A file system that tells nothing. */
const SILENT: Folders = { readLink: (path) => folders.readLink(path), watch: () => () => {} };

/** What was told, in order; texts as they are, a reason in angle brackets. */
class Told {
  readonly list: string[] = [];
  readonly #changed = new Signal();

  onText(text: string): void {
    this.list.push(text);
    this.#changed.notify();
  }

  onUnreadable(reason: string): void {
    this.list.push(`<${reason}>`);
    this.#changed.notify();
  }

  until(wanted: string | RegExp): Promise<string> {
    return this.#changed.wait(
      String(wanted),
      () => this.list.find((one) => typeof wanted === "string" ? one === wanted : wanted.test(one)),
      () => JSON.stringify(this.list),
    );
  }
}

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "file-watch-"))));
afterEach(() => rm(folder, { recursive: true }));

describe("FileWatch", () => {
  for (const [name, used] of [["hints", folders], ["no hints", SILENT]] as const) {
    test(`tells each text once it is there, with ${name}`, async () => {
      const path = join(folder, "rules");
      await writeFile(path, "one\n");
      const told = new Told();
      using watch = new FileWatch(files, used, path, told);
      void watch.run();
      await told.until("one\n");
      await writeFile(join(folder, "next"), "two\n");
      await rename(join(folder, "next"), path);
      await told.until("two\n");
      await writeFile(path, "three\n");
      await told.until("three\n");
      expect(told.list.filter((text) => text.startsWith("<"))).toEqual([]);
    });
  }

  test("tells once of a file that stays away, and its text when it is back", async () => {
    const path = join(folder, "rules");
    await writeFile(path, "one\n");
    const told = new Told();
    using watch = new FileWatch(files, folders, path, told, 300);
    void watch.run();
    await told.until("one\n");
    await rm(path);
    await told.until("<there is no such file>");
    await writeFile(path, "two\n");
    await told.until("two\n");
    expect(told.list.filter((text) => text.startsWith("<")).length).toBe(1);
  });

  test("says nothing of a file that is away for less than the grace", async () => {
    const path = join(folder, "rules");
    await writeFile(path, "one\n");
    const told = new Told();
    using watch = new FileWatch(files, folders, path, told, 60_000);
    void watch.run();
    await told.until("one\n");
    await rm(path);
    await writeFile(path, "two\n");
    await told.until("two\n");
    expect(told.list.filter((text) => text.startsWith("<"))).toEqual([]);
  });

  test("tells why a file cannot be read", async () => {
    const path = join(folder, "rules");
    await mkdir(path);
    const told = new Told();
    using watch = new FileWatch(files, folders, path, told, 0);
    void watch.run();
    await told.until(/^<.*(EISDIR|directory)/i);
  });

  test("tells of a file that is written to without a rest, and its text when that ends", async () => {
    const path = join(folder, "rules");
    await writeFile(path, "0\n");
    const told = new Told();
    using watch = new FileWatch(files, folders, path, told, 500);
    void watch.run();
    await told.until("0\n");
    let round = 0;
    const writing = setInterval(() => void writeFile(path, `${++round}\n`.repeat(round % 7 + 1)), 10);
    try {
      await told.until("<it is written to without a rest>");
    } finally {
      clearInterval(writing);
    }
    await writeFile(path, "last\n");
    await told.until("last\n");
  });
});

describe("findFolderChain()", () => {
  test("follows Kubernetes' links: the volume's folder and the dated one", async () => {
    await mkdir(join(folder, "..2026"));
    await writeFile(join(folder, "..2026", "rules"), "");
    await symlink("..2026", join(folder, "..data"));
    await symlink("..data/rules", join(folder, "rules"));
    const chain = await findFolderChain(folders, join(folder, "rules"));
    // What lies above the folder may be links too.
    expect(chain.slice(-2)).toEqual([folder, join(folder, "..2026")]);
  });

  test("follows a link to elsewhere, and links in the way", async () => {
    await mkdir(join(folder, "real"));
    await mkdir(join(folder, "other"));
    await symlink(join(folder, "real"), join(folder, "way"));
    await symlink("../other/file", join(folder, "real", "rules"));
    const chain = await findFolderChain(folders, join(folder, "way", "rules"));
    expect(chain.slice(-3)).toEqual([folder, `${folder}/real`, `${folder}/real/../other`]);
  });

  test("ends with links that lead in a circle", async () => {
    await symlink("b", join(folder, "a"));
    await symlink("a", join(folder, "b"));
    expect((await findFolderChain(folders, join(folder, "a"))).at(-1)).toBe(folder);
  });

  test("takes a relative path from where the process is", async () => {
    expect(await findFolderChain(folders, "no-such-file")).toEqual(["."]);
    expect(await findFolderChain(folders, "./x/../no-such-file")).toEqual(["./x/.."]);
  });
});
