// Owns one parsed file that is read again when it has changed. Knows neither what is in it nor how often to look.
import type { Files } from "../runtime/runtime.ts";

/** A file's parsed text; an absent file is as good as an empty one. */
export class WatchedFile<T> {
  readonly #files: Files;
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #stamp: string | undefined;
  #value: T;

  private constructor(files: Files, path: string, parse: (text: string) => T) {
    this.#files = files;
    this.#path = path;
    this.#parse = parse;
    this.#value = parse("");
  }

  /** Reads the file for the first time. Throws an Error of one line where it is there and can't be read. */
  static async open<T>(files: Files, path: string, parse: (text: string) => T): Promise<WatchedFile<T>> {
    const file = new WatchedFile(files, path, parse);
    try {
      await file.#read(await files.stamp(path));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot read "${path}": ${reason}`, { cause: error });
    }
    return file;
  }

  /** What the file last held. */
  get value(): T {
    return this.#value;
  }

  /** Reads the file again if it has changed. Where it can't be read, what it held stays in force and the system's error is thrown. */
  async refresh(): Promise<void> {
    const stamp = await this.#files.stamp(this.#path);
    if (stamp !== this.#stamp) await this.#read(stamp);
  }

  /** The stamp is older than the text, so a change in between is seen at the next look. */
  async #read(stamp: string | undefined): Promise<void> {
    const text = stamp === undefined ? "" : await this.#files.readText(this.#path, false) ?? "";
    this.#value = this.#parse(text);
    this.#stamp = stamp;
  }
}
