// An origin in a process of its own, so that it can be stopped like one: answers plain requests as their path asks, faults
// included, and echoes what comes at its other port. Prints its two ports; ends with its standard input.
//
// Paths: /MODE/STREAM/SIZE. A request's body is checked to be the stream's before it is answered.
import { createServer, type Server, type Socket } from "node:net";
import { findForeignOctet, patternOf } from "./pattern.ts";

const CHUNK = 16 * 1024;

interface Asked {
  readonly mode: string;
  readonly stream: number;
  readonly size: number;
}

/** Serves one connection, a request at a time. */
async function serve(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  socket.setNoDelay(true);
  const input = new Input(socket);
  for (;;) {
    const head = await input.head();
    if (head === undefined) return;
    const asked = readPath(head);
    const wrong = await input.body(head, asked);
    if (wrong !== undefined) {
      await send(socket, `HTTP/1.1 500 Wrong Body\r\nContent-Length: ${wrong.length}\r\n\r\n${wrong}`);
      continue;
    }
    if (!await answer(socket, asked)) return;
  }
}

function readPath(head: string): Asked {
  const [, mode = "", stream = "", size = ""] = /^[A-Z]+ \/([a-z]+)\/([0-9]+)\/([0-9]+) /.exec(head) ?? [];
  return { mode, stream: Number(stream), size: Number(size) };
}

/** Answers; false where the connection is over with it. */
async function answer(socket: Socket, { mode, stream, size }: Asked): Promise<boolean> {
  const head = (framing: string) => `HTTP/1.1 200 OK\r\nX-Stream: ${stream}\r\n${framing}\r\n`;
  switch (mode) {
    case "length":
      await send(socket, head(`Content-Length: ${size}\r\n`));
      return await sendBody(socket, stream, size, (part) => part);
    case "chunked":
      await send(socket, head("Transfer-Encoding: chunked\r\n"));
      return await sendBody(socket, stream, size, chunkOf) && await send(socket, "0\r\n\r\n");
    case "close":
      await send(socket, head("Connection: close\r\n"));
      await sendBody(socket, stream, size, (part) => part);
      socket.end();
      return false;
    case "trickle":
      await send(socket, head(`Content-Length: ${size}\r\n`));
      for (let at = 0; at < 5; at++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const from = Math.floor(size * at / 5);
        const to = Math.floor(size * (at + 1) / 5);
        if (!await sendBody(socket, stream, to - from, (part) => part, from)) return false;
      }
      return true;
    case "cut":
      await send(socket, head(`Content-Length: ${size}\r\n`));
      await sendBody(socket, stream, Math.floor(size / 2), (part) => part);
      socket.end();
      return false;
    case "cutchunk":
      await send(socket, head("Transfer-Encoding: chunked\r\n"));
      await sendBody(socket, stream, Math.floor(size / 2), chunkOf);
      socket.end();
      return false;
    case "reset":
      await send(socket, head(`Content-Length: ${size}\r\n`));
      await sendBody(socket, stream, Math.floor(size / 2), (part) => part);
      socket.resetAndDestroy();
      return false;
    case "vanish":
      socket.resetAndDestroy();
      return false;
    case "malformed":
      await send(socket, "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n");
      socket.end();
      return false;
    default:
      return true; // "mute": never answered
  }
}

function chunkOf(part: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
}

async function sendBody(
  socket: Socket,
  stream: number,
  size: number,
  frame: (part: Uint8Array) => Uint8Array,
  from = 0,
): Promise<boolean> {
  for (let at = 0; at < size;) {
    const part = patternOf(stream, from + at, Math.min(CHUNK, size - at));
    if (!await send(socket, frame(part))) return false;
    at += part.length;
  }
  return true;
}

function send(socket: Socket, data: string | Uint8Array): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const gone = () => resolve(false);
    socket.once("close", gone);
    socket.write(data, (error) => {
      socket.off("close", gone);
      resolve(error === undefined || error === null);
    });
  });
}

/** What came and was not taken yet. */
class Input {
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    socket.on("data", (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes]);
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
  }

  async head(): Promise<string | undefined> {
    for (;;) {
      const end = this.#held.indexOf("\r\n\r\n");
      if (end >= 0) return this.#take(end + 4).toString("latin1");
      if (!await this.#more()) return undefined;
    }
  }

  /** Takes the body that the head announces; says what is wrong with it, if anything is. */
  async body(head: string, { stream }: Asked): Promise<string | undefined> {
    const length = /\r\nContent-Length: *([0-9]+)\r\n/i.exec(head)?.[1];
    if (length !== undefined) return await this.#check(stream, 0, Number(length));
    if (!/\r\nTransfer-Encoding: *chunked\r\n/i.test(head)) return undefined;
    for (let at = 0;;) {
      const line = await this.#line();
      const size = Number.parseInt(line, 16);
      if (!(size >= 0)) return `bad chunk size ${line}`;
      const wrong = await this.#check(stream, at, size);
      if (wrong !== undefined) return wrong;
      at += size;
      if (await this.#line() !== "") return "no line end behind a chunk";
      if (size === 0) return undefined;
    }
  }

  async #check(stream: number, from: number, size: number): Promise<string | undefined> {
    for (let at = 0; at < size;) {
      if (this.#held.length === 0 && !await this.#more()) return "the body ended early";
      const part = this.#take(Math.min(this.#held.length, size - at));
      const foreign = findForeignOctet(stream, from + at, part);
      if (foreign !== undefined) return `octet ${foreign} is not that of stream ${stream}`;
      at += part.length;
    }
    return undefined;
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf("\r\n");
      if (end >= 0) return this.#take(end + 2).toString("latin1", 0, end);
      if (!await this.#more()) return "the end";
    }
  }

  #take(length: number): Buffer {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const before = this.#held.length;
    await new Promise<void>((resolve) => this.#wake = resolve);
    this.#wake = undefined;
    return this.#held.length > before || !this.#ended;
  }
}

function echo(socket: Socket): void {
  socket.on("error", () => {});
  socket.pipe(socket);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    })
  );
}

const http = await listen(createServer({ allowHalfOpen: true }, (socket) => void serve(socket)));
const tunnel = await listen(createServer({ allowHalfOpen: true }, echo));
console.log(`${http} ${tunnel}`);
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
