// Owns what is to be told to the core later, since a call of its own is on the stack. Knows no handler.
import type { ConnectionTable } from "./connection_table.ts";

/** What waits to be told, in order. */
export class Deferred {
  readonly #table: ConnectionTable;
  #list: (() => void)[] = [];

  constructor(table: ConnectionTable) {
    this.#table = table;
  }

  get isWaiting(): boolean {
    return this.#list.length > 0;
  }

  add(tell: () => void): void {
    this.#list.push(tell);
  }

  /** Adds what concerns a connection: it is not told once that is gone. */
  addFor(fd: number, tell: () => void): void {
    const generation = this.#table.generation[fd];
    this.#list.push(() => {
      if (this.#table.generation[fd] === generation) tell();
    });
  }

  /** Tells all, and what is added meanwhile. */
  tell(): void {
    while (this.#list.length > 0) {
      const list = this.#list;
      this.#list = [];
      for (const tell of list) tell();
    }
  }
}
