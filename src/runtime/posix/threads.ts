// Owns the threads of the data plane from the outside: a worker each, a port to it, and an eventfd that wakes its loop.
import type { Ffi, NativeMemory } from "../ffi.ts";
import type { ThreadEvents, ThreadHandle, Threads } from "../runtime.ts";
import { releaseExecutablePages } from "./executable_pages.ts";
import { EFD_FLAGS, type Libc, openLibcPart } from "./libc.ts";

/** What a worker is started with: the first message to it. */
export interface ThreadGreeting {
  readonly port: MessagePort;
  /** The eventfd that wakes it. It belongs to the thread, which closes it. */
  readonly signal: number;
  readonly epollEventBytes: 12 | 16;
  readonly start: unknown;
}

/** A thread's first word. It is greeted then and not before: Bun (1.4.5) can lose what is sent to a worker that is still loading. */
export const THREAD_UP = "up";

/** A thread's word that it is at rest after it was busy. */
export const THREAD_RESTS = "rests";

/** Within this time after its first thread a proxy has started. */
const START_MS = 300;

/** What a thread says of itself, beside its program's messages. */
export interface ThreadDeath {
  readonly died: string;
}

/** Finds out whether loops on libc's sockets can run here: Linux, libc by FFI, epoll. */
export function openThreads(
  ffi: Ffi,
  platform: string,
  architecture: string,
  program: URL,
): Threads | { unavailable: string } {
  if (platform !== "linux") return { unavailable: `it needs Linux, and this is ${platform}` };
  const libc = openLibcPart(ffi, "epoll_create1", "close", "eventfd", "write", "madvise");
  if (libc === undefined) return { unavailable: "libc cannot be called from here" };
  const epoll = libc.epoll_create1(0);
  if (epoll < 0) return { unavailable: "epoll is refused" };
  libc.close(epoll);
  return new PosixThreads(ffi, libc, architecture === "x64" || architecture === "x86_64" ? 12 : 16, program);
}

/** What the main thread needs of libc. */
type ThreadCalls = Pick<Libc, "eventfd" | "write" | "madvise">;

/** A worker that nobody listens to yet. */
interface Prepared {
  readonly worker: Worker;
  /** Its first word, or the error that it died of. */
  heard: MessageEvent<unknown> | ErrorEvent | undefined;
}

class PosixThreads implements Threads {
  readonly #libc: ThreadCalls;
  readonly #epollEventBytes: 12 | 16;
  readonly #program: URL;
  readonly #one: NativeMemory;
  #prepared: Prepared | undefined;
  #startEnd: ReturnType<typeof setTimeout> | undefined;

  constructor(ffi: Ffi, libc: ThreadCalls, epollEventBytes: 12 | 16, program: URL) {
    this.#libc = libc;
    this.#epollEventBytes = epollEventBytes;
    this.#program = program;
    this.#one = ffi.allocate(8);
    this.#one.bytes[0] = 1;
  }

  prepare(): void {
    const prepared: Prepared = { worker: new Worker(this.#program.href, { type: "module" }), heard: undefined };
    prepared.worker.onmessage = (event: MessageEvent<unknown>) => prepared.heard ??= event;
    prepared.worker.onerror = (event) => {
      event.preventDefault?.();
      prepared.heard = event;
    };
    this.#prepared = prepared;
  }

  dismiss(): void {
    this.#prepared?.worker.terminate();
    this.#prepared = undefined;
  }

  spawn(start: unknown, events: ThreadEvents): ThreadHandle {
    const signal = this.#libc.eventfd(0, EFD_FLAGS);
    const { port1, port2 } = new MessageChannel();
    if (this.#prepared === undefined) this.prepare();
    const { worker, heard } = this.#prepared as Prepared;
    this.#prepared = undefined;
    this.#startEnd ??= setTimeout(() => releaseExecutablePages(this.#libc), START_MS);
    let ended = false;
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      port1.close();
      worker.terminate();
      events.onEnd(reason);
    };
    const greeting: ThreadGreeting = { port: port2, signal, epollEventBytes: this.#epollEventBytes, start };
    const onMessage = ({ data }: MessageEvent<unknown>): void => {
      if (data === THREAD_UP) worker.postMessage(greeting, [port2]);
      else if (data === THREAD_RESTS) releaseExecutablePages(this.#libc);
      else if (isDeath(data)) end(data.died);
      else if (!ended) events.onMessage(data);
    };
    worker.onmessage = onMessage;
    worker.onerror = (event) => {
      event.preventDefault?.();
      end(event.message);
    };
    // Not at once: who spawns has no handle yet.
    if (heard !== undefined) queueMicrotask(() => "data" in heard ? onMessage(heard) : end(heard.message));
    return {
      post: (message) => {
        if (ended) return;
        port1.postMessage(message);
        this.#libc.write(signal, this.#one.address, 8);
      },
    };
  }
}

function isDeath(data: unknown): data is ThreadDeath {
  return typeof data === "object" && data !== null && "died" in data;
}
