// Tests every bound at its limit and one past it: sizes of heads, chunk extensions and trailers, connections.
import { expect, test } from "bun:test";
import { MAX_FIELDS } from "../../src/limits.ts";
import { within } from "../support/deadline.ts";
import { expectClosed, expectRefusal, expectUntouched } from "../support/expectations.ts";
import { startProxy } from "../support/launcher.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const KIB = 1024;

/** A GET whose request line has exactly this many octets without its CR LF. */
function withLine(origin: Origin, lineLength: number): string {
  const start = `GET http://${origin.authority}/`;
  const end = " HTTP/1.1";
  return `${start}${"a".repeat(lineLength - start.length - end.length)}${end}\r\nHost: h\r\n\r\n`;
}

/** A GET whose head has exactly this many octets, its empty line included. */
function withHead(origin: Origin, headLength: number): string {
  const start = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nX-A: `;
  return `${start}${"a".repeat(headLength - start.length - 4)}\r\n\r\n`;
}

/** A GET with exactly this many fields. */
function withFields(origin: Origin, count: number): string {
  return `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n${"X: 1\r\n".repeat(count - 1)}\r\n`;
}

/** A chunked POST with this behind its head. */
function chunked(origin: Origin, body: string): string {
  return `POST http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}

const TOO_LARGE = { status: 431, error: "http_request_error" };
const LINE_TOO_LONG = { status: 414, error: "http_request_error" };
const MALFORMED = { status: 400, error: "http_request_error" };

behaviour("Sizes", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  const accepted: readonly (readonly [name: string, send: (origin: Origin) => string])[] = [
    ["P19 a request line of 16 KiB", (origin) => withLine(origin, 16 * KIB)],
    ["P19 a head of 64 KiB", (origin) => withHead(origin, 64 * KIB)],
    [`P19 ${MAX_FIELDS} fields`, (origin) => withFields(origin, MAX_FIELDS)],
    [
      "P9 chunk extensions of 16 KiB in all",
      (origin) => chunked(origin, `1;${"a".repeat(16 * KIB - 8)}\r\nx\r\n0\r\n\r\n`),
    ],
    [
      "P11 trailers of nearly 8 KiB",
      (origin) => chunked(origin, `1\r\nx\r\n0\r\nX-T: ${"a".repeat(8 * KIB - 16)}\r\n\r\n`),
    ],
  ];
  for (const [name, send] of accepted) {
    test(`${name}: passed on`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(send(origin));
      expect((await client.readResponse()).status).toBe(200);
      expect(origin.requests.length).toBe(1);
    });
  }

  const beyond: readonly (readonly [name: string, send: (origin: Origin) => string, refusal: typeof TOO_LARGE])[] = [
    ["P19 a request line of 16 KiB and 1", (origin) => withLine(origin, 16 * KIB + 1), LINE_TOO_LONG],
    ["P19 a request line of 60 KiB", (origin) => withLine(origin, 60 * KIB), LINE_TOO_LONG],
    ["P19 a request line of 200 KiB", (origin) => withLine(origin, 200 * KIB), LINE_TOO_LONG],
    ["P19 a request line without end", () => `GET http://${"a".repeat(100 * KIB)}`, LINE_TOO_LONG],
    ["P19 a method without end", () => "A".repeat(100 * KIB), LINE_TOO_LONG],
    ["P19 a head of 64 KiB and 1", (origin) => withHead(origin, 64 * KIB + 1), TOO_LARGE],
    ["P19 a head of 200 KiB", (origin) => withHead(origin, 200 * KIB), TOO_LARGE],
    ["P19 a head of many short fields", (origin) => withFields(origin, 3000), TOO_LARGE],
    [`P19 ${MAX_FIELDS + 1} fields`, (origin) => withFields(origin, MAX_FIELDS + 1), TOO_LARGE],
    [
      "P19 a field name without end",
      (origin) => withHead(origin, 100).replace("X-A", "X".repeat(100 * KIB)),
      TOO_LARGE,
    ],
  ];
  for (const [name, send, refusal] of beyond) {
    test(`${name}: ${refusal.status}, closed, nothing passed on`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(send(origin));
      expectRefusal(await client.readResponse(), refusal);
      await expectClosed(client);
      await expectUntouched(proxy(), origin);
    });
  }

  for (
    const [name, body] of [
      ["P9 one chunk extension over 16 KiB", `1;${"a".repeat(16 * KIB)}\r\nx\r\n0\r\n\r\n`],
      ["P9 chunk extensions over 16 KiB in all", `${"1;aaaaaaaaaaaaaaa\r\nx\r\n".repeat(1100)}0\r\n\r\n`],
      ["P9 a chunk extension of 64 KiB", `1;${"a".repeat(64 * KIB)}\r\nx\r\n0\r\n\r\n`],
      ["P11 trailers over 8 KiB", `1\r\nx\r\n0\r\nX-T: ${"a".repeat(8 * KIB)}\r\n\r\n`],
      ["P11 trailers without end", `1\r\nx\r\n0\r\n${"X-T: 1\r\n".repeat(8 * KIB)}`],
    ] as const
  ) {
    test(`${name}: refused, closed, never a whole request`, async () => {
      await using origin = await Origin.start({ answer: OK_ANSWER });
      await using client = await connectRaw(proxy());
      await client.send(chunked(origin, body));
      const response = await client.readResponse();
      expect([400, 431]).toContain(response.status);
      expectRefusal(response, { ...MALFORMED, status: response.status });
      await expectClosed(client);
      for (const connection of origin.connections) await connection.ended();
      expect(origin.requests).toEqual([]);
    });
  }

  test("a response head of 64 KiB is passed on, one octet more is not", async () => {
    for (const [length, status] of [[64 * KIB, 200], [64 * KIB + 1, 502]] as const) {
      const start = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\nX-A: ";
      const answer = `${start}${"a".repeat(length - start.length - 4)}\r\n\r\nok`;
      await using origin = await Origin.start({ answer });
      await using client = await connectRaw(proxy());
      await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect((await client.readResponse()).status).toBe(status);
    }
  });
});

/** Asks again until a tunnel is made: the origin may hear of the end of one before its place is given back. */
async function untilServed(proxy: Endpoint, origin: Origin): Promise<void> {
  while (true) {
    await using client = await connectRaw(proxy);
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    const { status } = await client.readResponse("CONNECT");
    if (status === 200) return;
    expect(status).toBe(503);
  }
}

behaviour("Connections", () => {
  const LIMIT = 3;

  test("R3 R4 one connection past the limit is told so and closed; when one ends the next is served", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--max-connections", String(LIMIT)] });
    await using origin = await Origin.start();
    const open: RawConnection[] = [];
    for (let count = 0; count < LIMIT; count++) {
      const client = await connectRaw(proxy);
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      expect((await client.readResponse("CONNECT")).status).toBe(200);
      open.push(client);
    }
    await using refused = await connectRaw(proxy);
    await refused.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    const response = await refused.readResponse();
    expectRefusal(response, { status: 503, error: "connection_limit_reached" });
    expect(response.value("retry-after")).toMatch(/^[1-9][0-9]*$/);
    await expectClosed(refused);
    expect(origin.connections.length).toBe(LIMIT);
    const [first] = open;
    first?.reset();
    await origin.connections[0]?.ended();
    await within("a place for another connection", untilServed(proxy, origin));
    for (const client of open) await client[Symbol.asyncDispose]();
  });

  test("R3 a connection past the limit that sends nothing is told so too", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--max-connections", "1"] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using first = await connectRaw(proxy);
    await first.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await first.readResponse()).status).toBe(200);
    await using silent = await connectRaw(proxy);
    expectRefusal(await silent.readResponse(), { status: 503, error: "connection_limit_reached" });
    await expectClosed(silent);
    // The one that was there first is not touched.
    await first.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await first.readResponse()).status).toBe(200);
  });

  test("R3 two hundred connections past the limit at once are all told so and closed", async () => {
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args: ["--max-connections", "1"] });
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using first = await connectRaw(proxy);
    await first.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await first.readResponse()).status).toBe(200);
    const others = await Promise.all(Array.from({ length: 200 }, () => connectRaw(proxy)));
    for (const other of others) {
      const response = await other.readResponse();
      expectRefusal(response, { status: 503, error: "connection_limit_reached" });
      expect(response.value("retry-after")).toMatch(/^[1-9][0-9]*$/);
    }
    for (const other of others) await other[Symbol.asyncDispose]();
    await first.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await first.readResponse()).status).toBe(200);
  });

  test("a client past its own limit is told so and closed; another address is served, and itself when a place is free", async () => {
    const args = ["--max-connections-per-client", "2"];
    await using proxy = await startProxy({ rules: LOOPBACK_RULES, args, listen: ":0" });
    await using origin = await Origin.start();
    const open: RawConnection[] = [];
    for (let count = 0; count < 2; count++) {
      const client = await connectRaw(proxy);
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      expect((await client.readResponse("CONNECT")).status).toBe(200);
      open.push(client);
    }
    await using refused = await connectRaw(proxy);
    const response = await refused.readResponse();
    expectRefusal(response, { status: 503, error: "connection_limit_reached" });
    expect(response.value("retry-after")).toMatch(/^[1-9][0-9]*$/);
    expect(response.body).toBe("2 connections of 127.0.0.1 are open already\n");
    await expectClosed(refused);
    const entry = await proxy.waitForAccess("the refusal", ({ status }) => status === 503);
    expect([entry.decision, entry.error]).toEqual(["none", "connection_limit_reached"]);
    await using other = await connectRaw({ host: "::1", port: proxy.port });
    await other.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    expect((await other.readResponse("CONNECT")).status).toBe(200);
    open[0]?.reset();
    await origin.connections[0]?.ended();
    await within("a place for another connection", untilServed(proxy, origin));
    for (const client of open) await client[Symbol.asyncDispose]();
  });
});
