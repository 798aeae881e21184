// Owns the contract cases of how connections end: FIN, RST, our own close, and what comes after.
import { ok, strictEqual } from "node:assert";
import { LINGER_MS } from "../../src/limits.ts";
import type { ConnectionId } from "../../src/runtime/runtime.ts";
import { type EngineCase, engineCase, type EngineKit, eventually, octets, openFiles } from "./engine_kit.ts";
import { address, pattern, patternFault, textOf } from "./engine_kit.ts";
import { fill } from "./engine_stream_cases.ts";

const MIB = 1024 * 1024;
const CYCLES = 1000;

/** The cases. */
export const endCases: readonly EngineCase[] = [
  ...(["accept", "dial"] as const).map((way) =>
    engineCase(`the peer's FIN is onEnd once, after all bytes; writing goes on (${way})`, async (kit) => {
      const { engine } = kit;
      const { id, peer } = await kit[way]();
      peer.write(pattern(MIB));
      peer.end();
      await engine.take("end", id);
      strictEqual(engine.receivedCount(id), MIB);
      await kit.turns();
      engine.write(id, octets("and yet"));
      await peer.untilReceived(7);
      engine.closeWrite(id);
      strictEqual((await engine.take("close", id)).isReset, false);
      await peer.untilEnd();
      strictEqual(engine.count("end", id), 1);
    })
  ),

  engineCase("FIN in one packet with the last bytes loses neither", async (kit) => {
    const { id, peer } = await kit.accept();
    peer.end("bye");
    await kit.engine.take("end", id);
    strictEqual(textOf(kit.engine.received(id)), "bye");
  }),

  ...(["accept", "dial"] as const).map((way) =>
    engineCase(`closeWrite() sends FIN; what the peer says then still comes (${way})`, async (kit) => {
      const { engine } = kit;
      const { id, peer } = await kit[way]();
      engine.write(id, octets("question"));
      engine.closeWrite(id);
      await peer.untilEnd();
      strictEqual(textOf(peer.received), "question");
      await kit.turns();
      peer.end("answer");
      strictEqual((await engine.take("close", id)).isReset, false);
      strictEqual(textOf(engine.received(id)), "answer");
      strictEqual(engine.count("end", id), 1);
    })
  ),

  engineCase("closeWrite() sends FIN behind all that is queued", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    const written = await fill(kit, id, new Uint8Array(64 * 1024));
    const before = engine.count("drain", id);
    engine.closeWrite(id);
    strictEqual(engine.write(id, octets("too late")), true);
    peer.socket.resume();
    await engine.until("drain", () => engine.count("drain", id) > before);
    await peer.untilEnd();
    strictEqual(peer.receivedCount, written);
    peer.end("thanks");
    await engine.take("end", id);
    strictEqual(textOf(engine.received(id)), "thanks");
  }),

  engineCase("write() and closeWrite() after closeWrite() do nothing", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.closeWrite(id);
    strictEqual(engine.write(id, octets("lost")), true);
    engine.closeWrite(id);
    await peer.untilEnd();
    strictEqual(peer.receivedCount, 0);
  }),

  engineCase("FIN of both sides at once is onEnd and onClose, once each", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    peer.end();
    engine.closeWrite(id);
    strictEqual((await engine.take("close", id)).isReset, false);
    await kit.turns();
    strictEqual(engine.count("end", id), 1);
    strictEqual(engine.count("close", id), 1);
  }),

  engineCase("while it is paused, FIN of both sides waits for resume()", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.pause(id);
    engine.closeWrite(id);
    peer.end("last");
    await peer.untilEnd();
    await kit.turns();
    strictEqual(engine.count("close", id), 0);
    engine.resume(id);
    strictEqual((await engine.take("close", id)).isReset, false);
    strictEqual(textOf(engine.received(id)), "last");
  }),

  engineCase("close() flushes what is queued, whatever the peer sends meanwhile", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    const written = await fill(kit, id, new Uint8Array(64 * 1024));
    engine.pause(id);
    peer.write("unread");
    engine.close(id);
    const seen = engine.events.length;
    peer.write("and dropped");
    peer.socket.resume();
    await peer.untilEnd();
    strictEqual(peer.receivedCount, written);
    strictEqual(patternFault(peer.received), -1);
    strictEqual(engine.events.length, seen);
  }),

  engineCase("close() after the kernel took all ends both directions", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.write(id, octets("done"));
    engine.close(id);
    await peer.untilEnd();
    strictEqual(textOf(peer.received), "done");
    peer.write("hello?");
    await eventually("the peer's write fails", () => {
      if (peer.errorCode === undefined) peer.write("hello?");
      return peer.errorCode !== undefined;
    });
    strictEqual(engine.receivedCount(id), 0);
  }),

  engineCase("close() lingers no longer than it may for a peer that does not read", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    await fill(kit, id, new Uint8Array(64 * 1024));
    const before = openFiles();
    const beganMs = performance.now();
    engine.close(id);
    await eventually("its descriptor is free", () => openFiles() < before);
    ok(performance.now() - beganMs >= LINGER_MS - 5, "it did not linger");
    peer.socket.resume();
    await peer.untilReset();
    strictEqual(peer.errorCode, "ECONNRESET");
  }),

  ...(["accept", "dial"] as const).map((way) =>
    engineCase(`reset() is RST to the peer (${way})`, async (kit) => {
      const { id, peer } = await kit[way]();
      kit.engine.reset(id);
      await peer.untilReset();
      strictEqual(peer.errorCode, "ECONNRESET");
      strictEqual(peer.hasEnded, false);
    })
  ),

  engineCase("reset() drops what is queued", async (kit) => {
    const { id, peer } = await kit.accept({ isPaused: true });
    const written = await fill(kit, id, new Uint8Array(64 * 1024));
    kit.engine.reset(id);
    peer.socket.resume();
    await peer.untilReset();
    strictEqual(peer.errorCode, "ECONNRESET");
    ok(peer.receivedCount < written);
  }),

  engineCase("reset() after closeWrite() is RST all the same", async (kit) => {
    const { id, peer } = await kit.accept();
    kit.engine.closeWrite(id);
    await peer.untilEnd();
    kit.engine.reset(id);
    peer.write("x");
    await peer.untilReset();
  }),

  ...(["accept", "dial"] as const).map((way) =>
    engineCase(`the peer's RST is onClose with reset, without onEnd (${way})`, async (kit) => {
      const { id, peer } = await kit[way]();
      peer.reset();
      strictEqual((await kit.engine.take("close", id)).isReset, true);
      strictEqual(kit.engine.count("end", id), 0);
    })
  ),

  engineCase("the peer's RST in the middle of our queue is onClose with reset", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept({ isPaused: true });
    await fill(kit, id, new Uint8Array(64 * 1024));
    const before = engine.count("drain", id);
    peer.reset();
    strictEqual((await engine.take("close", id)).isReset, true);
    strictEqual(engine.queuedBytes(id), 0);
    strictEqual(engine.count("drain", id), before);
  }),

  engineCase("the peer's RST that a write meets first is onClose with reset, without onEnd", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    peer.reset();
    engine.write(id, octets("into the void"));
    engine.write(id, octets("and again"));
    engine.closeWrite(id);
    strictEqual((await engine.take("close", id)).isReset, true);
    strictEqual(engine.count("end", id), 0);
  }),

  engineCase(
    "the peer's RST after its FIN is onEnd, then onClose with reset, at the latest at a write",
    async (kit) => {
      const { engine } = kit;
      const { id, peer } = await kit.accept();
      peer.end();
      await engine.take("end", id);
      peer.socket.destroy();
      engine.write(id, octets("nobody reads this"));
      await kit.turns();
      engine.write(id, octets("nor this"));
      strictEqual((await engine.take("close", id)).isReset, true);
    },
  ),

  engineCase("the peer's RST after our closeWrite() is onClose with reset", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.closeWrite(id);
    await peer.untilEnd();
    peer.reset();
    strictEqual((await engine.take("close", id)).isReset, true);
    strictEqual(engine.count("end", id), 0);
  }),

  engineCase("the peer's RST while it is paused is told, at the latest by resume()", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.pause(id);
    peer.write("unread");
    await kit.turns();
    peer.reset();
    await kit.turns();
    engine.resume(id);
    strictEqual((await engine.take("close", id)).isReset, true);
  }),

  engineCase("every call on a dead or unknown id does nothing", async (kit) => {
    const { engine } = kit;
    const { id, peer } = await kit.accept();
    engine.close(id);
    await peer.untilEnd();
    for (const dead of [id, 987_654]) {
      strictEqual(engine.write(dead, octets("x")), true);
      strictEqual(engine.queuedBytes(dead), 0);
      strictEqual(engine.localAddress(dead), undefined);
      engine.pause(dead);
      engine.resume(dead);
      engine.closeWrite(dead);
      engine.close(dead);
      engine.reset(dead);
    }
    strictEqual(peer.receivedCount, 0);
  }),

  engineCase("an id that is used again gets nothing of its former life", async (kit) => {
    const { engine } = kit;
    const first = await kit.accept();
    first.peer.write("of the former life");
    first.peer.end();
    engine.close(first.id);
    for (let attempt = 0; attempt < 4000; attempt++) {
      const { id, peer } = await kit.accept();
      if (id === first.id) {
        await kit.turns();
        strictEqual(engine.receivedCount(id), 0);
        peer.write("of this life");
        await engine.take("data", id);
        strictEqual(textOf(engine.received(id)), "of this life");
        return;
      }
      engine.reset(id);
      peer.socket.destroy();
    }
    throw new Error("No id was used again: they are no longer small");
  }),

  engineCase(`${CYCLES} connections, ended in every way, leave no descriptor behind`, async (kit) => {
    const { engine } = kit;
    const port = await kit.port();
    await cycle(kit, port, 0);
    const before = openFiles();
    for (let turn = 0; turn < CYCLES; turn++) await cycle(kit, port, turn);
    await eventually(`${openFiles()} open files become ${before}`, () => openFiles() <= before);
    strictEqual(engine.events.filter((event) => event.kind === "accept").length, CYCLES + 1);
  }),
];

/** Joins the engine to itself once, and ends both sides in one of six ways. */
async function cycle({ engine }: EngineKit, port: number, turn: number): Promise<void> {
  const dialled = engine.connect(address("127.0.0.1"), port);
  const [accept] = await Promise.all([engine.take("accept"), engine.take("connect", dialled)]);
  const sides: readonly ConnectionId[] = turn % 2 === 0 ? [dialled, accept.id] : [accept.id, dialled];
  const [near, far] = sides as [ConnectionId, ConnectionId];
  switch (turn % 3) {
    case 0:
      engine.close(near);
      await engine.take("end", far);
      return engine.close(far);
    case 1:
      engine.reset(near);
      await engine.take("close", far);
      return;
    default:
      engine.closeWrite(near);
      await engine.take("end", far);
      engine.closeWrite(far);
      await Promise.all([engine.take("close", near), engine.take("close", far)]);
  }
}
