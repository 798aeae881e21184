// Owns what every answer of the proxy's own must look like, to the octet where that is fixed, and what must not happen
// beside it: a connection kept that was to end, a second answer, an octet at an origin.
import { expect } from "bun:test";
import { connectRaw, type Endpoint } from "./raw_client.ts";
import type { HttpResponse } from "./http_message.ts";
import { OK_ANSWER, Origin } from "./origin.ts";
import type { RawConnection } from "./raw_connection.ts";

/** What is asked of a refusal. */
export interface Refusal {
  readonly status: number;
  /** The error code in Proxy-Status (RFC 9209). */
  readonly error: string;
  /** What the body's one line must say. */
  readonly says?: RegExp;
}

// An sf-list of one member (RFC 9209 §2): token, then parameters; sf-strings hold printable ASCII with \ before " and \.
const PROXY_STATUS = /^egress-http-proxy; error=([a-z_]+); details="((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;

/** Checks the form of an answer that the proxy itself made, and that it is this one. */
export function expectRefusal(response: HttpResponse, refusal: Refusal): void {
  const said = `${response.startLine} | ${response.value("proxy-status")} | ${response.body}`;
  const match = PROXY_STATUS.exec(response.value("proxy-status") ?? "");
  expect([response.status, match?.[1], said]).toEqual([refusal.status, refusal.error, said]);
  expect(response.version).toBe("HTTP/1.1");
  expect(response.reason).not.toBe("");
  expect(response.complete).toBe(true);
  expect(response.value("transfer-encoding")).toBeUndefined();
  expect(response.value("content-type")).toMatch(/^text\/plain(?:; ?charset=[a-zA-Z0-9-]+)?$/);
  if (response.framing !== "none") {
    expect(response.value("content-length")).toBe(String(response.body.length));
    expect(response.body).toMatch(/^[\x20-\x7e]+\n?$/);
    if (refusal.says !== undefined) expect(response.body).toMatch(refusal.says);
  } else {
    expect(Number(response.value("content-length"))).toBeGreaterThan(0);
  }
}

/** Checks that nothing more comes but a clean end. */
export async function expectClosed(client: RawConnection): Promise<void> {
  expect(await client.readToEnd()).toEqual({ octets: "", ending: "fin" });
}

/** Checks that what the answer says of the connection's future is true: it ends, or another request is served on it. */
export async function expectTruthfulPersistence(client: RawConnection, response: HttpResponse): Promise<void> {
  if (response.closes) return await expectClosed(client);
  await using origin = await Origin.start({ answer: OK_ANSWER });
  await client.send(`GET http://${origin.authority}/again HTTP/1.1\r\nHost: h\r\n\r\n`);
  const again = await client.readResponse();
  expect([again.status, again.body]).toEqual([200, "ok"]);
}

/**
 * Asks for one path of an origin through the proxy on a connection of its own. What a former connection set off has
 * then had its time, and the proxy is shown to be well.
 */
export async function probe(proxy: Endpoint, origin: Origin): Promise<void> {
  await using client = await connectRaw(proxy);
  await client.send(
    `GET http://${origin.authority}/probe HTTP/1.1\r\nHost: ${origin.authority}\r\nConnection: close\r\n\r\n`,
  );
  const response = await client.readResponse();
  expect([response.startLine, response.body]).toEqual(["HTTP/1.1 200 OK", "ok"]);
}

/** Checks that an answering origin was never spoken to, before the probe that this sends. */
export async function expectUntouched(proxy: Endpoint, origin: Origin): Promise<void> {
  const before = origin.received;
  const connections = origin.connections.length;
  await probe(proxy, origin);
  expect({ before, connections, after: origin.connections.length }).toEqual({ before: "", connections: 0, after: 1 });
  expect(origin.requests.map((request) => request.target)).toEqual(["/probe"]);
}
