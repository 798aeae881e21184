// Owns the benchmark's origin: one process, one loop, three ports (echo, bulk, bodies). Prints its ports as JSON, then serves until killed.
import {
  accept,
  closeDescriptor,
  discard,
  EPOLL_IN,
  EPOLL_OUT,
  FixedBuffer,
  listenLoopback,
  Poller,
  receive,
  send,
} from "./libc.ts";

const ECHO = 1;
const BULK = 2;
const BODIES = 3;
const BULK_CHUNK_BYTES = 256 * 1024;
const MAX_DESCRIPTORS = 1 << 20;

const poller = new Poller();
const kind = new Uint8Array(MAX_DESCRIPTORS);
const awaitsOrder = new Uint8Array(MAX_DESCRIPTORS);
const downloads = new Float64Array(MAX_DESCRIPTORS);
const small = new FixedBuffer(4096);
const large = new FixedBuffer(1024 * 1024);
const chunk = new FixedBuffer(BULK_CHUNK_BYTES);
const decoder = new TextDecoder();

/** An upload that is being read: by length, the bytes still to come; chunked, how much of the final CR LF CR LF has been seen. */
interface Upload {
  readonly chunked: boolean;
  leftBytes: number;
  matched: number;
}
const uploads = new Map<number, Upload>();
/** What has come of a head that came in pieces; tinyproxy sends it so. */
const partialHeads = new Map<number, Uint8Array>();

const listeners = new Map<number, number>();
const ports: Record<string, number> = {};
for (const [name, of] of [["echo", ECHO], ["bulk", BULK], ["bodies", BODIES]] as const) {
  const { fd, port } = listenLoopback();
  listeners.set(fd, of);
  ports[name] = port;
  poller.add(fd, EPOLL_IN);
}
console.log(JSON.stringify(ports));

function close(fd: number): void {
  kind[fd] = 0;
  uploads.delete(fd);
  partialHeads.delete(fd);
  closeDescriptor(fd);
}

function acceptAll(listener: number, of: number): void {
  for (let fd = accept(listener); fd >= 0; fd = accept(listener)) {
    kind[fd] = of;
    awaitsOrder[fd] = of === BULK ? 1 : 0;
    downloads[fd] = 0;
    poller.add(fd, EPOLL_IN);
  }
}

function echo(fd: number): void {
  const count = receive(fd, small);
  if (count <= 0 || send(fd, small, count) !== count) close(fd);
}

/** A bulk client's first byte says what it wants: D to be sent to, U to send, B both. */
function bulk(fd: number, events: number): void {
  if (awaitsOrder[fd] === 1) {
    if (receive(fd, small, 1) !== 1) return close(fd);
    awaitsOrder[fd] = 0;
    const order = String.fromCharCode(small.bytes[0] ?? 0);
    if (order !== "U") poller.modify(fd, order === "B" ? EPOLL_IN | EPOLL_OUT : EPOLL_OUT);
    return;
  }
  if ((events & EPOLL_IN) !== 0 && discard(fd, large) === 0) return close(fd);
  if ((events & EPOLL_OUT) !== 0 && send(fd, chunk) === 0) return close(fd);
  if ((events & ~(EPOLL_IN | EPOLL_OUT)) !== 0) close(fd);
}

const OK_EMPTY = FixedBuffer.ofText("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

/** GET /N is answered with N bytes; POST is read to its end, then answered. Requests are not pipelined here. */
function bodies(fd: number, events: number): void {
  const left = downloads[fd] ?? 0;
  if (left > 0) {
    if ((events & EPOLL_OUT) === 0) return events & ~EPOLL_IN ? close(fd) : undefined;
    const count = send(fd, chunk, Math.min(left, chunk.bytes.length));
    if (count < 0) return close(fd);
    downloads[fd] = left - count;
    if (left === count) poller.modify(fd, EPOLL_IN);
    return;
  }
  const before = partialHeads.get(fd);
  const received = receive(fd, large, large.bytes.length - (before?.length ?? 0));
  if (received <= 0) return close(fd);
  const upload = uploads.get(fd);
  if (upload !== undefined) return readUpload(fd, upload, 0, received);
  const count = received + (before?.length ?? 0);
  if (before !== undefined) {
    large.bytes.copyWithin(before.length, 0, received);
    large.bytes.set(before);
    partialHeads.delete(fd);
  }
  const headLength = indexOfBody(count);
  if (headLength < 0) {
    partialHeads.set(fd, large.bytes.slice(0, count));
    return;
  }
  const head = decoder.decode(large.bytes.subarray(0, headLength)).toLowerCase();
  if (head.startsWith("get /")) {
    const lengthBytes = Number.parseInt(head.slice(5)) || 64;
    send(fd, FixedBuffer.ofText(`HTTP/1.1 200 OK\r\nContent-Length: ${lengthBytes}\r\n\r\n`));
    downloads[fd] = lengthBytes;
    poller.modify(fd, EPOLL_OUT);
    return;
  }
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  readUpload(fd, { chunked: length === undefined, leftBytes: Number(length ?? 0), matched: 0 }, headLength, count);
}

function readUpload(fd: number, upload: Upload, from: number, to: number): void {
  upload.leftBytes -= to - from;
  // The bodies are all "x", so an empty line can only be the end.
  if (to - from >= 4) upload.matched = 0;
  for (let i = Math.max(from, to - 4); i < to; i++) {
    const wanted = upload.matched % 2 === 0 ? 13 : 10;
    upload.matched = large.bytes[i] === wanted ? upload.matched + 1 : large.bytes[i] === 13 ? 1 : 0;
  }
  if (upload.chunked ? upload.matched < 4 : upload.leftBytes > 0) {
    uploads.set(fd, upload);
    return;
  }
  uploads.delete(fd);
  send(fd, OK_EMPTY);
}

function indexOfBody(count: number): number {
  for (let i = 3; i < count; i++) {
    if (large.bytes[i] === 10 && large.bytes[i - 1] === 13 && large.bytes[i - 2] === 10 && large.bytes[i - 3] === 13) {
      return i + 1;
    }
  }
  return -1;
}

for (;;) {
  const count = poller.wait(60_000);
  for (let i = 0; i < count; i++) {
    const fd = poller.descriptor(i);
    const listener = listeners.get(fd);
    if (listener !== undefined) acceptAll(fd, listener);
    else if (kind[fd] === ECHO) echo(fd);
    else if (kind[fd] === BULK) bulk(fd, poller.events(i));
    else if (kind[fd] === BODIES) bodies(fd, poller.events(i));
  }
}
