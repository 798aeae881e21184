// Owns how a generator gets a byte stream to an origin: through a proxy by CONNECT, or straight. Measures nothing.
import { closeDescriptor, connectLoopbackBlocking, FixedBuffer, receive, send } from "./libc.ts";

const OPEN_TIMEOUT_MS = 5_000;
const buffer = new FixedBuffer(4096);

/** Where a generator's connections go. */
export interface Route {
  /** The port on 127.0.0.1 that is connected to. */
  readonly port: number;
  /** What CONNECT names, such as "127.0.0.1:9000"; absent where the port is the origin's own or leads there by itself. */
  readonly connectTo?: string;
}

/** The request head that asks a proxy for a tunnel. */
export function formatConnectHead(target: string): string {
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nUser-Agent: bench\r\n\r\n`;
}

/** Opens one stream and returns its blocking descriptor. Throws where it is refused or not answered in 5 s. */
export function openStream(route: Route): number {
  const fd = connectLoopbackBlocking(route.port, OPEN_TIMEOUT_MS);
  if (fd < 0) throw new Error(`Cannot connect to port ${route.port}`);
  if (route.connectTo === undefined) return fd;
  send(fd, FixedBuffer.ofText(formatConnectHead(route.connectTo)));
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    // One byte less than asked for would be an origin's; origins here speak second, so nothing follows the head.
    const count = receive(fd, buffer);
    if (count <= 0) {
      closeDescriptor(fd);
      throw new Error(`Cannot open a tunnel: the proxy answered ${JSON.stringify(head.slice(0, 80))} and then nothing`);
    }
    head += new TextDecoder().decode(buffer.bytes.subarray(0, count));
  }
  if (!/^HTTP\/1\.[01] 200 /.test(head)) {
    closeDescriptor(fd);
    throw new Error(`Cannot open a tunnel: the proxy answered ${JSON.stringify(head.slice(0, 80))}`);
  }
  return fd;
}
