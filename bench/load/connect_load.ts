// Owns the set-up generator: new connection, CONNECT, 200, one byte there and back, close; `connections` of them at a time, each begun when one ends.
import {
  closeDescriptor,
  connectLoopback,
  EPOLL_EDGE,
  EPOLL_ERROR,
  EPOLL_IN,
  EPOLL_OUT,
  FixedBuffer,
  Poller,
  receive,
  send,
} from "./libc.ts";
import { formatConnectHead } from "./tunnel.ts";
import { type LoadOrder, readOrder, Window } from "./window.ts";

const order = readOrder<LoadOrder & { readonly connections: number }>();
const CONNECTING = 1;
const HEAD = 2;
const ECHO = 3;
const STUCK_MS = 10_000;

const poller = new Poller();
const state = new Uint8Array(65_536);
const begunMs = new Float64Array(65_536);
const matched = new Uint8Array(65_536);
const head = order.connectTo === undefined ? undefined : FixedBuffer.ofText(formatConnectHead(order.connectTo));
const oneByte = FixedBuffer.ofText("x");
const answer = new FixedBuffer(4096);
const window = new Window(order);

function begin(): void {
  const nowMs = performance.now();
  const fd = connectLoopback(order.port);
  state[fd] = CONNECTING;
  begunMs[fd] = nowMs;
  matched[fd] = 0;
  poller.add(fd, EPOLL_IN | EPOLL_OUT | EPOLL_EDGE);
}

function finish(fd: number, failure: string | undefined): void {
  state[fd] = 0;
  closeDescriptor(fd);
  if (failure === undefined) {
    window.count(1);
    if (window.isOpen) window.latencies.add((performance.now() - (begunMs[fd] ?? 0)) * 1000);
  } else {
    window.fail(failure);
  }
  begin();
}

function sendByte(fd: number): void {
  state[fd] = ECHO;
  send(fd, oneByte);
}

function step(fd: number, events: number): void {
  if (state[fd] === CONNECTING) {
    if ((events & EPOLL_ERROR) !== 0) return finish(fd, "connection refused");
    if ((events & EPOLL_OUT) === 0) return;
    if (head === undefined) return sendByte(fd);
    state[fd] = HEAD;
    send(fd, head);
    return;
  }
  if ((events & EPOLL_IN) === 0) return;
  const count = receive(fd, answer);
  if (count < 0) return; // EAGAIN: an edge for writing alone
  if (count === 0) return finish(fd, "closed early");
  if (state[fd] === ECHO) return finish(fd, undefined);
  if (matched[fd] === 0 && count >= 12 && answer.bytes[9] !== 50) {
    return finish(fd, new TextDecoder().decode(answer.bytes.subarray(0, Math.min(count, 60))));
  }
  let seen = matched[fd] ?? 0;
  for (let i = 0; i < count && seen < 4; i++) {
    seen = answer.bytes[i] === (seen % 2 === 0 ? 13 : 10) ? seen + 1 : answer.bytes[i] === 13 ? 1 : 0;
  }
  matched[fd] = seen;
  if (seen === 4) sendByte(fd);
}

for (let i = 0; i < order.connections; i++) begin();
let lastMs = performance.now();
for (;;) {
  const nowMs = performance.now();
  if (window.isOver(nowMs)) break;
  const count = poller.wait(Math.min(100, window.leftMs(nowMs)));
  if (count > 0) lastMs = nowMs;
  else if (nowMs - lastMs > STUCK_MS) throw new Error("Cannot go on: nothing has happened for 10 s");
  for (let i = 0; i < count; i++) {
    const fd = poller.descriptor(i);
    if (state[fd] !== 0) step(fd, poller.events(i));
  }
}
window.report(true);
