// Tests that joined connections pass on every octet, each direction's end, and count what they moved.
import { describe, expect, test } from "bun:test";
import { eventually, pattern, patternFault, textOf } from "../contract/engine_kit.ts";
import type { RawPeer } from "../contract/raw_peer.ts";
import { type Joined, type RelayKit, withRelay } from "./relay_kit.ts";

const BULK_BYTES = 64 * 1024 * 1024;
const PART_BYTES = 1024 * 1024;

/** Writes that many octets of the pattern as fast as they are taken, then FIN. */
async function sendPattern(peer: RawPeer, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += PART_BYTES) {
    if (!peer.socket.write(pattern(Math.min(PART_BYTES, count - sent), sent))) {
      await peer.until("drain", () => !peer.socket.writableNeedDrain);
    }
  }
  peer.end();
}

async function expectPattern(peer: RawPeer, count: number): Promise<void> {
  await peer.untilEnd();
  expect(peer.receivedCount).toBe(count);
  expect(patternFault(peer.received)).toBe(-1);
}

async function expectCleanEnd(kit: RelayKit, joined: Joined): Promise<void> {
  expect((await kit.joinEnd(joined)).broken).toBeUndefined();
  await joined.clientPeer.until("close", () => joined.clientPeer.isClosed);
  await joined.upstreamPeer.until("close", () => joined.upstreamPeer.isClosed);
  expect(joined.clientPeer.errorCode).toBeUndefined();
  expect(joined.upstreamPeer.errorCode).toBeUndefined();
  expect(kit.told).toEqual([]);
  expect(kit.closed).toEqual([]);
}

describe.skipIf(process.platform !== "linux")("join", () => {
  test("passes small messages both ways and counts them", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      const { client, upstream, clientPeer, upstreamPeer } = joined;
      for (let turn = 1; turn <= 50; turn++) {
        clientPeer.write("ping");
        await upstreamPeer.untilReceived(4 * turn);
        upstreamPeer.write("answer");
        await clientPeer.untilReceived(6 * turn);
      }
      expect(textOf(upstreamPeer.received)).toBe("ping".repeat(50));
      expect(textOf(clientPeer.received)).toBe("answer".repeat(50));
      expect(kit.engine.joinedBytes(client)).toBe(200);
      expect(kit.engine.joinedBytes(upstream)).toBe(300);
      expect(kit.faulty.calls.splice).toBe(0);
      clientPeer.end();
      await upstreamPeer.untilEnd();
      upstreamPeer.end();
      await expectCleanEnd(kit, joined);
    }));

  test("splices a bulk of 64 MiB and counts it", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      await Promise.all([
        sendPattern(joined.clientPeer, BULK_BYTES),
        expectPattern(joined.upstreamPeer, BULK_BYTES),
      ]);
      joined.upstreamPeer.end();
      await expectCleanEnd(kit, joined);
      expect(kit.engine.joinedBytes(joined.client)).toBe(BULK_BYTES);
      expect(kit.engine.joinedBytes(joined.upstream)).toBe(0);
      expect(kit.faulty.calls.splice).toBeGreaterThan(0);
    }), 30_000);

  test("splices both ways at once", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      const count = 16 * 1024 * 1024 + 1;
      await Promise.all([
        sendPattern(joined.clientPeer, count),
        sendPattern(joined.upstreamPeer, count + 1),
        expectPattern(joined.upstreamPeer, count),
        expectPattern(joined.clientPeer, count + 1),
      ]);
      await expectCleanEnd(kit, joined);
      expect(kit.engine.joinedBytes(joined.client)).toBe(count);
      expect(kit.engine.joinedBytes(joined.upstream)).toBe(count + 1);
      expect(kit.engine.lentPipes).toBe(0);
    }), 30_000);

  test("sends what was queued before it first", () =>
    withRelay(async (kit) => {
      const joined = await kit.pair({ isUpstreamPaused: true });
      let queued = 0;
      // The kernel takes some; the rest is the engine's.
      while (kit.engine.write(joined.upstream, pattern(PART_BYTES, queued))) queued += PART_BYTES;
      queued += PART_BYTES;
      expect(kit.engine.queuedBytes(joined.upstream)).toBeGreaterThan(0);
      joined.clientPeer.end(pattern(3 * PART_BYTES, queued));
      kit.engine.join(joined.client, joined.upstream);
      joined.upstreamPeer.socket.resume();
      await expectPattern(joined.upstreamPeer, queued + 3 * PART_BYTES);
      joined.upstreamPeer.end();
      await expectCleanEnd(kit, joined);
      expect(kit.engine.joinedBytes(joined.client)).toBe(3 * PART_BYTES);
    }));

  test("passes on what waited in a paused connection", () =>
    withRelay(async (kit) => {
      const joined = await kit.pair();
      kit.engine.pause(joined.client);
      kit.engine.pause(joined.upstream);
      joined.clientPeer.end("early client");
      joined.upstreamPeer.end("early upstream");
      await kit.settled(joined.client);
      kit.engine.join(joined.client, joined.upstream);
      await Promise.all([joined.clientPeer.untilEnd(), joined.upstreamPeer.untilEnd()]);
      expect(textOf(joined.upstreamPeer.received)).toBe("early client");
      expect(textOf(joined.clientPeer.received)).toBe("early upstream");
      await expectCleanEnd(kit, joined);
    }));

  test("passes on a FIN that came before it", () =>
    withRelay(async (kit) => {
      const joined = await kit.pair();
      joined.clientPeer.end();
      await eventually("the FIN", () => kit.told.includes(`end ${joined.client}`));
      kit.told.length = 0;
      kit.engine.join(joined.client, joined.upstream);
      await joined.upstreamPeer.untilEnd();
      joined.upstreamPeer.end("late");
      await joined.clientPeer.untilEnd();
      expect(textOf(joined.clientPeer.received)).toBe("late");
      await expectCleanEnd(kit, joined);
    }));

  test("ends one direction and goes on with the other", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      const { clientPeer, upstreamPeer } = joined;
      clientPeer.end("request");
      await upstreamPeer.untilEnd();
      expect(clientPeer.hasEnded).toBe(false);
      expect(kit.joinEnds).toEqual([]);
      for (let turn = 1; turn <= 10; turn++) {
        upstreamPeer.write("x".repeat(1000));
        await clientPeer.untilReceived(1000 * turn);
      }
      await sendPattern(upstreamPeer, 4 * PART_BYTES);
      await clientPeer.untilEnd();
      expect(textOf(upstreamPeer.received)).toBe("request");
      expect(patternFault(clientPeer.received.subarray(10_000))).toBe(-1);
      expect(kit.engine.joinedBytes(joined.upstream)).toBe(10_000 + 4 * PART_BYTES);
      await expectCleanEnd(kit, joined);
    }));

  test("moves the time of the side that sent, and of no other", () =>
    withRelay(async (kit) => {
      const { client, upstream, clientPeer, upstreamPeer } = await kit.joined();
      const [clientMs, upstreamMs] = [kit.engine.joinActiveMs(client), kit.engine.joinActiveMs(upstream)];
      expect(clientMs).toBeGreaterThan(0);
      clientPeer.write("x");
      await upstreamPeer.untilReceived(1);
      expect(kit.engine.joinActiveMs(client)).toBeGreaterThan(clientMs);
      expect(kit.engine.joinActiveMs(upstream)).toBe(upstreamMs);
      upstreamPeer.write("y");
      await clientPeer.untilReceived(1);
      expect(kit.engine.joinActiveMs(upstream)).toBeGreaterThan(upstreamMs);
    }));

  test("starts the counters of a reused id at zero", () =>
    withRelay(async (kit) => {
      const first = await kit.joined();
      first.clientPeer.end("some");
      first.upstreamPeer.end("octets");
      await kit.joinEnd(first);
      const ids = [first.client, first.upstream];
      // Which descriptors are free again by then is the kernel's to say: the peers have some of them.
      let reused = false;
      for (let turn = 0; turn < 20 && !reused; turn++) {
        const { client, upstream } = await kit.joined();
        reused = ids.includes(client) || ids.includes(upstream);
        expect(kit.engine.joinedBytes(client)).toBe(0);
        expect(kit.engine.joinedBytes(upstream)).toBe(0);
      }
      expect(reused).toBe(true);
    }));
});
