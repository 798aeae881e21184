// Owns the ping-pong generator: 64 bytes there and back on each of `connections` streams, one message under way on each.
import { EPOLL_IN, FixedBuffer, Poller, receive, send, setNonBlocking } from "./libc.ts";
import { openStream } from "./tunnel.ts";
import { type LoadOrder, readOrder, Window } from "./window.ts";

const MESSAGE_BYTES = 64;
const order = readOrder<LoadOrder & { readonly connections: number }>();
const poller = new Poller();
const message = new FixedBuffer(MESSAGE_BYTES);
const answer = new FixedBuffer(4096);
const sentMs = new Float64Array(65_536);
const received = new Uint16Array(65_536);
const streams: number[] = [];

for (let i = 0; i < order.connections; i++) {
  const fd = openStream(order);
  setNonBlocking(fd);
  poller.add(fd, EPOLL_IN);
  streams.push(fd);
}
const window = new Window(order);

function ping(fd: number): void {
  sentMs[fd] = performance.now();
  received[fd] = 0;
  send(fd, message);
}

for (const fd of streams) ping(fd);
for (;;) {
  const nowMs = performance.now();
  if (window.isOver(nowMs)) break;
  const ready = poller.wait(Math.min(100, window.leftMs(nowMs)));
  for (let i = 0; i < ready; i++) {
    const fd = poller.descriptor(i);
    const count = receive(fd, answer);
    if (count <= 0) throw new Error("Cannot go on: a stream ended");
    received[fd] = (received[fd] ?? 0) + count;
    if (received[fd] !== MESSAGE_BYTES) continue;
    window.count(1);
    if (window.isOpen) window.latencies.add((performance.now() - (sentMs[fd] ?? 0)) * 1000);
    ping(fd);
  }
}
window.report(true);
