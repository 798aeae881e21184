// Owns when a file that is watched has a new text: however it is exchanged, whole and settled. Knows nothing of what is in
// it. Hints of the system make it quick, a slow look at the file's stamp makes it sure.
import type { Files, Folders } from "../runtime/runtime.ts";
import { findFolderChain } from "./folder_chain.ts";

/** The time between two looks for which nobody has hinted. Overlays, NFS and some volumes never hint. */
const POLL_MS = 2_000;
/** From a hint to the look: an exchange is several changes, and longer than a tick of any file system's clock. */
const HINT_MS = 25;
/** How long a file must have been as it is before it is read: one that was put in place whole, and one that is written to. */
const REPLACED_QUIET_MS = 50;
const WRITTEN_QUIET_MS = 250;
/** The same where the text ends in the middle of a line or is empty, as that of a file half written does. */
const UNENDED_QUIET_MS = 1_000;
/** A file that is replaced again and again is read after this time whatever comes next: each of its texts was whole. */
const RESTLESS_MS = 2_000;
/** How long a file may be missing, unreadable or never at rest before that is told. */
const UNREADABLE_GRACE_MS = 10_000;

/** Who wants the text. */
export interface FileWatchOwner {
  /** The text as it now is; it may be one that was told before. */
  onText(text: string): void;
  /** It has been missing or unreadable for a while. Told once, until it can be read again. */
  onUnreadable(reason: string): void;
}

/** What a look at the file found. */
type Look = { readonly stamp: string } | { readonly why: string };

/** Watches one file until it is stopped. */
export class FileWatch implements Disposable {
  readonly #files: Files;
  readonly #folders: Folders;
  readonly #path: string;
  readonly #owner: FileWatchOwner;
  /** Of the text that was last told or is known from the start. */
  #knownStamp: string | undefined;
  /** A change may have fallen between the stamp and the text, in one tick of the file system's clock: it is read once more. */
  #isUnsure = true;
  #unreadableSinceMs: number | undefined;
  #unreadableTold = false;
  readonly #watches = new Map<string, { readonly identity: string; readonly stop: () => void }>();
  readonly #graceMs: number;
  #wake: (() => void) | undefined;
  #isHinted = false;
  #isStopped = false;

  /** `graceMs` is how long the file may be missing before that is told. */
  constructor(files: Files, folders: Folders, path: string, owner: FileWatchOwner, graceMs = UNREADABLE_GRACE_MS) {
    this.#files = files;
    this.#folders = folders;
    this.#path = path;
    this.#owner = owner;
    this.#graceMs = graceMs;
  }

  /** Watches from now on; what the file holds now is told too. Resolves when it was stopped. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#watchFolders();
        await this.#look();
      } catch (error) {
        this.#onUnreadable(reasonOf(error));
      }
      await this.#rest(POLL_MS);
      if (this.#isHinted) await this.#pause(HINT_MS);
      this.#isHinted = false;
    }
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
    this.#wake?.();
  }

  /** The folders to watch change with every exchange of a link. */
  async #watchFolders(): Promise<void> {
    const chain = new Map<string, string>();
    for (const folder of await findFolderChain(this.#folders, this.#path)) {
      // A folder of the same name may be another by now, and a watch on the old one hears nothing.
      chain.set(folder, identityOf(await this.#files.stamp(folder).catch(() => undefined) ?? ":"));
    }
    if (this.#isStopped) return;
    for (const [folder, { identity, stop }] of this.#watches) {
      if (chain.get(folder) === identity) continue;
      stop();
      this.#watches.delete(folder);
    }
    for (const [folder, identity] of chain) {
      if (this.#watches.has(folder)) continue;
      this.#watches.set(folder, { identity, stop: this.#folders.watch(folder, () => this.#hint()) });
    }
  }

  #hint(): void {
    this.#isHinted = true;
    this.#wake?.();
  }

  async #look(): Promise<void> {
    const first = await this.#lookOnce();
    if ("why" in first) return this.#onUnreadable(first.why);
    if (first.stamp === this.#knownStamp && !this.#isUnsure) return;
    const text = await this.#readSettled(first.stamp);
    if (text === undefined || this.#isStopped) return;
    this.#unreadableSinceMs = undefined;
    this.#unreadableTold = false;
    this.#owner.onText(text);
  }

  /** The text, once the file has been the same for long enough; undefined where it went away meanwhile. */
  async #readSettled(first: string): Promise<string | undefined> {
    const startMs = performance.now();
    let stamp = first;
    let quietSinceMs = startMs;
    while (!this.#isStopped) {
      let text: string | undefined;
      const isKnown = stamp === this.#knownStamp;
      const quietMs = performance.now() - quietSinceMs;
      const isRestless = performance.now() - startMs > RESTLESS_MS && identityOf(stamp) !== identityOf(first);
      if (isKnown || isRestless || quietMs >= this.#quietFor(stamp)) {
        try {
          text = await this.#files.readText(this.#path, false);
        } catch (error) {
          this.#onUnreadable(reasonOf(error));
          return undefined;
        }
      }
      const next = await this.#lookOnce();
      if ("why" in next) {
        this.#onUnreadable(next.why);
        return undefined;
      }
      if (next.stamp !== stamp) {
        if (performance.now() - startMs > this.#graceMs) this.#onUnreadable("it is written to without a rest", startMs);
        stamp = next.stamp;
        quietSinceMs = performance.now();
      } else if (text !== undefined && (isKnown || isRestless || isEnded(text) || quietMs >= UNENDED_QUIET_MS)) {
        this.#isUnsure = !isKnown;
        this.#knownStamp = stamp;
        return text;
      }
      await this.#pause(REPLACED_QUIET_MS / 2);
    }
    return undefined;
  }

  #quietFor(stamp: string): number {
    const isWritten = this.#knownStamp !== undefined && identityOf(stamp) === identityOf(this.#knownStamp);
    return isWritten ? WRITTEN_QUIET_MS : REPLACED_QUIET_MS;
  }

  async #lookOnce(): Promise<Look> {
    try {
      const stamp = await this.#files.stamp(this.#path);
      return stamp === undefined ? { why: "there is no such file" } : { stamp };
    } catch (error) {
      return { why: reasonOf(error) };
    }
  }

  #onUnreadable(why: string, sinceMs = performance.now()): void {
    this.#unreadableSinceMs ??= sinceMs;
    if (this.#unreadableTold || performance.now() - this.#unreadableSinceMs < this.#graceMs) return;
    this.#unreadableTold = true;
    this.#owner.onUnreadable(why);
  }

  #pause(timeMs: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, timeMs));
  }

  /** Waits, but not beyond a hint or the end. */
  async #rest(timeMs: number): Promise<void> {
    if (this.#isHinted || this.#isStopped) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, timeMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function identityOf(stamp: string): string {
  return stamp.slice(0, stamp.indexOf(":"));
}

function isEnded(text: string): boolean {
  return text.endsWith("\n");
}
