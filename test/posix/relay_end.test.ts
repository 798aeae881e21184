// Tests how a join ends otherwise than by two FINs, and what it holds while one side does not read.
import { describe, expect, test } from "bun:test";
import { bunFfi } from "../../src/runtime/bun/ffi.ts";
import { openLibc } from "../../src/runtime/posix/libc.ts";
import { Sockets } from "../../src/runtime/posix/sockets.ts";
import { address, eventually, octets, pattern, patternFault, textOf } from "../contract/engine_kit.ts";
import { type Joined, type RelayKit, withRelay } from "./relay_kit.ts";

const MEBIBYTE = 1024 * 1024;
/** More than the kernel's buffers and the engine's take together. */
/** A pipe's, and one read's. */
const HELD_BYTES = (512 + 64) * 1024;
const FLOOD_BYTES = 32 * MEBIBYTE;
const MSG_OOB = 1;

const sides = [
  { name: "the client", from: "client", peer: "clientPeer", other: "upstreamPeer" },
  { name: "the upstream", from: "upstream", peer: "upstreamPeer", other: "clientPeer" },
] as const;

async function expectReset(kit: RelayKit, joined: Joined, broken: number): Promise<void> {
  expect((await kit.joinEnd(joined)).broken).toBe(broken);
  expect(kit.told).toEqual([]);
  expect(kit.closed).toEqual([]);
  expect(kit.engine.lentPipes).toBe(0);
}

describe.skipIf(process.platform !== "linux")("join", () => {
  for (const { name, from, peer, other } of sides) {
    test(`resets the other side when ${name} resets in the middle of a splice`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined();
        joined[peer].write(pattern(FLOOD_BYTES));
        await joined[other].untilReceived(4 * MEBIBYTE);
        joined[peer].reset();
        await joined[other].untilReset();
        await expectReset(kit, joined, joined[from]);
        expect(patternFault(joined[other].received)).toBe(-1);
      }));

    test(`resets the sender when ${name}, which it floods, resets`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined();
        joined[other].write(pattern(FLOOD_BYTES));
        await joined[peer].untilReceived(4 * MEBIBYTE);
        joined[peer].reset();
        await joined[other].untilReset();
        await expectReset(kit, joined, joined[from]);
      }));

    test(`hears of a reset by ${name} while the other side does not read`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined({ isClientPaused: true, isUpstreamPaused: true });
        joined[peer].write(pattern(FLOOD_BYTES));
        await kit.settled(joined[from]);
        expect(kit.joinEnds).toEqual([]);
        joined[peer].reset();
        await expectReset(kit, joined, joined[from]);
        joined[other].socket.resume();
        await joined[other].untilReset();
      }));

    test(`hears of a reset by ${name} after its FIN`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined();
        joined[peer].end("last words");
        await joined[other].untilEnd();
        joined[peer].reset();
        await joined[other].untilReset();
        await expectReset(kit, joined, joined[from]);
        expect(textOf(joined[other].received)).toBe("last words");
      }));
  }

  test("delivers what came right before a reset to a side that reads", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      await new Promise<void>((resolve) => joined.upstreamPeer.socket.write("farewell", () => resolve()));
      joined.upstreamPeer.reset();
      await joined.clientPeer.untilReset();
      expect(textOf(joined.clientPeer.received)).toBe("farewell");
      await expectReset(kit, joined, joined.upstream);
    }));

  test("holds little for a side that never reads, and lets go of it", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined({ isClientPaused: true });
      joined.upstreamPeer.write(pattern(FLOOD_BYTES));
      const moved = await kit.settled(joined.upstream);
      // The kernel's send and receive buffers hold most of this.
      expect(moved).toBeLessThan(FLOOD_BYTES);
      expect(kit.engine.queuedBytes(joined.client)).toBeLessThanOrEqual(HELD_BYTES);
      expect(kit.engine.lentPipes).toBeLessThanOrEqual(1);
      expect(kit.joinEnds).toEqual([]);
      kit.engine.close(joined.client);
      kit.engine.close(joined.upstream);
      expect(kit.engine.lentPipes).toBe(0);
      await joined.upstreamPeer.untilReset();
      joined.clientPeer.socket.resume();
      // It was cut off in the middle, and is told so.
      await joined.clientPeer.untilReset();
      expect(joined.clientPeer.hasEnded).toBe(false);
      expect(kit.joinEnds).toEqual([]);
    }));

  test("brings everything to a side that reads in fits and starts", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined({ isClientPaused: true });
      joined.upstreamPeer.end(pattern(FLOOD_BYTES));
      const { clientPeer } = joined;
      for (let wanted = MEBIBYTE; wanted < FLOOD_BYTES; wanted += 4 * MEBIBYTE) {
        await kit.settled(joined.upstream);
        expect(kit.engine.queuedBytes(joined.client)).toBeLessThanOrEqual(HELD_BYTES);
        clientPeer.socket.resume();
        await clientPeer.untilReceived(wanted);
        clientPeer.socket.pause();
      }
      clientPeer.socket.resume();
      await clientPeer.untilEnd();
      expect(clientPeer.receivedCount).toBe(FLOOD_BYTES);
      expect(patternFault(clientPeer.received)).toBe(-1);
      clientPeer.end();
      expect((await kit.joinEnd(joined)).broken).toBeUndefined();
    }), 30_000);

  for (const how of ["close", "reset"] as const) {
    test(`is over without a word after our own ${how} of both`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined();
        joined.clientPeer.write("x");
        await joined.upstreamPeer.untilReceived(1);
        kit.engine[how](joined.client);
        kit.engine[how](joined.upstream);
        if (how === "close") await Promise.all([joined.clientPeer.untilEnd(), joined.upstreamPeer.untilEnd()]);
        else await Promise.all([joined.clientPeer.untilReset(), joined.upstreamPeer.untilReset()]);
        expect(kit.joinEnds).toEqual([]);
        expect(kit.engine.joinedBytes(joined.client)).toBe(1);
      }));
  }

  for (const bulkBytes of [0, 4 * MEBIBYTE]) {
    test(`goes past an urgent octet behind ${bulkBytes} others`, () =>
      withRelay(async (kit) => {
        const server = await kit.server();
        const libc = openLibc(bunFfi)!;
        const sockets = new Sockets(bunFfi, libc);
        const native = sockets.open(address("127.0.0.1"));
        try {
          sockets.connect(native, address("127.0.0.1"), await kit.port());
          await eventually("an accept", () => kit.accepted.length > 0);
          const client = kit.accepted[0]!;
          kit.engine.pause(client);
          const accepting = server.accepted();
          const upstream = kit.engine.connect(address("127.0.0.1"), server.port);
          const upstreamPeer = await accepting;
          await eventually("a connect", () => kit.connected.has(upstream));
          const send = async (bytes: Uint8Array, flags: number) => {
            const memory = bunFfi.allocate(bytes.length);
            memory.bytes.set(bytes);
            let sent = 0;
            await eventually("a send", () => {
              const count = libc.send(native, memory.address + sent, bytes.length - sent, flags);
              sent += Math.max(0, count);
              return sent === bytes.length;
            });
          };
          if (bulkBytes > 0) kit.engine.join(client, upstream);
          if (bulkBytes > 0) await send(pattern(bulkBytes), 0);
          await send(octets("before!"), MSG_OOB);
          await send(octets("after"), 0);
          // All of it waits in the kernel, so that one event tells of it.
          if (bulkBytes === 0) kit.engine.join(client, upstream);
          await upstreamPeer.untilReceived(bulkBytes + "beforeafter".length);
          expect(textOf(upstreamPeer.received.subarray(bulkBytes))).toBe("beforeafter");
          libc.shutdown(native, 1);
          await upstreamPeer.untilEnd();
        } finally {
          libc.close(native);
        }
      }));
  }
});
