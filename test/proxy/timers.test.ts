// Tests the heap of deadlines against a list that is searched from end to end.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Timer, TimerHeap } from "../../src/proxy/timers.ts";

class Bell extends Timer {
  readonly rung: number[] = [];
  override onTimer(nowMs: number): void {
    this.rung.push(nowMs);
  }
}

describe("TimerHeap", () => {
  test("expire() rings what is due, once, and nothing else", () => {
    const heap = new TimerHeap();
    const [early, late] = [new Bell(), new Bell()];
    heap.set(late, 20);
    heap.set(early, 10);
    expect(heap.nextMs).toBe(10);
    heap.expire(9);
    expect([early.rung, late.rung]).toEqual([[], []]);
    heap.expire(10);
    heap.expire(11);
    expect([early.rung, late.rung]).toEqual([[10], []]);
    expect(heap.nextMs).toBe(20);
  });

  test("set() later than before does not ring at the old time", () => {
    const heap = new TimerHeap();
    const bell = new Bell();
    heap.set(bell, 10);
    heap.set(bell, 30);
    heap.expire(20);
    expect(bell.rung).toEqual([]);
    expect(heap.nextMs).toBe(30);
    heap.expire(30);
    expect(bell.rung).toEqual([30]);
  });

  test("set() from within a ring to a time that is past rings again", () => {
    const heap = new TimerHeap();
    const bell = new class extends Bell {
      override onTimer(nowMs: number): void {
        super.onTimer(nowMs);
        if (this.rung.length < 3) heap.set(this, nowMs);
      }
    }();
    heap.set(bell, 5);
    heap.expire(7);
    expect(bell.rung).toEqual([7, 7, 7]);
    expect(heap.nextMs).toBe(Infinity);
  });

  test("rings what a list would ring, whatever is set, moved and removed", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("set" as const),
        index: fc.nat(7),
        atMs: fc.oneof(fc.nat(50), fc.constant(Infinity)),
      }),
      fc.record({ kind: fc.constant("remove" as const), index: fc.nat(7), atMs: fc.constant(0) }),
      fc.record({ kind: fc.constant("expire" as const), index: fc.constant(0), atMs: fc.nat(12) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const heap = new TimerHeap();
      const bells = Array.from({ length: 8 }, () => new Bell());
      const expected = bells.map(() => ({ dueMs: Infinity, rung: [] as number[] }));
      let nowMs = 0;
      for (const { kind, index, atMs } of steps) {
        const [bell, entry] = [bells[index]!, expected[index]!];
        if (kind === "expire") {
          nowMs += atMs;
          heap.expire(nowMs);
          for (const each of expected.filter(({ dueMs }) => dueMs <= nowMs)) {
            each.rung.push(nowMs);
            each.dueMs = Infinity;
          }
        } else if (kind === "set") {
          entry.dueMs = nowMs + atMs;
          heap.set(bell, entry.dueMs);
        } else {
          entry.dueMs = Infinity;
          heap.remove(bell);
        }
        expect(bells.map(({ rung }) => rung)).toEqual(expected.map(({ rung }) => rung));
        // It may wake too early, for a deadline that was moved, never too late.
        expect(heap.nextMs).toBeLessThanOrEqual(Math.min(...expected.map(({ dueMs }) => dueMs)));
      }
    }));
  });
});
