// Owns the contract cases of bytes on their way: order, back-pressure, pausing.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { ConnectionId } from "../../src/runtime/runtime.ts";
import {
  address,
  type EngineCase,
  engineCase,
  type EngineKit,
  octets,
  type Pair,
  pattern,
  patternFault,
  textOf,
} from "./engine_kit.ts";

const MIB = 1024 * 1024;
/** More than the kernel holds for a connection whose peer reads nothing. */
const MORE_THAN_KERNEL_TAKES = 24 * MIB;

/** The cases. */
export const streamCases: readonly EngineCase[] = [
  ...(["accept", "dial"] as const).map((way) =>
    engineCase(`bytes go both ways on a connection from ${way}()`, async (kit) => {
      const { engine } = kit;
      const { id, peer } = await kit[way]();
      peer.write("ping");
      await engine.take("data", id);
      strictEqual(textOf(engine.received(id)), "ping");
      strictEqual(engine.write(id, octets("pong")), true);
      await peer.untilReceived(4);
      strictEqual(textOf(peer.received), "pong");
    })
  ),

  engineCase("every octet comes as it was sent", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    peer.write(all);
    await engine.until("256 bytes", () => engine.receivedCount(id) === 256);
    deepStrictEqual(engine.received(id), all);
    engine.write(id, all);
    await peer.untilReceived(256);
    deepStrictEqual(peer.received, all);
  }),

  engineCase("a view into a larger buffer is sent, and no byte round it", async (kit) => {
    const { id, peer } = await kit.accept();
    kit.engine.write(id, octets("<<inside>>").subarray(2, 8));
    kit.engine.closeWrite(id);
    await peer.untilEnd();
    strictEqual(textOf(peer.received), "inside");
  }),

  engineCase("write() of nothing is nothing", async (kit) => {
    const { id, peer } = await kit.accept();
    strictEqual(kit.engine.write(id, new Uint8Array(0)), true);
    strictEqual(kit.engine.queuedBytes(id), 0);
    peer.end();
    await kit.engine.take("end", id);
  }),

  engineCase("50 MB pass through a relay to a slow reader: bounded queue, nothing lost", async (kit) => {
    const { engine } = kit;
    const source = await kit.accept();
    const sink = await kit.dial({ isPaused: true });
    const total = 50_000_000;
    let maxQueuedBytes = 0;
    engine.onEvent = (event, bytes) => {
      if (event.kind === "data" && event.id === source.id && bytes !== undefined) {
        if (!engine.write(sink.id, bytes)) engine.pause(source.id);
        maxQueuedBytes = Math.max(maxQueuedBytes, engine.queuedBytes(sink.id));
      }
      if (event.kind === "drain" && event.id === sink.id) engine.resume(source.id);
      if (event.kind === "end" && event.id === source.id) engine.closeWrite(sink.id);
    };
    for (let at = 0; at < total; at += MIB) source.peer.write(pattern(Math.min(MIB, total - at), at));
    source.peer.end();
    await engine.until("a full queue", () => engine.queuedBytes(sink.id) > 0);
    // A reader that stops after every mebibyte.
    let readBefore = 0;
    sink.peer.socket.on("data", () => {
      if (sink.peer.receivedCount - readBefore < MIB) return;
      readBefore = sink.peer.receivedCount;
      sink.peer.socket.pause();
      setImmediate(() => sink.peer.socket.resume());
    });
    sink.peer.socket.resume();
    await sink.peer.untilEnd();
    strictEqual(sink.peer.receivedCount, total);
    let at = 0;
    for (const part of sink.peer.parts) {
      strictEqual(patternFault(part, at), -1);
      at += part.length;
    }
    ok(engine.count("drain", sink.id) > 0);
    ok(maxQueuedBytes <= 2 * MIB, `${maxQueuedBytes} bytes were queued`);
  }),

  engineCase("write() copies what it queues, and keeps the order of a thousand small pieces", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    const buffer = new Uint8Array(64 * 1024);
    let written = await fill(kit, id, buffer);
    for (let piece = 0; piece < 1000; piece++) {
      const small = buffer.subarray(0, 1 + piece % 40);
      small.set(pattern(small.length, written));
      strictEqual(engine.write(id, small), false);
      written += small.length;
      buffer.fill(0);
    }
    peer.socket.resume();
    await engine.take("drain", id);
    await peer.untilReceived(written);
    strictEqual(patternFault(peer.received), -1);
    strictEqual(engine.queuedBytes(id), 0);
    strictEqual(engine.write(id, octets("x")), true);
  }),

  engineCase("onDrain comes wherever queuedBytes() says that something is queued", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    const piece = pattern(1000);
    for (let i = 0; i < 100; i++) {
      const before = engine.count("drain", id);
      engine.write(id, piece);
      if (engine.queuedBytes(id) > 0) await engine.until("drain", () => engine.count("drain", id) > before);
    }
    await peer.untilReceived(100 * piece.length);
  }),

  engineCase("onDrain comes once for many writes that returned false", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    await fill(kit, id, new Uint8Array(64 * 1024));
    const before = engine.count("drain", id);
    engine.write(id, octets("more"));
    engine.write(id, octets("and more"));
    peer.socket.resume();
    await engine.until("drain", () => engine.count("drain", id) > before);
    await kit.turns();
    strictEqual(engine.count("drain", id) - before, 1);
  }),

  ...(["accept", "dial", "dial, before onConnect"] as const).map((way) =>
    engineCase(
      `pause() leaves bytes in the kernel until the peer is stopped; resume() brings all (${way})`,
      async (kit) => {
        const { engine } = kit;
        const { id, peer } = way === "dial, before onConnect" ? await dialPaused(kit) : await kit[way]();
        engine.pause(id);
        for (let at = 0; at < MORE_THAN_KERNEL_TAKES; at += MIB) peer.write(pattern(MIB, at));
        await untilStill(kit, () => peer.socket.writableLength);
        strictEqual(engine.receivedCount(id), 0);
        ok(peer.socket.writableLength > 0, "the peer was not stopped");
        engine.resume(id);
        await engine.until("all bytes", () => engine.receivedCount(id) === MORE_THAN_KERNEL_TAKES);
        strictEqual(patternFault(engine.received(id)), -1);
      },
    )
  ),

  engineCase("pause() inside onData stops at once, time after time", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.onEvent = (event) => {
      if (event.kind === "data") engine.pause(id);
    };
    peer.end(pattern(3 * MIB));
    while (engine.count("end", id) === 0) {
      await kit.turns();
      engine.resume(id);
      await engine.until("more", () => engine.events.at(-1)?.kind === "data" || engine.count("end", id) > 0);
    }
    strictEqual(patternFault(engine.received(id)), -1);
    strictEqual(engine.receivedCount(id), 3 * MIB);
  }),

  engineCase("pause() holds onEnd back too", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.pause(id);
    peer.end("last words");
    await kit.turns();
    strictEqual(engine.count("end", id), 0);
    engine.resume(id);
    await engine.take("end", id);
    strictEqual(textOf(engine.received(id)), "last words");
  }),

  engineCase("pause() leaves writing alone, and both calls may be repeated", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.pause(id);
    engine.pause(id);
    engine.write(id, octets("out"));
    await peer.untilReceived(3);
    peer.write("in");
    engine.resume(id);
    engine.resume(id);
    await engine.take("data", id);
    strictEqual(textOf(engine.received(id)), "in");
  }),

  engineCase("pause() inside onAccept holds from the first byte", async (kit) => {
    const { engine } = kit;
    engine.onEvent = (event) => {
      if (event.kind === "accept") engine.pause(event.id);
    };
    const { id, peer } = await kit.accept();
    peer.write("early");
    await kit.turns();
    strictEqual(engine.receivedCount(id), 0);
    engine.resume(id);
    await engine.take("data", id);
  }),
];

/** A dial that was paused while it was under way. */
async function dialPaused(kit: EngineKit): Promise<Pair> {
  const server = await kit.server("127.0.0.1");
  const accepted = server.accepted();
  const id = kit.engine.connect(address("127.0.0.1"), server.port);
  kit.engine.pause(id);
  const [peer] = await Promise.all([accepted, kit.engine.take("connect", id)]);
  return { id, peer };
}

/** Resolves once the number no longer changes while the loop goes round. */
async function untilStill(kit: EngineKit, measure: () => number): Promise<void> {
  let before: number;
  do {
    before = measure();
    for (let round = 0; round < 10; round++) await kit.turns();
  } while (measure() !== before);
}

/** Writes the pattern until the kernel takes no more and some stays queued; resolves to how much was written. */
export async function fill(kit: EngineKit, id: ConnectionId, buffer: Uint8Array): Promise<number> {
  let written = 0;
  do {
    buffer.set(pattern(buffer.length, written));
    written += buffer.length;
    // An engine may hand bytes to the kernel later than at once.
    if (!kit.engine.write(id, buffer)) await kit.turns();
    if (written > MORE_THAN_KERNEL_TAKES) throw new Error("The kernel takes all of it");
  } while (kit.engine.queuedBytes(id) === 0);
  return written;
}
