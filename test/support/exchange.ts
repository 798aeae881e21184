// Owns one plain exchange on connections of its own, its request at the origin and its answer still to come.
import type { Endpoint } from "./raw_client.ts";
import { connectRaw } from "./raw_client.ts";
import { Origin } from "./origin.ts";
import type { RawConnection } from "./raw_connection.ts";

/** The Date of every answer in these tests, so that the proxy has none to add. */
export const DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT";

/** One exchange on fresh connections, driven step by step. */
export class Exchange implements AsyncDisposable {
  readonly origin: Origin;
  readonly client: RawConnection;
  readonly upstream: RawConnection;

  constructor(origin: Origin, client: RawConnection, upstream: RawConnection) {
    this.origin = origin;
    this.client = client;
    this.upstream = upstream;
  }

  /** Sends a request and waits until the origin has it. */
  static async begin(
    proxy: Endpoint,
    method: string = "GET",
    version: string = "HTTP/1.1",
    fields: readonly string[] = [],
  ) {
    const origin = await Origin.start();
    const client = await connectRaw(proxy);
    await client.send([`${method} http://${origin.authority}/ ${version}`, "Host: h", ...fields, "", ""].join("\r\n"));
    const { upstream } = await origin.acceptRequest();
    return new Exchange(origin, client, upstream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.origin[Symbol.asyncDispose]();
  }
}

/** A response head of these lines. */
export function head(...lines: string[]): string {
  return [...lines, "", ""].join("\r\n");
}
