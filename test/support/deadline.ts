// Owns the waiting of the tests: every wait has an end, and what was waited for is in the message. Sleeps nowhere.

/** How long any one event of a test may take; far above what a healthy run needs. */
export const DEADLINE_MS = 10_000;

/** Resolves as `promise` does, or rejects naming `what` once `limitMs` have passed. */
export async function within<T>(what: string, promise: Promise<T>, limitMs: number = DEADLINE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${limitMs} ms for ${what}: it did not come`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A condition that changes by events: waiters look again at every `notify`. */
export class Signal {
  readonly #waiters = new Set<() => void>();

  /** Lets every waiter look at its condition again. */
  notify(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves with the first value of `look` that is not undefined. `describe` is called only for the message of a late one. */
  async wait<T>(
    what: string,
    look: () => T | undefined,
    describe: () => string = () => "",
    limitMs?: number,
  ): Promise<T> {
    const early = look();
    if (early !== undefined) return early;
    let waiter: (() => void) | undefined;
    const promise = new Promise<T>((resolve, reject) => {
      waiter = () => {
        try {
          const value = look();
          if (value !== undefined) resolve(value);
        } catch (error) {
          reject(error);
        }
      };
      this.#waiters.add(waiter);
    });
    try {
      return await within(what, promise, limitMs);
    } catch (error) {
      const seen = describe();
      throw seen === "" ? error : new Error(`${(error as Error).message}; seen so far: ${seen}`, { cause: error });
    } finally {
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }
}
