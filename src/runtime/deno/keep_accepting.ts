// Owns that a listener goes on when descriptors ran out. Knows no connection.
//
// In Deno 2.9 a listener of node:net or node:http that meets EMFILE at accept() tells nobody and never accepts again, not
// even when descriptors are free (contract case "when descriptors run out"). Its handle's own listen() arms it again, and
// does nothing to one that is armed.
import type { Server } from "node:net";
import { clearInterval, setInterval } from "node:timers";

const WATCH_MS = 1_000;

/** What is asked of listen(2); the kernel cuts it to net.core.somaxconn. */
export const BACKLOG = 65535;

/** Arms a listener. The handle is no part of node's documented interface; where it is another, nothing is done. */
export function armAgain(server: Server): void {
  const { _handle: handle } = server as unknown as { readonly _handle?: { listen?(backlog: number): number } | null };
  handle?.listen?.(BACKLOG);
}

/** Arms a listener now and then, until what is returned is called. */
export function keepAccepting(server: Server): () => void {
  const timer = setInterval(armAgain, WATCH_MS, server).unref();
  return () => clearInterval(timer);
}
