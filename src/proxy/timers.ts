// Owns deadlines: one heap for all connections, so that a silent proxy wakes for nothing. Knows no engine and no clock.

const ABSENT = -1;

/** Something with at most one deadline. Its owner calls `TimerHeap.set` as often as it likes: moving a deadline later costs a field store. */
export abstract class Timer {
  /** When it is due, in Clock.nowMs; Infinity while it is off. Written by TimerHeap alone. */
  deadlineMs = Infinity;
  /** The key under which it stands in the heap, never later than its deadline. Written by TimerHeap alone. */
  heapKeyMs = Infinity;
  heapIndex: number = ABSENT;
  /** Called once when the deadline has passed; the timer is off by then. */
  abstract onTimer(nowMs: number): void;
}

/**
 * A binary heap of timers by due time. A deadline that moves later is left where it stands and re-filed when its old time
 * comes; so the common case, a touch per message, costs nothing.
 */
export class TimerHeap {
  readonly #heap: Timer[] = [];

  /** When `expire` is next worth calling; Infinity when nothing is set. */
  get nextMs(): number {
    return this.#heap[0]?.heapKeyMs ?? Infinity;
  }

  /** Sets or moves a timer's deadline. */
  set(timer: Timer, deadlineMs: number): void {
    timer.deadlineMs = deadlineMs;
    if (timer.heapIndex === ABSENT) {
      if (deadlineMs === Infinity) return;
      timer.heapKeyMs = deadlineMs;
      timer.heapIndex = this.#heap.length;
      this.#heap.push(timer);
      this.#up(timer);
    } else if (deadlineMs < timer.heapKeyMs) {
      timer.heapKeyMs = deadlineMs;
      this.#up(timer);
    }
  }

  /** Turns a timer off and forgets it; for an owner that ends. */
  remove(timer: Timer): void {
    timer.deadlineMs = Infinity;
    if (timer.heapIndex === ABSENT) return;
    const index = timer.heapIndex;
    const last = this.#heap.pop() as Timer;
    timer.heapIndex = ABSENT;
    if (last === timer) return;
    this.#heap[index] = last;
    last.heapIndex = index;
    this.#up(last);
    this.#down(last);
  }

  /** Calls every timer that is due at `nowMs`. A timer set to a time not after `nowMs` while this runs is called too. */
  expire(nowMs: number): void {
    for (let top = this.#heap[0]; top !== undefined && top.heapKeyMs <= nowMs; top = this.#heap[0]) {
      if (top.deadlineMs <= nowMs) {
        this.remove(top);
        top.onTimer(nowMs);
      } else if (top.deadlineMs === Infinity) {
        this.remove(top);
      } else {
        top.heapKeyMs = top.deadlineMs;
        this.#down(top);
      }
    }
  }

  #up(timer: Timer): void {
    let index = timer.heapIndex;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Timer;
      if (parent.heapKeyMs <= timer.heapKeyMs) break;
      this.#heap[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    this.#heap[index] = timer;
    timer.heapIndex = index;
  }

  #down(timer: Timer): void {
    const heap = this.#heap;
    let index = timer.heapIndex;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && right.heapKeyMs < child.heapKeyMs) {
        child = right;
        childIndex++;
      }
      if (timer.heapKeyMs <= child.heapKeyMs) break;
      heap[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    heap[index] = timer;
    timer.heapIndex = index;
  }
}
