// Owns the answer to "may traffic be sent here?". Told by whoever starts and ends the proxy.

/** What keeps a proxy from being ready. */
export type NotReady = "starting" | "draining";

/** The readiness of one proxy: it is ready from when it listens with rules in force until it begins to end. */
export class Readiness {
  #notReady: NotReady | undefined = "starting";

  /** Why it is not ready; undefined where it is. */
  get reason(): NotReady | undefined {
    return this.#notReady;
  }

  /** Begins: it listens, and has rules. */
  begin(): void {
    if (this.#notReady === "starting") this.#notReady = undefined;
  }

  /** Ends for good: it is about to stop. */
  end(): void {
    this.#notReady = "draining";
  }
}
