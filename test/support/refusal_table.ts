// Owns the run of tables of refused requests: each is sent whole with another request behind it, and again octet by
// octet; the refusal is checked, the end of the connection, and that no origin saw any of it.
import { expect, test } from "bun:test";
import { expectClosed, expectRefusal, expectUntouched, type Refusal } from "./expectations.ts";
import type { Endpoint } from "./raw_client.ts";
import { connectRaw } from "./raw_client.ts";
import { OK_ANSWER, Origin } from "./origin.ts";

/** One refused request. In `send`, `{o}` is an origin's authority, `{h}` its host and `{p}` its port. */
export interface RefusedCase {
  readonly name: string;
  readonly send: string;
  readonly expect: Refusal;
  /** The fault is in the body, so the head may have gone out before it came; never a whole message, though. */
  readonly inBody?: boolean;
}

/** A request that must never be heard of: it is sent behind what is refused. */
const SMUGGLED = "GET http://{o}/smuggled HTTP/1.1\r\nHost: {o}\r\n\r\n";

/** Puts an origin's authority, host and port into a text. */
export function fill(text: string, origin: Origin): string {
  return text.replaceAll("{o}", origin.authority).replaceAll("{h}", origin.address).replaceAll(
    "{p}",
    String(origin.port),
  );
}

/** Makes a malformed request's expectation: 400 unless told otherwise. */
export function malformed(says?: RegExp, status: number = 400): Refusal {
  return { status, error: "http_request_error", ...(says === undefined ? {} : { says }) };
}

/** Defines two tests for each case. */
export function testRefused(proxy: () => Endpoint, cases: readonly RefusedCase[]): void {
  for (const refused of cases) {
    test(`${refused.name}: ${refused.expect.status}, closed, nothing passed on`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(fill(refused.send + SMUGGLED, origin));
      expectRefusal(await client.readResponse(), refused.expect);
      await expectClosed(client);
      await expectNothingWhole(proxy(), origin, refused);
    });
    test(`${refused.name}, octet by octet: the same`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.sendByteByByte(fill(refused.send, origin));
      expectRefusal(await client.readResponse(), refused.expect);
      await expectClosed(client);
      await expectNothingWhole(proxy(), origin, refused);
    });
  }
}

async function expectNothingWhole(proxy: Endpoint, origin: Origin, refused: RefusedCase): Promise<void> {
  if (refused.inBody !== true) return await expectUntouched(proxy, origin);
  for (const connection of origin.connections) await connection.ended();
  expect(origin.requests).toEqual([]);
}
