// Owns who may stay where connections have a limit: of those that ask nothing the one that has been quiet longest goes.
// Knows no request.

/** What it needs of a connection. */
export interface Place {
  destroy(): void;
}

/**
 * The connections of one server, never more than `limit`. A new one is always taken: who opens many and says nothing, or
 * never reads an answer, must not keep out a probe.
 */
export class HttpPlaces<Connection extends Place> {
  readonly #limit: number;
  /** The one that has been quiet longest is first. */
  readonly #quiet = new Set<Connection>();
  /** The one whose request is oldest is first. */
  readonly #asking = new Set<Connection>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Notes a new connection, and destroys another where they are too many. */
  take(connection: Connection): void {
    if (this.#quiet.size + this.#asking.size >= this.#limit) {
      const [first] = this.#quiet.size > 0 ? this.#quiet : this.#asking;
      if (first !== undefined) {
        this.drop(first);
        first.destroy();
      }
    }
    this.#quiet.add(connection);
  }

  /** Notes that a connection asks; false where it does already, or is none of these. */
  begin(connection: Connection): boolean {
    if (!this.#quiet.delete(connection)) return false;
    this.#asking.add(connection);
    return true;
  }

  /** Notes that a connection has its answer. */
  end(connection: Connection): void {
    if (this.#asking.delete(connection)) this.#quiet.add(connection);
  }

  /** Notes that a connection is gone. */
  drop(connection: Connection): void {
    this.#quiet.delete(connection);
    this.#asking.delete(connection);
  }
}
