// Tests joined connections over a kernel that takes and gives little at a time, is interrupted, and runs out of descriptors.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as C from "../../src/runtime/posix/libc.ts";
import { address, eventually, pattern, patternFault } from "../contract/engine_kit.ts";
import type { Fault } from "./faulty_libc.ts";
import { withRelay } from "./relay_kit.ts";

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fault>("none") },
  { weight: 2, arbitrary: fc.record({ mostBytes: fc.integer({ min: 1, max: 64 * 1024 }) }) },
  { weight: 2, arbitrary: fc.constant<Fault>({ errno: C.EAGAIN }) },
  { weight: 1, arbitrary: fc.constant<Fault>({ errno: C.EINTR }) },
);

describe.skipIf(process.platform !== "linux")("join", () => {
  test("keeps octets intact through short counts, EAGAIN and EINTR at random", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 2_000_000 }),
        fc.integer({ min: 0, max: 200_000 }),
        (faults, downBytes, upBytes) =>
          withRelay(async (kit) => {
            // A call that goes through ends each round, so that the whole gets somewhere.
            const least = Math.ceil(downBytes / 200);
            const round: readonly Fault[] = [...faults, "none" as const].map((one) =>
              typeof one === "object" && "mostBytes" in one ? { mostBytes: Math.max(least, one.mostBytes) } : one
            );
            let at = 0;
            kit.faulty.choose = (call) =>
              call === "recv" || call === "send" || call === "splice" ? round[at++ % round.length]! : "none";
            const joined = await kit.joined();
            const { clientPeer, upstreamPeer } = joined;
            upstreamPeer.end(pattern(downBytes));
            clientPeer.end(pattern(upBytes, 7));
            await Promise.all([clientPeer.untilEnd(), upstreamPeer.untilEnd()]);
            expect(clientPeer.receivedCount).toBe(downBytes);
            expect(patternFault(clientPeer.received)).toBe(-1);
            expect(upstreamPeer.receivedCount).toBe(upBytes);
            expect(patternFault(upstreamPeer.received, 7)).toBe(-1);
            expect((await kit.joinEnd(joined)).broken).toBeUndefined();
            expect(kit.engine.joinedBytes(joined.upstream)).toBe(downBytes);
            expect(kit.engine.joinedBytes(joined.client)).toBe(upBytes);
            expect(kit.engine.lentPipes).toBe(0);
          }),
      ),
      { numRuns: 20 },
    );
  }, 60_000);

  for (const call of ["recv", "send"] as const) {
    test(`ends broken when ${call} fails`, () =>
      withRelay(async (kit) => {
        const joined = await kit.joined();
        kit.faulty.choose = (name) => name === call ? { errno: C.ETIMEDOUT } : "none";
        joined.clientPeer.write("x");
        expect((await kit.joinEnd(joined)).broken).toBe(call === "recv" ? joined.client : joined.upstream);
        await Promise.all([joined.clientPeer.untilReset(), joined.upstreamPeer.untilReset()]);
      }));
  }
});

describe.skipIf(process.platform !== "linux")("descriptors", () => {
  const errnos = [{ name: "EMFILE", errno: C.EMFILE }, { name: "ENFILE", errno: C.ENFILE }] as const;
  for (const { name, errno } of errnos) {
    test(`a dial without one (${name}) fails for the limit`, () =>
      withRelay(async (kit) => {
        const port = await kit.port();
        kit.faulty.choose = (call) => call === "socket" ? { errno } : "none";
        const ids = [kit.engine.connect(address("127.0.0.1"), port), kit.engine.connect(address("127.0.0.1"), port)];
        expect(kit.failures).toEqual([]);
        await eventually("two failures", () => kit.failures.length === 2);
        expect(kit.failures).toEqual(ids.map((id) => ({ id, failure: "limit" })));
        expect(new Set(ids).size).toBe(2);
        for (const id of ids) kit.engine.close(id);
      }));

    test(`accepting without one (${name}) rests, and goes on`, () =>
      withRelay(async (kit) => {
        await kit.port();
        kit.faulty.choose = (call) => call === "accept4" ? { errno } : "none";
        const peers = [await kit.peer(), await kit.peer()];
        await eventually("two rests", () => kit.acceptLimitCount >= 2);
        expect(kit.accepted).toEqual([]);
        // It rests: no more than two tries came of the two rests.
        expect(kit.faulty.calls.accept4).toBe(kit.acceptLimitCount);
        kit.faulty.choose = () => "none";
        await eventually("both accepted", () => kit.accepted.length === 2);
        expect(peers.every((peer) => !peer.isClosed)).toBe(true);
      }));
  }
});
