// Owns how files are read, and heard of.
import type { Files, Folders } from "../runtime.ts";
import { builtin } from "./builtin.ts";
import { systemErrorCode } from "./system_error.ts";

/** More than any file that is read has; a device may have no end. */
const MAX_TEXT_BYTES = 32 << 20;
/** Most files are read in one go. */
const FIRST_BYTES = 64 << 10;

// A byte order mark is a part of the text, as in every other reading.
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

const READ_PROBLEMS: Readonly<Record<string, string>> = {
  EISDIR: "it is a directory, not a file",
  EACCES: "permission denied; make it readable for the user that the proxy runs as",
};

/** The file system. */
export const systemFiles: Files = {
  readText: (path, mayWait = true) => unlessMissing(readBounded(path, mayWait)),
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

/** Reads to the end, of a pipe too unless it may not wait: already the opening of one waits for a writer, with nothing to end it. */
async function readBounded(path: string, mayWait: boolean): Promise<string> {
  const { promises, constants } = builtin("node:fs");
  try {
    const file = await promises.open(path, constants.O_RDONLY | (mayWait ? 0 : constants.O_NONBLOCK));
    try {
      if (!mayWait && (await file.stat()).isFIFO()) throw new Error("it is a pipe, not a file");
      let bytes = new Uint8Array(FIRST_BYTES);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length);
        if (bytesRead === 0) return DECODER.decode(bytes.subarray(0, length));
        length += bytesRead;
        if (length > MAX_TEXT_BYTES) throw new Error(`it is larger than ${MAX_TEXT_BYTES >> 20} MiB`);
        if (length === bytes.length) {
          const larger = new Uint8Array(2 * length);
          larger.set(bytes);
          bytes = larger;
        }
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const words = READ_PROBLEMS[systemErrorCode(error) ?? ""];
    throw words === undefined ? error : new Error(words, { cause: error });
  }
}

async function unlessMissing<Value>(reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
