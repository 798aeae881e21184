// Tests two connections joined by the engine itself: octets, ends and resets, with nothing left open behind them.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { IpAddress } from "../../src/address/ip_address.ts";
import type { ConnectionId, Engine, EngineHandler } from "../../src/runtime/runtime.ts";
import { createPolledPosixEngine } from "../contract/polled_posix_engine.ts";

const LOOPBACK = IpAddress.parse("127.0.0.1") as IpAddress;
const BULK = new Uint8Array(48 * 1024 * 1024).map((_, index) => index * 31 + (index >> 13));

interface End {
  readonly one: ConnectionId;
  readonly other: ConnectionId;
  readonly broken: ConnectionId | undefined;
}

/** A client and an upstream, joined. */
async function join() {
  const ended = Promise.withResolvers<End>();
  const joined = Promise.withResolvers<[ConnectionId, ConnectionId]>();
  const held = { engine: undefined as Engine | undefined, client: -1 };
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.resolve(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const handler: EngineHandler = {
    onAccept(id) {
      held.client = id;
      held.engine?.pause(id);
      held.engine?.connect(LOOPBACK, port);
    },
    onConnect(id) {
      held.engine?.write(id, new TextEncoder().encode("first"));
      held.engine?.join?.(held.client, id);
      joined.resolve([held.client, id]);
    },
    onConnectFail: () => joined.reject(new Error("not connected")),
    onData: () => ended.reject(new Error("octets of a join came to the core")),
    onEnd: () => ended.reject(new Error("an end of a join came to the core")),
    onDrain: () => {},
    onClose: () => ended.reject(new Error("a close of a join came to the core")),
    onWake: () => {},
    onAcceptLimit: () => {},
    onJoinEnd: (one, other, broken) => ended.resolve({ one, other, broken }),
  };
  const engine = createPolledPosixEngine(handler);
  held.engine = engine;
  const listener = await engine.listen(LOOPBACK, 0);
  const client = connect({ host: "127.0.0.1", port: listener.port, allowHalfOpen: true }).on("error", () => {});
  const ids = await joined.promise;
  const upstream = await accepted.promise;
  return { engine, client, upstream, ids, ended: ended.promise, server };
}

function digest(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  socket.on("data", (bytes) => hash.update(bytes));
  return new Promise((resolve) => socket.on("end", () => resolve(hash.digest("hex"))));
}

function close({ engine, client, upstream, server }: Awaited<ReturnType<typeof join>>): void {
  engine.stopListening();
  client.destroy();
  upstream.destroy();
  server.close();
}

test("join() moves both ways at once, queued octets first, ends passed on by direction, all counted", async () => {
  const world = await join();
  const { engine, client, upstream, ids, ended } = world;
  const [down, up] = [digest(client), digest(upstream)];
  upstream.end(BULK);
  client.end(BULK);
  const bulk = createHash("sha256").update(BULK).digest("hex");
  expect(await down).toBe(bulk);
  expect(await up).toBe(createHash("sha256").update("first").update(BULK).digest("hex"));
  expect((await ended).broken).toBeUndefined();
  expect(ids.map((id) => engine.joinedBytes?.(id))).toEqual([BULK.length, BULK.length]);
  close(world);
}, 30_000);

test("join() keeps one direction going when the other has ended", async () => {
  const world = await join();
  const { client, upstream, ended } = world;
  const up = digest(upstream);
  client.end("question");
  expect(await up).toBe(createHash("sha256").update("firstquestion").digest("hex"));
  const down = digest(client);
  upstream.end("answer");
  expect(await down).toBe(createHash("sha256").update("answer").digest("hex"));
  expect((await ended).broken).toBeUndefined();
  close(world);
});

for (const side of ["client", "upstream"] as const) {
  test(`join() passes a reset by the ${side} on in the middle of a stream, and leaves no descriptor`, async () => {
    const before = readdirSync("/proc/self/fd").length;
    const world = await join();
    const { client, upstream, ids, ended } = world;
    const [breaker, victim] = side === "client" ? [client, upstream] : [upstream, client];
    const failed = new Promise<string | undefined>((resolve) =>
      victim.on("error", (error: Error & { readonly code?: string }) => resolve(error.code))
    );
    let seen = 0;
    const some = new Promise<void>((resolve) =>
      breaker.on("data", (bytes: Uint8Array) => {
        seen += bytes.length;
        if (seen > 1024 * 1024) resolve();
      })
    );
    victim.write(BULK);
    await some;
    breaker.resetAndDestroy();
    expect((await ended).broken).toBe(ids[side === "client" ? 0 : 1]);
    expect(await failed).toMatch(/^(?:ECONNRESET|EPIPE)$/);
    close(world);
    // What is left is the engine's own: its epoll instance, and pipes that wait to be lent again.
    const after = () => readdirSync("/proc/self/fd").length;
    const untilMs = performance.now() + 10_000;
    while (after() > before + 5 && performance.now() < untilMs) await new Promise((resolve) => setImmediate(resolve));
    expect(after()).toBeLessThanOrEqual(before + 5);
  }, 30_000);
}
