// Tests CONNECT once it is allowed (RFC 9110 §9.3.6): the exact answer, octets both ways untouched, and how a tunnel ends.
import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "bun:test";
import { expectClosed, expectRefusal } from "../support/expectations.ts";
import { connectRaw, type Endpoint } from "../support/raw_client.ts";
import { Origin } from "../support/origin.ts";
import type { RawConnection } from "../support/raw_connection.ts";
import { behaviour, LOOPBACK_RULES, useProxy } from "../support/suite.ts";

const MIB = 1024 * 1024;

interface Tunnel extends AsyncDisposable {
  readonly client: RawConnection;
  readonly upstream: RawConnection;
}

async function openTunnel(proxy: Endpoint): Promise<Tunnel> {
  const origin = await Origin.start();
  const client = await connectRaw(proxy);
  await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`);
  const upstream = await origin.accept();
  expect((await client.readResponse("CONNECT")).status).toBe(200);
  return {
    client,
    upstream,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

behaviour("Tunnels", () => {
  const proxy = useProxy({ rules: LOOPBACK_RULES });

  test("the answer is a 200 without body or framing, and nothing is sent to the origin of itself", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(
      `CONNECT ${origin.authority} HTTP/1.1\r\nHost: ${origin.authority}\r\nUser-Agent: x\r\nProxy-Connection: keep-alive\r\n\r\n`,
    );
    const upstream = await origin.accept();
    const response = await client.readResponse("CONNECT");
    expect(response.startLine).toBe("HTTP/1.1 200 Connection established");
    for (const name of ["content-length", "transfer-encoding", "connection", "content-type"]) {
      expect(response.names).not.toContain(name);
    }
    await client.send("first");
    expect(await upstream.read(5)).toBe("first");
    expect(upstream.received).toBe("first");
    expect(client.unread).toBe("");
  });

  test("P24 octets behind the head belong to the tunnel, whatever they look like", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const early = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01\0`;
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n${early}`);
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    expect(await upstream.read(early.length)).toBe(early);
  });

  test("P24 a head octet by octet with early octets behind it", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.sendByteByByte(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nhello`);
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    expect(await upstream.read(5)).toBe("hello");
  });

  test("P24 1 MiB of early octets arrives whole", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    const early = randomBytes(MIB);
    void client.send(Buffer.concat([Buffer.from(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`), early]));
    const upstream = await origin.accept();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    expect((await upstream.readBytes(MIB)).equals(early)).toBe(true);
  });

  test("P24 early octets followed at once by FIN arrive, and the answer comes back", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\nquestion`);
    client.finish();
    const upstream = await origin.accept();
    expect(await upstream.readToEnd()).toEqual({ octets: "question", ending: "fin" });
    await upstream.send("answer");
    upstream.finish();
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    expect(await client.readToEnd()).toEqual({ octets: "answer", ending: "fin" });
  });

  test("an origin that speaks first is heard", async () => {
    await using origin = await Origin.start();
    await using client = await connectRaw(proxy());
    await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
    const upstream = await origin.accept();
    await upstream.send("220 ready\r\n");
    expect((await client.readResponse("CONNECT")).status).toBe(200);
    expect(await client.read(11)).toBe("220 ready\r\n");
  });

  test("A21 every octet value passes both ways untouched", async () => {
    await using tunnel = await openTunnel(proxy());
    const all = Uint8Array.from({ length: 256 * 16 }, (_, index) => index & 0xff);
    await tunnel.client.send(all);
    expect([...await tunnel.upstream.readBytes(all.length)]).toEqual([...all]);
    await tunnel.upstream.send(all);
    expect([...await tunnel.client.readBytes(all.length)]).toEqual([...all]);
  });

  test("R10 octet by octet in both directions at once", async () => {
    await using tunnel = await openTunnel(proxy());
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(5);
    await Promise.all([tunnel.client.sendByteByByte(text), tunnel.upstream.sendByteByByte(text)]);
    expect(await tunnel.upstream.read(text.length)).toBe(text);
    expect(await tunnel.client.read(text.length)).toBe(text);
  });

  test("R7 a client's FIN reaches the origin, whose answer still comes back", async () => {
    await using tunnel = await openTunnel(proxy());
    await tunnel.client.send("question");
    tunnel.client.finish();
    expect(await tunnel.upstream.readToEnd()).toEqual({ octets: "question", ending: "fin" });
    await tunnel.upstream.send("a long answer".repeat(10_000));
    expect(await tunnel.client.read(130_000)).toBe("a long answer".repeat(10_000));
    tunnel.upstream.finish();
    await expectClosed(tunnel.client);
  });

  test("R7 an origin's FIN reaches the client, which can still send", async () => {
    await using tunnel = await openTunnel(proxy());
    await tunnel.upstream.send("bye");
    tunnel.upstream.finish();
    expect(await tunnel.client.readToEnd()).toEqual({ octets: "bye", ending: "fin" });
    await tunnel.client.send("late but welcome");
    expect(await tunnel.upstream.read(16)).toBe("late but welcome");
    tunnel.client.finish();
    expect(await tunnel.upstream.readToEnd()).toEqual({ octets: "", ending: "fin" });
  });

  test("R7 FIN from both sides at once ends the tunnel cleanly", async () => {
    await using tunnel = await openTunnel(proxy());
    tunnel.client.finish();
    tunnel.upstream.finish();
    await expectClosed(tunnel.client);
    await expectClosed(tunnel.upstream);
  });

  for (const [from, to] of [["client", "upstream"], ["upstream", "client"]] as const) {
    test(`R8 a reset of the ${from} is a reset at the other side`, async () => {
      await using tunnel = await openTunnel(proxy());
      await tunnel[from].send("x");
      expect(await tunnel[to].read(1)).toBe("x");
      tunnel[from].reset();
      expect(await tunnel[to].ended()).toBe("reset");
    });

    test(`R8 a reset of the ${from} after the other side's FIN ends the tunnel`, async () => {
      await using tunnel = await openTunnel(proxy());
      tunnel[to].finish();
      expect(await tunnel[from].ended()).toBe("fin");
      tunnel[from].reset();
      // The other side has sent its FIN and reads on: what it sees now is the reset.
      await tunnel[to].ended();
    });

    test(`R2 64 MiB from the ${from} to a side that stalls wait with bounded memory, and arrive whole`, async () => {
      await using tunnel = await openTunnel(proxy());
      const total = 64 * MIB;
      const piece = randomBytes(MIB);
      const before = proxy().pid === undefined ? 0 : proxy().residentBytes();
      tunnel[to].pause();
      const hash = createHash("sha256");
      let taken = 0;
      const sending = (async () => {
        for (let sent = 0; sent < total; sent += piece.length) {
          if (!(await tunnel[from].send(piece))) return;
          taken += piece.length;
          hash.update(piece);
        }
        tunnel[from].finish();
      })();
      // Other tunnels go on meanwhile, and give this one the time to fill whatever it fills.
      for (let round = 0; round < 20; round++) {
        await using other = await openTunnel(proxy());
        await other.client.send("ping");
        expect(await other.upstream.read(4)).toBe("ping");
      }
      expect(taken).toBeLessThan(total / 2);
      if (proxy().pid !== undefined) expect(proxy().residentBytes() - before).toBeLessThan(32 * MIB);
      // The direction that does not stall is not held up.
      await tunnel[to].send("still here");
      expect(await tunnel[from].read(10)).toBe("still here");
      tunnel[to].resume();
      const got = createHash("sha256");
      for (let read = 0; read < total; read += MIB) got.update(await tunnel[to].readBytes(MIB));
      await sending;
      expect(got.digest("hex")).toBe(hash.digest("hex"));
      await expectClosed(tunnel[to]);
    });
  }

  test("an origin that refuses: 502, and the connection ends", async () => {
    const gone = await Origin.start();
    await gone[Symbol.asyncDispose]();
    await using client = await connectRaw(proxy());
    await client.send(
      `CONNECT ${gone.authority} HTTP/1.1\r\n\r\nGET http://${gone.authority}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
    );
    expectRefusal(await client.readResponse("CONNECT"), { status: 502, error: "connection_refused" });
    await expectClosed(client);
  });

  test("a client that resets while its tunnel is made takes nothing with it", async () => {
    await using origin = await Origin.start();
    for (let round = 0; round < 20; round++) {
      await using client = await connectRaw(proxy());
      await client.send(`CONNECT ${origin.authority} HTTP/1.1\r\n\r\n`);
      client.reset();
    }
    await using tunnel = await openTunnel(proxy());
    await tunnel.client.send("alive");
    expect(await tunnel.upstream.read(5)).toBe("alive");
    for (const connection of origin.connections) await connection.ended();
  });

  test("A20 100 tunnels at once, each with its own octets", async () => {
    const tunnels = await Promise.all(Array.from({ length: 100 }, () => openTunnel(proxy())));
    try {
      await Promise.all(tunnels.map((tunnel, index) => tunnel.client.send(`tunnel ${index}`)));
      const got = await Promise.all(tunnels.map((tunnel, index) => tunnel.upstream.read(`tunnel ${index}`.length)));
      expect(got).toEqual(tunnels.map((_, index) => `tunnel ${index}`));
    } finally {
      for (const tunnel of tunnels) await tunnel[Symbol.asyncDispose]();
    }
  });
});
