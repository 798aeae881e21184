// Owns the bulk generator: `connections` streams that carry as much as they can, down, up or both. An operation is a byte at this end.
import {
  discard,
  EAGAIN,
  EPOLL_ERROR,
  EPOLL_IN,
  EPOLL_OUT,
  errno,
  FixedBuffer,
  Poller,
  send,
  setNonBlocking,
} from "./libc.ts";
import { openStream } from "./tunnel.ts";
import { type LoadOrder, readOrder, Window } from "./window.ts";

const order = readOrder<LoadOrder & { readonly connections: number; readonly direction: "D" | "U" | "B" }>();
const poller = new Poller();
const sink = new FixedBuffer(1024 * 1024);
const source = new FixedBuffer(256 * 1024);
const interest = order.direction === "D" ? EPOLL_IN : order.direction === "U" ? EPOLL_OUT : EPOLL_IN | EPOLL_OUT;

for (let i = 0; i < order.connections; i++) {
  const fd = openStream(order);
  send(fd, FixedBuffer.ofText(order.direction));
  setNonBlocking(fd);
  poller.add(fd, interest);
}

const window = new Window(order);
const isEnded = (count: number) => count === 0 || (count < 0 && errno() !== EAGAIN);
for (;;) {
  const nowMs = performance.now();
  if (window.isOver(nowMs)) break;
  const ready = poller.wait(Math.min(100, window.leftMs(nowMs)));
  for (let i = 0; i < ready; i++) {
    const fd = poller.descriptor(i);
    const events = poller.events(i);
    if ((events & EPOLL_ERROR) !== 0) throw new Error("Cannot go on: a stream was reset");
    if ((events & EPOLL_IN) !== 0) {
      const count = discard(fd, sink);
      if (isEnded(count)) throw new Error("Cannot go on: a stream ended");
      if (count > 0) window.count(count);
    }
    if ((events & EPOLL_OUT) !== 0) {
      const count = send(fd, source);
      if (isEnded(count)) throw new Error("Cannot go on: a stream ended");
      if (count > 0) window.count(count);
    }
  }
}
window.report(false);
