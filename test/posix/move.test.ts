// Tests octets moved by count over a kernel that takes and gives little at a time and is interrupted, and a source that
// breaks behind its last octet.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as C from "../../src/runtime/posix/libc.ts";
import { eventually, pattern, patternFault } from "../contract/engine_kit.ts";
import type { Fault } from "./faulty_libc.ts";
import { withRelay } from "./relay_kit.ts";

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fault>("none") },
  { weight: 2, arbitrary: fc.record({ mostBytes: fc.integer({ min: 2000, max: 64 * 1024 }) }) },
  { weight: 2, arbitrary: fc.constant<Fault>({ errno: C.EAGAIN }) },
  { weight: 1, arbitrary: fc.constant<Fault>({ errno: C.EINTR }) },
);

describe.skipIf(process.platform !== "linux")("move", () => {
  test("keeps counts and octets whole, one move after another both ways, through faults at random", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 6 }),
        (faults, downCounts, upCounts) =>
          withRelay(async (kit) => {
            const round: readonly Fault[] = [...faults, "none"];
            let at = 0;
            kit.faulty.choose = (call) =>
              call === "recv" || call === "send" || call === "splice" ? round[at++ % round.length]! : "none";
            const { client, upstream, clientPeer, upstreamPeer } = await kit.pair();
            const [down, up] = [downCounts, upCounts].map((counts) => counts.reduce((sum, count) => sum + count, 0));
            const left = new Map([[upstream, [...downCounts]], [client, [...upCounts]]]);
            const other = new Map([[upstream, client], [client, upstream]]);
            const moved = new Map<number, number[]>([[upstream, []], [client, []]]);
            const next = (from: number) => {
              const count = left.get(from)!.shift();
              if (count !== undefined) kit.engine.move(from, other.get(from)!, count);
            };
            kit.onMoved = (from, count) => {
              moved.get(from)!.push(count);
              next(from);
            };
            next(upstream);
            next(client);
            upstreamPeer.write(pattern(down!));
            clientPeer.write(pattern(up!, 7));
            await Promise.all([clientPeer.untilReceived(down!), upstreamPeer.untilReceived(up!)]);
            await eventually("all ends", () =>
              moved.get(upstream)!.length + moved.get(client)!.length ===
                downCounts.length + upCounts.length);
            expect(moved.get(upstream)).toEqual(downCounts);
            expect(moved.get(client)).toEqual(upCounts);
            expect(patternFault(clientPeer.received)).toBe(-1);
            expect(patternFault(upstreamPeer.received, 7)).toBe(-1);
            expect(kit.engine.lentPipes).toBe(0);
            expect(kit.told).toEqual([]);
          }),
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  test("a source that resets behind its last octet has moved all, though the sink takes nothing", () =>
    withRelay(async (kit) => {
      const { client, upstream, clientPeer, upstreamPeer } = await kit.pair();
      const moved: number[] = [];
      kit.onMoved = (_from, count) => moved.push(count);
      const count = 64 * 1024 + 50_000;
      // The sink takes nothing: every octet waits in a queue or a pipe when the reset comes.
      let isStopped = true;
      kit.faulty.choose = (call, args) => {
        const into = call === "send" ? args[0] : call === "splice" ? args[2] : undefined;
        return isStopped && into === client ? { errno: C.EAGAIN } : "none";
      };
      kit.engine.move(upstream, client, count);
      upstreamPeer.write(pattern(64 * 1024));
      await eventually("a read", () => kit.engine.joinedBytes(upstream) === 64 * 1024);
      isStopped = false;
      await clientPeer.untilReceived(64 * 1024);
      isStopped = true;
      upstreamPeer.write(pattern(count - 64 * 1024, 64 * 1024));
      await eventually("all read", () => kit.engine.joinedBytes(upstream) === count);
      expect(moved).toEqual([]);
      upstreamPeer.reset();
      await eventually("the reset", () => kit.closed.length === 1);
      expect(moved).toEqual([count]);
      expect(kit.closed).toEqual([{ id: upstream, reset: true }]);
      isStopped = false;
      await clientPeer.untilReceived(count);
      expect(patternFault(clientPeer.received)).toBe(-1);
      expect(kit.engine.lentPipes).toBe(0);
    }));

  test("holds no pipe while it waits for octets", () =>
    withRelay(async (kit) => {
      const { client, upstream, clientPeer, upstreamPeer } = await kit.pair();
      kit.engine.move(upstream, client, 64 * 1024 * 1024);
      upstreamPeer.write(pattern(8 * 1024 * 1024));
      await clientPeer.untilReceived(8 * 1024 * 1024);
      expect(kit.faulty.calls.splice).toBeGreaterThan(0);
      await eventually("no pipe", () => kit.engine.lentPipes === 0);
    }));
});
