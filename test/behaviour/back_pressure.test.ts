// Tests that what a client sends ahead of its turn waits outside: behind a request that has no answer yet, and behind a
// CONNECT that is not connected yet.
import { expect, test } from "bun:test";
import { startBlackhole } from "../support/blackhole.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const MIB = 1024 * 1024;
const TOTAL = 64 * MIB;

behaviour("Back-pressure", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  /** Sends without end until nothing more is taken; tells how much was while `others` went on. */
  async function pour(client: RawConnection, piece: string): Promise<{ taken: number; growth: number }> {
    const bytes = Buffer.from(piece.repeat(Math.ceil(MIB / piece.length)), "latin1");
    const before = proxy().pid === undefined ? 0 : proxy().residentBytes();
    let taken = 0;
    void (async () => {
      while (taken < TOTAL && await client.send(bytes)) taken += bytes.length;
    })();
    // Other clients are served meanwhile, which gives this one the time to fill whatever it fills.
    for (let round = 0; round < 30; round++) {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using other = await connectRaw(proxy());
      await other.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await other.readResponse()).status).toBe(200);
    }
    return { taken, growth: proxy().pid === undefined ? 0 : proxy().residentBytes() - before };
  }

  test("R2 64 MiB of requests behind one that has no answer yet wait outside", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    await origin.acceptRequest();
    const { taken, growth } = await pour(client, `GET http://${origin.authority}/next HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(taken).toBeLessThan(TOTAL / 2);
    expect(growth).toBeLessThan(32 * MIB);
    expect(origin.received).not.toContain("/next");
  });

  test("R2 64 MiB of body that its origin does not read wait outside", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${TOTAL}\r\n\r\n`);
    const upstream = await origin.accept();
    await upstream.readHead();
    upstream.pause();
    const { taken, growth } = await pour(client, "x");
    expect(taken).toBeLessThan(TOTAL / 2);
    expect(growth).toBeLessThan(32 * MIB);
    upstream.resume();
    await upstream.readBytes(TOTAL);
    await upstream.send(OK_ANSWER);
    expect((await client.readResponse()).status).toBe(200);
  });

  for (const method of ["GET", "CONNECT"]) {
    test(`R2 64 MiB that a client does not read wait outside, and reach it whole when it does: ${method}`, async () => {
      await using origin = await Origin.start();
      await using client = await connectRaw(proxy());
      const authority = origin.authority;
      const head = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" + `Content-Length: ${TOTAL}\r\n\r\n`;
      await client.send(
        method === "GET"
          ? `GET http://${authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`
          : `CONNECT ${authority} HTTP/1.1\r\n\r\n`,
      );
      const upstream = await origin.accept();
      if (method === "GET") await upstream.send(head);
      await client.readHead();
      client.pause();
      const { taken, growth } = await pour(upstream, "x");
      expect(taken).toBeLessThan(TOTAL / 2);
      expect(growth).toBeLessThan(32 * MIB);
      client.resume();
      await client.readBytes(TOTAL);
    });
  }

  test("P24 64 MiB behind a CONNECT that is not connected yet wait outside", async () => {
    await using hole = await startBlackhole("127.0.0.1");
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT 127.0.0.1:${hole.port} HTTP/1.1\r\n\r\n`);
    const { taken, growth } = await pour(client, "x");
    expect(taken).toBeLessThan(TOTAL / 2);
    expect(growth).toBeLessThan(32 * MIB);
  });
});
