// Tests Upgrade (RFC 9110 §7.8): passed on with what belongs to it; a tunnel after a 101 that was asked for, and plain
// HTTP after anything else.
import { expect, test } from "bun:test";
import { expectRefusal } from "../support/expectations.ts";
import { listOf } from "../support/http_message.ts";
import type { Proxy } from "../support/launcher.ts";
import { connectRaw } from "../support/raw_client.ts";
import { OK_ANSWER, Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n";

function handshake(origin: Origin, ...fields: string[]): string {
  return [
    `GET http://${origin.authority}/chat HTTP/1.1`,
    "Host: h",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...fields,
    "",
    "",
  ].join("\r\n");
}

/** A connection that has switched. */
async function switched(proxy: Proxy): Promise<AsyncDisposable & { client: RawConnection; upstream: RawConnection }> {
  const origin = await Origin.start();
  const client = await connectRaw(proxy);
  await client.send(handshake(origin));
  const { upstream } = await origin.acceptRequest();
  await upstream.send(SWITCH);
  expect((await client.readResponse()).status).toBe(101);
  return {
    client,
    upstream,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

behaviour("Upgrade", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  test("the request's Upgrade and Connection reach the origin, the answer's reach the client, then octets pass both ways", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(handshake(origin));
    const { upstream, request } = await origin.acceptRequest();
    expect(request.startLine).toBe("GET /chat HTTP/1.1");
    expect(request.value("upgrade")).toBe("websocket");
    expect(listOf(request.values("connection")).map((option) => option.toLowerCase())).toContain("upgrade");
    expect(request.value("sec-websocket-key")).toBe("dGhlIHNhbXBsZSBub25jZQ==");
    await upstream.send(`${SWITCH}\x81\x02hi`);
    const response = await client.readResponse();
    expect([response.status, response.value("upgrade"), response.value("sec-websocket-accept")]).toEqual([
      101,
      "websocket",
      "abc",
    ]);
    expect(listOf(response.values("connection")).map((option) => option.toLowerCase())).toContain("upgrade");
    expect(await client.read(4)).toBe("\x81\x02hi");
    await client.send("\x81\x82\0\0\0\0yo");
    expect(await upstream.read(8)).toBe("\x81\x82\0\0\0\0yo");
    await upstream.send("GET / HTTP/1.1\r\n\r\n");
    expect(await client.read(18)).toBe("GET / HTTP/1.1\r\n\r\n");
  });

  test("octets sent behind the request before the 101 belong to the tunnel, once there is one", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`${handshake(origin)}early`);
    const { upstream } = await origin.acceptRequest();
    expect(upstream.unread).toBe("");
    await upstream.send(SWITCH);
    expect((await client.readResponse()).status).toBe(101);
    expect(await upstream.read(5)).toBe("early");
  });

  test("each direction ends by itself", async () => {
    await using one = await switched(proxy());
    one.client.finish();
    await one.upstream.ended();
    await one.upstream.send("late");
    expect(await one.client.read(4)).toBe("late");
    one.upstream.finish();
    expect((await one.client.readToEnd()).ending).toBe("fin");

    await using two = await switched(proxy());
    two.upstream.finish();
    await two.client.ended();
    await two.client.send("late");
    expect(await two.upstream.read(4)).toBe("late");
  });

  test("a reset is passed on as a reset", async () => {
    await using one = await switched(proxy());
    one.upstream.reset();
    expect(await one.client.ended()).toBe("reset");
    await using two = await switched(proxy());
    two.client.reset();
    expect(await two.upstream.ended()).toBe("reset");
  });

  test("P25 an answer other than 101 keeps the connection in HTTP: what is behind is a request", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(`${handshake(origin)}GET http://${origin.authority}/next HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect((await client.readResponse()).status).toBe(200);
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests.map((request) => request.target)).toEqual(["/chat", "/next"]);
  });

  test("P25 a 101 to a request whose Upgrade was not named in Connection is refused", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n`);
    const { upstream, request } = await origin.acceptRequest();
    expect(request.value("upgrade")).toBeUndefined();
    await upstream.send(SWITCH);
    expectRefusal(await client.readResponse(), { status: 502, error: "http_protocol_error" });
  });

  test("P25 Upgrade from HTTP/1.0 is ignored (RFC 9110 §7.8)", async () => {
    await using origin = await Origin.start({ answer: OK_ANSWER });
    await using client = await connectRaw(proxy());
    await client.send(handshake(origin).replace("HTTP/1.1", "HTTP/1.0"));
    expect((await client.readResponse()).status).toBe(200);
    expect(origin.requests[0]?.value("upgrade")).toBeUndefined();
  });
});
