// Owns the threads of the data plane from the outside: a worker each, a port to it, and an eventfd that wakes its loop.
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { Ffi, NativeMemory } from "../ffi.ts";
import type { ThreadEvents, ThreadHandle, Threads } from "../runtime.ts";
import { EFD_FLAGS, type Libc, openLibc } from "./libc.ts";

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
  const libc = openLibc(ffi);
  if (libc === undefined) return { unavailable: "libc cannot be called from here" };
  const epoll = libc.epoll_create1(0);
  if (epoll < 0) return { unavailable: "epoll is refused" };
  libc.close(epoll);
  return new PosixThreads(ffi, libc, architecture === "x64" || architecture === "x86_64" ? 12 : 16, program);
}

class PosixThreads implements Threads {
  readonly #libc: Libc;
  readonly #epollEventBytes: 12 | 16;
  readonly #program: URL;
  readonly #one: NativeMemory;

  constructor(ffi: Ffi, libc: Libc, epollEventBytes: 12 | 16, program: URL) {
    this.#libc = libc;
    this.#epollEventBytes = epollEventBytes;
    this.#program = program;
    this.#one = ffi.allocate(8);
    this.#one.bytes[0] = 1;
  }

  spawn(start: unknown, events: ThreadEvents): ThreadHandle {
    const signal = this.#libc.eventfd(0, EFD_FLAGS);
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(this.#program.href, { type: "module" });
    let ended = false;
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      port1.close();
      worker.terminate();
      events.onEnd(reason);
    };
    const greeting: ThreadGreeting = { port: port2, signal, epollEventBytes: this.#epollEventBytes, start };
    worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      // Both runtimes take node's port as a transferable, which the web's types do not know of.
      if (data === THREAD_UP) worker.postMessage(greeting, [port2 as unknown as ArrayBuffer]);
      else if (isDeath(data)) end(data.died);
      else if (!ended) events.onMessage(data);
    };
    worker.onerror = (event) => {
      event.preventDefault?.();
      end(event.message);
    };
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
