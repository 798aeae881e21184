// Tests that pipes are lent only while octets are on their way, and that where none can be had, or splice(2) is refused,
// octets are copied and none is lost.
import { describe, expect, test } from "bun:test";
import * as C from "../../src/runtime/posix/libc.ts";
import { eventually, pattern, patternFault } from "../contract/engine_kit.ts";
import { type ChooseFault, type FaultyLibc } from "./faulty_libc.ts";
import { type Joined, type RelayKit, withRelay } from "./relay_kit.ts";

const MEBIBYTE = 1024 * 1024;
const BULK_BYTES = 8 * MEBIBYTE;
const MAX_PIPES = 64;

async function passBulk({ upstreamPeer, clientPeer }: Joined, count: number): Promise<void> {
  upstreamPeer.end(pattern(count));
  await clientPeer.untilEnd();
  expect(clientPeer.receivedCount).toBe(count);
  expect(patternFault(clientPeer.received)).toBe(-1);
  clientPeer.end();
}

/** Makes splicing towards a socket, or from one, fail from the `first` such call on. */
function spliceFails(faulty: FaultyLibc, errno: number, toSocket: boolean, first: number): ChooseFault {
  const pipeEnds = new Set<number>();
  let count = 0;
  return (call, args) => {
    if (call === "fcntl") pipeEnds.add(args[0]!).add(args[0]! - 1);
    if (call !== "splice" || pipeEnds.has(args[0]!) !== toSocket || ++count < first) return "none";
    faulty.choose = (later, laterArgs) =>
      later === "splice" && pipeEnds.has(laterArgs[0]!) === toSocket ? { errno } : "none";
    return { errno };
  };
}

async function expectBulk(kit: RelayKit): Promise<void> {
  const joined = await kit.joined();
  await passBulk(joined, BULK_BYTES);
  expect((await kit.joinEnd(joined)).broken).toBeUndefined();
  expect(kit.engine.joinedBytes(joined.upstream)).toBe(BULK_BYTES);
  expect(kit.engine.lentPipes).toBe(0);
}

describe.skipIf(process.platform !== "linux")("pipes", () => {
  test("are given back when a bulk has passed and the connection falls silent", () =>
    withRelay(async (kit) => {
      const joined = await kit.joined();
      joined.upstreamPeer.write(pattern(BULK_BYTES));
      await joined.clientPeer.untilReceived(BULK_BYTES);
      expect(kit.faulty.calls.pipe2).toBe(1);
      await eventually("no pipe lent", () => kit.engine.lentPipes === 0);
      expect(kit.joinEnds).toEqual([]);
    }));

  test("are used again instead of made anew", () =>
    withRelay(async (kit) => {
      for (let turn = 0; turn < 5; turn++) await expectBulk(kit);
      expect(kit.faulty.calls.splice).toBeGreaterThan(5);
      expect(kit.faulty.calls.pipe2).toBe(1);
    }));

  test("of a cut connection do not leak octets into the next", () =>
    withRelay(async (kit) => {
      const cut = await kit.joined({ isClientPaused: true });
      cut.upstreamPeer.write(new Uint8Array(32 * MEBIBYTE).fill(255));
      await kit.settled(cut.upstream);
      expect(kit.engine.lentPipes).toBe(1);
      kit.engine.reset(cut.client);
      kit.engine.reset(cut.upstream);
      expect(kit.engine.lentPipes).toBe(0);
      await expectBulk(kit);
    }));

  test("are bounded; who gets none is served by copying", () =>
    withRelay(async (kit) => {
      const stalled: Joined[] = [];
      // The kernel bounds the memory of an unprivileged user's pipes: small ones do here.
      kit.faulty.choose = (call) => call === "fcntl" ? { errno: C.EPERM } : "none";
      for (let i = 0; i < MAX_PIPES + 4; i++) {
        const joined = await kit.joined({ isClientPaused: true });
        joined.upstreamPeer.write(pattern(8 * MEBIBYTE));
        stalled.push(joined);
      }
      for (const { upstream } of stalled) await kit.settled(upstream);
      expect(kit.engine.lentPipes).toBeGreaterThan(MAX_PIPES / 2);
      expect(kit.engine.lentPipes).toBeLessThanOrEqual(MAX_PIPES);
      expect(kit.faulty.calls.pipe2).toBeLessThanOrEqual(MAX_PIPES);
      for (const joined of stalled) {
        joined.clientPeer.socket.resume();
        await joined.clientPeer.untilReceived(8 * MEBIBYTE);
        expect(patternFault(joined.clientPeer.received)).toBe(-1);
        joined.clientPeer.parts.length = 0;
      }
      await eventually("no pipe lent", () => kit.engine.lentPipes === 0);
    }), 60_000);

  const refusals = [
    { call: "pipe2", errno: C.EMFILE, name: "pipe2 fails for want of descriptors" },
    { call: "pipe2", errno: C.ENFILE, name: "pipe2 fails for want of pipe memory" },
    { call: "fcntl", errno: C.EPERM, name: "a larger pipe is refused" },
    { call: "splice", errno: C.EINVAL, name: "splice is refused (EINVAL)" },
    { call: "splice", errno: C.ENOSYS, name: "splice is refused (ENOSYS)" },
    { call: "splice", errno: C.EPERM, name: "splice is refused (EPERM)" },
    { call: "splice", errno: C.ENOMEM, name: "splice finds no memory" },
  ] as const;
  for (const { call: refused, errno, name } of refusals) {
    test(`are done without where ${name}`, () =>
      withRelay(async (kit) => {
        kit.faulty.choose = (call) => call === refused ? { errno } : "none";
        await expectBulk(kit);
        expect(kit.faulty.calls[refused]).toBeGreaterThan(0);
      }));
  }

  for (const toSocket of [false, true]) {
    for (const [errnoText, errno] of [["EINVAL", C.EINVAL], ["ENOMEM", C.ENOMEM]] as const) {
      test(`lose nothing where splicing ${toSocket ? "to" : "from"} a socket fails (${errnoText}) halfway`, () =>
        withRelay(async (kit) => {
          kit.faulty.choose = spliceFails(kit.faulty, errno, toSocket, 3);
          await expectBulk(kit);
        }));
    }
  }
});
