// Owns both ends of the self-test's traffic, an origin and its clients, on one engine. Knows neither rules nor the proxy.
import { LOOPBACK_IPV4 } from "../address/special_range.ts";
import type { ConnectionId, CreateEngine, Engine, EngineHandler } from "../runtime/runtime.ts";

/** What the origin answers to a plain request. */
export const ORIGIN_ANSWER = "self-test origin";

const RESPONSE = `HTTP/1.1 200 OK\r\nContent-Length: ${ORIGIN_ANSWER.length}\r\n\r\n${ORIGIN_ANSWER}`;

interface Client {
  readonly parts: Uint8Array[];
  receivedBytes: number;
  /** Looks at all that came whenever something has. */
  check: () => void;
  fail: (error: Error) => void;
}

/** An origin that answers GET and sends everything else back, and clients that ask through a proxy. */
export class SelfTestPeers implements EngineHandler {
  readonly #engine: Engine;
  readonly #clients = new Map<ConnectionId, Client>();
  /** Sources to let go on when a connection's queue has drained. */
  readonly #accepted = new Set<ConnectionId>();

  constructor(createEngine: CreateEngine) {
    this.#engine = createEngine(this);
  }

  /** Starts the origin on a free port, which it resolves to. */
  async listen(): Promise<number> {
    return (await this.#engine.listen(LOOPBACK_IPV4, 0)).port;
  }

  /**
   * Connects to a port, sends `head` and, once an answer's head has come, `body`; resolves to all that came as soon as
   * `isWhole` says so. Rejects where the connection ends before.
   */
  async ask(
    port: number,
    head: string,
    body: Uint8Array | undefined,
    isWhole: (received: Uint8Array) => boolean,
  ): Promise<Uint8Array> {
    const id = this.#engine.connect(LOOPBACK_IPV4, port);
    const outcome = Promise.withResolvers<Uint8Array>();
    let unsent = body;
    const client: Client = {
      parts: [],
      receivedBytes: 0,
      check: () => {
        if (unsent !== undefined && findHeadEnd(join(client)) >= 0) {
          this.#engine.write(id, unsent);
          unsent = undefined;
        }
        if (client.receivedBytes >= (body?.length ?? 0)) {
          const received = join(client);
          if (isWhole(received)) outcome.resolve(received);
        }
      },
      fail: outcome.reject,
    };
    this.#clients.set(id, client);
    this.#engine.write(id, new TextEncoder().encode(head));
    try {
      return await outcome.promise;
    } finally {
      if (this.#clients.delete(id)) this.#engine.close(id);
    }
  }

  /** Ends everything. */
  close(): void {
    this.#engine.stopListening();
    for (const id of [...this.#clients.keys(), ...this.#accepted]) this.#engine.close(id);
    this.#clients.clear();
    this.#accepted.clear();
  }

  onAccept(id: ConnectionId): void {
    this.#accepted.add(id);
  }

  onConnect(): void {}

  onConnectFail(id: ConnectionId, failure: string): void {
    this.#end(id, `could not be opened: ${failure}`);
  }

  onData(id: ConnectionId, bytes: Uint8Array): void {
    const client = this.#clients.get(id);
    if (client !== undefined) {
      client.parts.push(bytes.slice());
      client.receivedBytes += bytes.length;
      client.check();
    } else if (new TextDecoder().decode(bytes.subarray(0, 4)) === "GET ") {
      this.#engine.write(id, new TextEncoder().encode(RESPONSE));
    } else if (!this.#engine.write(id, bytes)) {
      this.#engine.pause(id);
    }
  }

  onEnd(id: ConnectionId): void {
    this.#end(id, "was ended by the proxy");
    if (this.#accepted.has(id)) this.#engine.closeWrite(id);
  }

  onDrain(id: ConnectionId): void {
    if (this.#accepted.has(id)) this.#engine.resume(id);
  }

  onClose(id: ConnectionId): void {
    this.#accepted.delete(id);
    this.#end(id, "was closed by the proxy");
    this.#clients.delete(id);
  }

  onWake(): void {}

  onAcceptLimit(): void {}

  #end(id: ConnectionId, why: string): void {
    this.#clients.get(id)?.fail(new Error(`a connection ${why}`));
  }
}

/** Where a head ends in what came, or -1. */
export function findHeadEnd(bytes: Uint8Array): number {
  const at = new TextDecoder("latin1").decode(bytes.subarray(0, 4096)).indexOf("\r\n\r\n");
  return at < 0 ? -1 : at + 4;
}

function join({ parts, receivedBytes }: Client): Uint8Array {
  const bytes = new Uint8Array(receivedBytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  parts.splice(0, parts.length, bytes);
  return bytes;
}
