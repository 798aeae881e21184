// Owns asking a proxy for one target and telling from its answer what it decided and which address was reached.
import { connect, type Socket } from "node:net";
import type { Case, Outcome } from "./world_protocol.ts";

/** The header in which every origin of the world says on which address it was reached. */
export const REACHED_FIELD = "X-Reached";

const LIMIT_MS = 8_000;

/** Sends one request on a connection of its own and tells what became of it. Never rejects. */
export async function ask(proxyPort: number, { method, target }: Case): Promise<Outcome> {
  const place = target.replaceAll("SELF", String(proxyPort));
  const exchange = new Exchange(proxyPort);
  try {
    exchange.send(`${method} ${place} HTTP/1.1\r\nHost: ${hostOf(place)}\r\nConnection: close\r\n\r\n`);
    const head = await exchange.readHead();
    const reached = reachedBy(head);
    if (reached !== undefined) return `reached ${reached}`;
    const status = statusOf(head);
    if (status === 403 && /^(X-Squid-Error: ERR_ACCESS_DENIED|Proxy-Status: .*http_request_denied)/im.test(head)) {
      return "denied";
    }
    if (method !== "CONNECT" || status !== 200) return `failed ${status}`;
    exchange.send("GET / HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n");
    const inner = reachedBy(await exchange.readHead());
    return inner === undefined ? "tunnelled" : `reached ${inner}`;
  } finally {
    exchange.close();
  }
}

/** The Host field that a client would send; HTTP/1.1 asks for one whatever the target is. */
function hostOf(target: string): string {
  return /^[a-z]+:\/\/(?:[^@/]*@)?([^/?#\\]*)/i.exec(target)?.[1] ?? target;
}

function statusOf(head: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
}

function reachedBy(head: string): string | undefined {
  return new RegExp(`^${REACHED_FIELD}: (.*)$`, "m").exec(head)?.[1]?.trim();
}

/** One connection that heads are read from; at its end or at the time limit a head is what has come. */
class Exchange {
  readonly #socket: Socket;
  #text = "";
  #isOver = false;
  #wake = () => {};

  constructor(port: number) {
    this.#socket = connect({ host: "127.0.0.1", port });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text) => {
      this.#text += text;
      this.#wake();
    });
    for (const event of ["end", "error", "close", "timeout"]) {
      this.#socket.on(event, () => {
        this.#isOver = true;
        this.#wake();
      });
    }
    this.#socket.setTimeout(LIMIT_MS);
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  async readHead(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      if (end >= 0 || this.#isOver) {
        const head = this.#text.slice(0, end < 0 ? undefined : end + 2).replaceAll("\r\n", "\n");
        this.#text = end < 0 ? "" : this.#text.slice(end + 4);
        return head;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
