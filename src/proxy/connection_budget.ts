// Owns the count of client connections against its bound, in one thread or over several.

/** Places for client connections. */
export interface ConnectionBudget {
  /** Takes a place; false where none is free. */
  take(): boolean;
  give(): void;
}

/** A budget of one thread's own. */
export class OwnConnectionBudget implements ConnectionBudget {
  #taken = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  take(): boolean {
    if (this.#taken >= this.#most) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
  }
}

/** A budget that threads share through one integer of shared memory. */
export class SharedConnectionBudget implements ConnectionBudget {
  readonly #count: Int32Array;
  readonly #most: number;

  constructor(memory: SharedArrayBuffer, most: number) {
    this.#count = new Int32Array(memory);
    this.#most = most;
  }

  /** Places taken now, over all threads. */
  get taken(): number {
    return Atomics.load(this.#count, 0);
  }

  take(): boolean {
    if (Atomics.add(this.#count, 0, 1) < this.#most) return true;
    Atomics.sub(this.#count, 0, 1);
    return false;
  }

  give(): void {
    Atomics.sub(this.#count, 0, 1);
  }
}

/** Makes the memory of a shared budget. */
export function makeBudgetMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}
