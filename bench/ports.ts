// Owns finding free ports and waiting until something answers on one.
import { closeDescriptor, connectLoopbackBlocking, FixedBuffer, listenLoopback, receive, send } from "./load/libc.ts";

const answer = new FixedBuffer(4096);

/** Finds a port that nothing listens on now. Nothing keeps it: another process may take it before its user does. */
export function findFreePort(): number {
  const { fd, port } = listenLoopback();
  closeDescriptor(fd);
  return port;
}

/** Waits until a connection is accepted. Throws at the time's end. */
export async function waitForPort(port: number, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const fd = connectLoopbackBlocking(port, 1_000);
    if (fd >= 0) return closeDescriptor(fd);
    if (performance.now() > deadlineMs) {
      throw new Error(`Cannot reach port ${port}: nothing listens after ${timeoutMs} ms`);
    }
    await Bun.sleep(5);
  }
}

/**
 * Asks a proxy for a page until it answers 200, and returns true then; false at the time's end or when `hasEnded`.
 * It yields to the event loop for `hasEnded` only every 50 ms and otherwise sleeps 0.5 ms between attempts, so the
 * moment of success is known to that.
 */
export async function waitForProxy(
  port: number,
  url: string,
  timeoutMs: number,
  hasEnded: () => boolean,
): Promise<boolean> {
  const host = new URL(url).host;
  const request = FixedBuffer.ofText(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const startMs = performance.now();
  let yieldedMs = startMs;
  while (performance.now() - startMs < timeoutMs && !hasEnded()) {
    const fd = connectLoopbackBlocking(port, 5_000);
    if (fd >= 0) {
      send(fd, request);
      const count = receive(fd, answer);
      closeDescriptor(fd);
      if (count >= 12 && new TextDecoder().decode(answer.bytes.subarray(9, 12)) === "200") return true;
    }
    Bun.sleepSync(0.5);
    if (performance.now() - yieldedMs > 50) {
      await Bun.sleep(0);
      yieldedMs = performance.now();
    }
  }
  return false;
}
