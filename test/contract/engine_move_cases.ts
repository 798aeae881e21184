// Owns the contract cases of octets that an engine moves between two connections by itself: so many and no more. For the
// engines that have it.
import { ok, strictEqual } from "node:assert";
import type { ConnectionId } from "../../src/runtime/runtime.ts";
import {
  type EngineCase,
  engineCase,
  type EngineKit,
  eventually,
  octets,
  pattern,
  patternFault,
  textOf,
} from "./engine_kit.ts";
import type { RawPeer } from "./raw_peer.ts";
import { fill } from "./engine_stream_cases.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than the kernel holds between two ends. */
const FLOOD_BYTES = 24 * MIB;
/** What an engine may hold of a move for a connection that takes nothing. */
const MOST_HELD_BYTES = MIB;

/** Two connections with a peer each. */
interface Ends {
  readonly from: ConnectionId;
  readonly to: ConnectionId;
  readonly source: RawPeer;
  readonly sink: RawPeer;
}

/** The cases. */
export const moveCases: readonly EngineCase[] = [
  ...[1, 1000, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 200_000, 5 * MIB].map((count) =>
    engineCase(`move() hands on ${count} octets and not one more; what follows is read as ever`, async (kit) => {
      const { engine } = kit;
      const { from, to, source, sink } = await ends(kit);
      engine.move(from, to, count);
      source.write(pattern(count));
      source.write("next");
      strictEqual((await engine.take("moved", from)).movedBytes, count);
      await engine.until("what follows", () => engine.receivedCount(from) === 4);
      strictEqual(textOf(engine.received(from)), "next");
      await sink.untilReceived(count);
      strictEqual(sink.receivedCount, count);
      strictEqual(patternFault(sink.received), -1);
      strictEqual(engine.joinedBytes(from), count);
      engine.write(to, octets("after"));
      await sink.untilReceived(count + 5);
    })
  ),

  engineCase("move() goes on behind what is queued, and no drain is told before its end", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit, true);
    const queued = await fill(kit, to, new Uint8Array(64 * KIB));
    engine.move(from, to, 3 * MIB);
    source.write(pattern(3 * MIB, queued));
    sink.socket.resume();
    strictEqual((await engine.take("moved", from)).movedBytes, 3 * MIB);
    await sink.untilReceived(queued + 3 * MIB);
    strictEqual(patternFault(sink.received), -1);
  }),

  engineCase("move() holds little for a connection that takes nothing, and stops the sender", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit, true);
    engine.move(from, to, FLOOD_BYTES);
    for (let at = 0; at < FLOOD_BYTES; at += MIB) source.write(pattern(MIB, at));
    await settled(kit, from);
    ok(source.socket.writableLength > 0, "the sender was not stopped");
    ok(engine.queuedBytes(to) > 0, "nothing is said to wait");
    ok(engine.queuedBytes(to) <= MOST_HELD_BYTES, `${engine.queuedBytes(to)} octets are held`);
    sink.socket.resume();
    await engine.take("moved", from);
    await sink.untilReceived(FLOOD_BYTES);
    strictEqual(patternFault(sink.received), -1);
    strictEqual(engine.queuedBytes(to), 0);
  }),

  ...[["all that was asked for", 300_000], ["everything", Infinity]].map(([what, count]) =>
    engineCase(`move() of ${what} ends at the sender's FIN, which is told behind it`, async (kit) => {
      const { engine } = kit;
      const { from, to, source, sink } = await ends(kit);
      engine.move(from, to, Number(count));
      source.end(pattern(200_000));
      strictEqual((await engine.take("moved", from)).movedBytes, 200_000);
      await engine.take("end", from);
      await sink.untilReceived(200_000);
      strictEqual(sink.hasEnded, false);
      engine.closeWrite(to);
      await sink.untilEnd();
    })
  ),

  engineCase("move() both ways at once", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit);
    engine.move(from, to, 4 * MIB);
    engine.move(to, from, 3 * MIB);
    source.write(pattern(4 * MIB));
    sink.write(pattern(3 * MIB, 5));
    strictEqual((await engine.take("moved", from)).movedBytes, 4 * MIB);
    strictEqual((await engine.take("moved", to)).movedBytes, 3 * MIB);
    await Promise.all([sink.untilReceived(4 * MIB), source.untilReceived(3 * MIB)]);
    strictEqual(patternFault(sink.received), -1);
    strictEqual(patternFault(source.received, 5), -1);
  }),

  engineCase("move() leaves the other direction to the core", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit);
    engine.move(from, to, 10 * MIB);
    source.write(pattern(MIB));
    await sink.untilReceived(MIB);
    sink.write("early");
    await engine.take("data", to);
    strictEqual(textOf(engine.received(to)), "early");
    engine.write(from, octets("answer"));
    await source.untilReceived(6);
    sink.end();
    await engine.take("end", to);
    source.write(pattern(9 * MIB, MIB));
    strictEqual((await engine.take("moved", from)).movedBytes, 10 * MIB);
  }),

  engineCase("pause() of the source holds a move, and resume() goes on with it", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit);
    engine.move(from, to, FLOOD_BYTES);
    engine.pause(from);
    for (let at = 0; at < FLOOD_BYTES; at += MIB) source.write(pattern(MIB, at));
    await kit.turns();
    strictEqual(sink.receivedCount, 0);
    engine.resume(from);
    await engine.take("moved", from);
    await sink.untilReceived(FLOOD_BYTES);
    strictEqual(patternFault(sink.received), -1);
  }),

  engineCase("a source that resets ends a move as broken; what it had sent goes on", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit);
    engine.move(from, to, FLOOD_BYTES);
    source.write(pattern(2 * MIB));
    await sink.untilReceived(2 * MIB);
    source.reset();
    strictEqual((await engine.take("close", from)).isReset, true);
    strictEqual(engine.count("moved", from), 0);
    strictEqual(engine.joinedBytes(from), 2 * MIB);
    engine.write(to, octets("cut"));
    await sink.untilReceived(2 * MIB + 3);
  }),

  engineCase(
    "a source that resets while the sink takes nothing is heard of; what was read of it is not lost",
    async (kit) => {
      const { engine } = kit;
      const { from, to, source, sink } = await ends(kit, true);
      engine.move(from, to, FLOOD_BYTES);
      for (let at = 0; at < FLOOD_BYTES; at += MIB) source.write(pattern(MIB, at));
      await settled(kit, from);
      source.reset();
      await engine.take("close", from);
      const moved = engine.joinedBytes(from);
      ok(engine.queuedBytes(to) > 0);
      engine.close(to);
      sink.socket.resume();
      await sink.untilEnd();
      strictEqual(sink.receivedCount, moved);
      strictEqual(patternFault(sink.received), -1);
    },
  ),

  engineCase("a sink that resets ends a move without its end; the source is the core's again", async (kit) => {
    const { engine } = kit;
    const { from, to, source, sink } = await ends(kit);
    engine.move(from, to, FLOOD_BYTES);
    source.write(pattern(MIB));
    await sink.untilReceived(MIB);
    sink.reset();
    strictEqual((await engine.take("close", to)).isReset, true);
    strictEqual(engine.joinedBytes(from), MIB);
    source.write("again");
    await engine.take("data", from);
    strictEqual(engine.count("moved", from), 0);
  }),

  ...(["close", "reset"] as const).flatMap((how) => [
    engineCase(`${how}() of the sink ends a move; the source is the core's again`, async (kit) => {
      const { engine } = kit;
      const { from, to, source, sink } = await ends(kit, true);
      engine.move(from, to, FLOOD_BYTES);
      for (let at = 0; at < FLOOD_BYTES; at += MIB) source.write(pattern(MIB, at));
      await settled(kit, from);
      const moved = engine.joinedBytes(from);
      engine[how](to);
      await engine.until("the rest", () => engine.receivedCount(from) === FLOOD_BYTES - moved);
      strictEqual(patternFault(engine.received(from), moved), -1);
      sink.socket.resume();
      // What was read is whole behind a FIN; what the peer takes too late for that is reset, as all of it is by reset().
      await sink.until("an end", () => sink.isClosed || sink.hasEnded);
      if (sink.hasEnded) strictEqual(sink.receivedCount, moved);
      else ok(sink.receivedCount <= moved);
      ok(how === "close" || !sink.hasEnded);
    }),
    engineCase(`${how}() of the source ends a move; what was read of it goes to the sink`, async (kit) => {
      const { engine } = kit;
      const { from, to, source, sink } = await ends(kit, true);
      engine.move(from, to, FLOOD_BYTES);
      for (let at = 0; at < FLOOD_BYTES; at += MIB) source.write(pattern(MIB, at));
      await settled(kit, from);
      const moved = engine.joinedBytes(from);
      engine[how](from);
      strictEqual(engine.write(to, pattern(5, moved)), false);
      sink.socket.resume();
      await sink.untilReceived(moved + 5);
      strictEqual(patternFault(sink.received), -1);
      strictEqual(engine.count("moved", from), 0);
      await engine.take("drain", to);
    }),
  ]),

  engineCase("readableBytes() says how much waits unread", async (kit) => {
    const { engine } = kit;
    const { from, source } = await ends(kit);
    engine.pause(from);
    strictEqual(engine.readableBytes(from), 0);
    source.write("0123456789");
    await eventually("ten octets", () => engine.readableBytes(from) === 10);
    source.end();
    await kit.turns();
    strictEqual(engine.readableBytes(from), 10);
    engine.reset(from);
    strictEqual(engine.readableBytes(from), 0);
  }),
];

async function ends(kit: EngineKit, isSinkPaused = false): Promise<Ends> {
  const { id: from, peer: source } = await kit.accept();
  const { id: to, peer: sink } = await kit.dial({ isPaused: isSinkPaused });
  return { from, to, source, sink };
}

/** Resolves once no octet of a move is read any more. */
async function settled(kit: EngineKit, from: ConnectionId): Promise<void> {
  let before = -1;
  for (let same = 0; same < 3;) {
    await kit.turns();
    const now = kit.engine.joinedBytes(from);
    same = now === before ? same + 1 : 0;
    before = now;
  }
}
