// Owns one TCP connection of a test, either side: exact octets out, exact octets in, and how the peer ended it. Text is
// one character per octet. Knows no HTTP but where a message ends.
import type { Socket } from "node:net";
import { Signal } from "./deadline.ts";
import { type HttpRequest, type HttpResponse, parseRequest, parseResponse } from "./http_message.ts";

/** How the peer's direction ended. */
export type Ending = "fin" | "reset";

/** The octets of a text of one character per octet. */
export function octetsOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** The octets of a text in UTF-8, as a text of one character per octet. */
export function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** A connection that keeps what it got until it is read. Resets what is still open when it is disposed of. */
export class RawConnection implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #changed = new Signal();
  #unread: Buffer[] = [];
  #unreadLength = 0;
  #ending: Ending | undefined;
  #gone = false;
  #localPort: number;
  /** Octets received so far, read or not. */
  receivedLength = 0;
  /** Octets received up to the first MiB, for messages and for what was said in all. */
  received = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#localPort = socket.localPort ?? 0;
    socket.setNoDelay(true);
    socket.once("connect", () => this.#localPort = socket.localPort ?? 0);
    socket.on("data", (bytes: Buffer) => {
      this.#unread.push(bytes);
      this.#unreadLength += bytes.length;
      this.receivedLength += bytes.length;
      if (this.received.length < 1 << 20) this.received += bytes.toString("latin1");
      this.#changed.notify();
    });
    socket.on("end", () => this.#end("fin"));
    // EPIPE is the answer to our own late write on a connection that the peer has reset.
    socket.on("error", () => this.#end("reset"));
    socket.on("close", (failed: boolean) => {
      this.#gone = true;
      this.#end(failed ? "reset" : "fin");
    });
  }

  /** The peer's end, once it came. A reset after a FIN is a reset. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Octets that came and were not read yet. */
  get unread(): string {
    return this.#join().toString("latin1");
  }

  /** Our side's port, for matching with logs; it stays known when the connection has ended. */
  get localPort(): number {
    return this.#localPort;
  }

  /** Sends; resolves when the kernel took it, or false where the connection is gone. */
  send(data: string | Uint8Array): Promise<boolean> {
    if (this.#gone || this.#socket.destroyed) return Promise.resolve(false);
    const bytes = typeof data === "string" ? octetsOf(data) : data;
    return new Promise((resolve) => {
      const gone = () => resolve(false);
      this.#socket.once("close", gone);
      this.#socket.write(bytes, (error) => {
        this.#socket.off("close", gone);
        resolve(error === undefined || error === null);
      });
    });
  }

  /** Sends octet by octet, each in a write of its own with a turn of the event loop between; stops where the peer ended. */
  async sendByteByByte(text: string): Promise<void> {
    for (const octet of octetsOf(text)) {
      if (this.#ending !== undefined || !(await this.send(Uint8Array.of(octet)))) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends FIN; what comes is still read. */
  finish(): void {
    this.#socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.#gone = true;
  }

  /** Stops taking octets from the kernel, so that the peer's window fills. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Waits for exactly `length` octets and takes them. */
  async read(length: number): Promise<string> {
    return (await this.readBytes(length)).toString("latin1");
  }

  /** The same as bytes. */
  async readBytes(length: number): Promise<Buffer> {
    await this.#changed.wait(
      `${length} octets`,
      () => {
        if (this.#unreadLength >= length) return true;
        if (this.#ending !== undefined) {
          throw new Error(
            `Wanted ${length} octets: the connection ended (${this.#ending}) after ${this.#unreadLength}: ${
              JSON.stringify(this.unread.slice(0, 500))
            }`,
          );
        }
        return undefined;
      },
      () => this.#seen(),
    );
    return this.#take(length);
  }

  /** Waits for the next message as a request. */
  readRequest(): Promise<HttpRequest> {
    return this.#readMessage("a request", parseRequest);
  }

  /** Waits for the next message as a response to `method`; a 1xx is a message of its own. Incomplete where the peer ended first. */
  readResponse(method: string = "GET"): Promise<HttpResponse> {
    return this.#readMessage("a response", (octets, ended) => parseResponse(octets, method, ended));
  }

  /** Waits until a response's head is there, and takes the head alone. */
  async readHead(): Promise<string> {
    const length = await this.#changed.wait(
      "a message head",
      () => {
        const end = this.unread.indexOf("\r\n\r\n");
        if (end < 0 && this.#ending !== undefined) throw new Error(`No head before the end: ${this.#seen()}`);
        return end < 0 ? undefined : end + 4;
      },
      () => this.#seen(),
    );
    return this.#take(length).toString("latin1");
  }

  /** Waits for the peer's end and takes what came before it. */
  async readToEnd(): Promise<{ octets: string; ending: Ending }> {
    const ending = await this.#changed.wait("the end of the connection", () => this.#ending, () => this.#seen());
    return { octets: this.#take(this.#unreadLength).toString("latin1"), ending };
  }

  /** Waits until the connection is wholly gone or reset, whatever came. */
  async ended(): Promise<Ending> {
    return await this.#changed.wait("the end of the connection", () => this.#ending, () => this.#seen());
  }

  /** Waits until at least `length` octets have come in all. */
  async hasReceived(length: number): Promise<void> {
    await this.#changed.wait(
      `${length} octets in all`,
      () => this.receivedLength >= length || undefined,
      () => this.#seen(),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#gone && !this.#socket.destroyed) this.#socket.resetAndDestroy();
    return Promise.resolve();
  }

  async #readMessage<T extends { raw: string }>(
    what: string,
    parse: (octets: string, ended: boolean) => T | undefined,
  ): Promise<T> {
    const message = await this.#changed.wait(what, () => {
      const parsed = parse(this.unread, this.#ending !== undefined);
      if (parsed === undefined && this.#ending !== undefined) {
        throw new Error(`Wanted ${what}: the connection ended (${this.#ending}) with ${this.#seen()}`);
      }
      return parsed;
    }, () => this.#seen());
    this.#take(message.raw.length);
    return message;
  }

  #end(ending: Ending): void {
    if (this.#ending !== "reset") this.#ending = this.#ending === "fin" && ending === "fin" ? "fin" : ending;
    this.#changed.notify();
  }

  #join(): Buffer {
    if (this.#unread.length > 1) this.#unread = [Buffer.concat(this.#unread)];
    return this.#unread[0] ?? Buffer.alloc(0);
  }

  #take(length: number): Buffer {
    const all = this.#join();
    this.#unread = length < all.length ? [all.subarray(length)] : [];
    this.#unreadLength = all.length - length;
    return all.subarray(0, length);
  }

  #seen(): string {
    const seen = this.#unreadLength > 2000 ? `${this.#unreadLength} octets` : JSON.stringify(this.unread);
    return this.#ending === undefined ? seen : `${seen}, then ${this.#ending}`;
  }
}
