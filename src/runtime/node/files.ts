// Owns how files are read, and heard of.
import type { Files, Folders } from "../runtime.ts";
import { builtin } from "./builtin.ts";
import { systemErrorCode } from "./system_error.ts";

/** The file system. */
export const systemFiles: Files = {
  readText: (path) => unlessMissing(builtin("node:fs").promises.readFile(path, "utf8")),
  stamp(path) {
    return unlessMissing(
      // The time of the change too: a copied or set time of modification can be the old one.
      builtin("node:fs").promises.stat(path, { bigint: true }).then(({ dev, ino, mtimeNs, ctimeNs, size }) =>
        `${dev}.${ino}:${mtimeNs}.${ctimeNs}.${size}`
      ),
    );
  },
};

/** The folders. */
export const systemFolders: Folders = {
  readLink: (path) => builtin("node:fs").promises.readlink(path).catch(() => undefined),
  watch(path, onHint) {
    try {
      const watcher = builtin("node:fs").watch(path, { persistent: false }, onHint);
      // No such folder, no inotify instance left, no permission: Bun throws, Deno tells it later.
      watcher.on("error", () => watcher.close());
      return () => watcher.close();
    } catch {
      return () => {};
    }
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
