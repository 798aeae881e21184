// Owns how files are read.
import { readFile, stat } from "node:fs/promises";
import type { Files } from "../runtime.ts";
import { systemErrorCode } from "./system_error.ts";

/** The file system. */
export const systemFiles: Files = {
  readText: (path) => unlessMissing(readFile(path, "utf8")),
  stamp(path) {
    return unlessMissing(
      stat(path, { bigint: true }).then(({ mtimeNs, ino, size }) => `${mtimeNs}:${ino}:${size}`),
    );
  },
};

async function unlessMissing<Value>(reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
