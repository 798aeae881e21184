// Owns a thread of the data plane from within: takes the greeting, runs the loop, and leaves nothing open when it dies.
import type { Ffi } from "../ffi.ts";
import { builtin } from "../node/builtin.ts";
import { systemClock } from "../node/clock.ts";
import { localAddresses } from "../node/interfaces.ts";
import type { ThreadSide } from "../runtime.ts";
import { PosixEngine } from "./engine.ts";
import { type Libc, openLibc } from "./libc.ts";
import { THREAD_RESTS, THREAD_UP, type ThreadDeath, type ThreadGreeting } from "./threads.ts";

/** The program of a thread. */
export interface ThreadMain {
  /** Starts listening; the loop begins when it has resolved. */
  listen(): Promise<void>;
  onMessage(message: unknown): void;
}

/** The worker's own scope, as far as it is used. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ThreadGreeting>) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;

/** Waits for the greeting and then runs `makeMain`'s program for the rest of the thread's life, blocking it. */
export function runThread(ffi: Ffi, makeMain: (side: ThreadSide, start: unknown) => ThreadMain): void {
  const libc = openLibc(ffi);
  scope.onmessage = ({ data }) => {
    scope.onmessage = null;
    void run(ffi, libc, data, makeMain).catch((error: unknown) => {
      const death: ThreadDeath = { died: error instanceof Error ? error.stack ?? error.message : String(error) };
      scope.postMessage(death);
    });
  };
  scope.postMessage(THREAD_UP);
}

/** Takes the next message, if there is one, without going back to an event loop. Both runtimes take the web's port for node's own. */
function receiveMessage(port: MessagePort): { readonly message: unknown } | undefined {
  const { receiveMessageOnPort } = builtin("node:worker_threads");
  return receiveMessageOnPort(port as unknown as Parameters<typeof receiveMessageOnPort>[0]);
}

/** Collects garbage where the runtime has a way to be asked (Bun has). */
function collectGarbage(): void {
  (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
}

async function run(
  ffi: Ffi,
  libc: Libc | undefined,
  { port, signal, epollEventBytes, start }: ThreadGreeting,
  makeMain: (side: ThreadSide, start: unknown) => ThreadMain,
): Promise<void> {
  if (libc === undefined) throw new Error("libc cannot be called from a thread");
  const engines: PosixEngine[] = [];
  const side: ThreadSide = {
    createEngine: (handler, joinsPort) => {
      const engine = new PosixEngine(handler, {
        ffi,
        libc,
        clock: systemClock,
        joinsPort,
        epollEventBytes,
        onRest: () => {
          collectGarbage();
          scope.postMessage(THREAD_RESTS);
        },
      });
      engines.push(engine);
      return engine;
    },
    clock: systemClock,
    localAddresses,
    post: (message) => scope.postMessage(message),
  };
  const main = makeMain(side, start);
  await main.listen();
  const [engine] = engines;
  if (engine === undefined) throw new Error("the thread's program made no engine");
  engine.watchSignal(signal, () => {
    for (let next = receiveMessage(port); next !== undefined; next = receiveMessage(port)) main.onMessage(next.message);
  });
  try {
    engine.run();
  } finally {
    engine.destroy();
  }
}
