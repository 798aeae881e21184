// The orderly end: what is waited for, in which order, and what is cut.
import { describe, expect, test } from "bun:test";
import type { CutReport } from "../../src/plane/data_plane.ts";
import { type Drainable, drainProxy } from "../../src/cli/drain.ts";

/** A proxy with so many open sessions; `empty` ends them. */
class FakeProxy implements Drainable {
  readonly events: string[] = [];
  readonly #gone = Promise.withResolvers<void>();
  openConnections: number;

  constructor(open: number) {
    this.openConnections = open;
    if (open === 0) this.#gone.resolve();
  }

  empty(): void {
    this.openConnections = 0;
    this.#gone.resolve();
  }

  announceEnd(): void {
    this.events.push("announceEnd");
  }

  stopAccepting(): void {
    this.events.push("stopAccepting");
  }

  whenEmpty(): Promise<void> {
    this.events.push("whenEmpty");
    return this.#gone.promise;
  }

  cut(): Promise<CutReport> {
    this.events.push("cut");
    return Promise.resolve({ requests: 0, tunnels: this.openConnections, untold: 0 });
  }
}

const NEVER = new Promise<void>(() => {});
const AN_HOUR = 3_600_000;

describe("drainProxy()", () => {
  test("ends at once where nothing is open", async () => {
    const proxy = new FakeProxy(0);
    const settings = { drainDelayMs: 0, drainTimeoutMs: AN_HOUR };
    expect(await drainProxy(proxy, settings, NEVER)).toEqual({
      ended: "drained",
      cut: { requests: 0, tunnels: 0, untold: 0 },
    });
    expect(proxy.events).toEqual(["stopAccepting", "whenEmpty"]);
  });

  test("asks for the last lines of the log at a second signal, though nothing is open any more", async () => {
    const proxy = new FakeProxy(1);
    const hurry = Promise.withResolvers<void>();
    const report = drainProxy(proxy, { drainDelayMs: 0, drainTimeoutMs: AN_HOUR }, hurry.promise);
    proxy.openConnections = 0; // and its thread has not said so yet
    hurry.resolve();
    expect((await report).ended).toBe("second signal");
    expect(proxy.events).toEqual(["stopAccepting", "whenEmpty", "cut"]);
  });

  test("accepts for the delay, with the end announced, before it stops", async () => {
    const proxy = new FakeProxy(0);
    const report = drainProxy(proxy, { drainDelayMs: 20, drainTimeoutMs: AN_HOUR }, NEVER);
    await Promise.resolve();
    expect(proxy.events).toEqual(["announceEnd"]);
    expect((await report).ended).toBe("drained");
    expect(proxy.events[1]).toBe("stopAccepting");
  });

  for (const drainTimeoutMs of [AN_HOUR, 0]) {
    test(`waits for what is open and cuts nothing, with a limit of ${drainTimeoutMs} ms`, async () => {
      const proxy = new FakeProxy(2);
      const report = drainProxy(proxy, { drainDelayMs: 0, drainTimeoutMs }, NEVER);
      proxy.empty();
      expect(await report).toEqual({ ended: "drained", cut: { requests: 0, tunnels: 0, untold: 0 } });
      expect(proxy.events).not.toContain("cut");
    });
  }

  test("cuts what is open at the limit", async () => {
    const proxy = new FakeProxy(2);
    const settings = { drainDelayMs: 0, drainTimeoutMs: 1 };
    expect(await drainProxy(proxy, settings, NEVER)).toEqual({
      ended: "drain timeout",
      cut: { requests: 0, tunnels: 2, untold: 0 },
    });
    expect(proxy.events).toEqual(["stopAccepting", "whenEmpty", "cut"]);
  });

  test("does not take a limit beyond the range of timers for none left", async () => {
    const proxy = new FakeProxy(1);
    const report = drainProxy(proxy, { drainDelayMs: 0, drainTimeoutMs: 2 ** 31 }, NEVER);
    await new Promise((resolve) => setTimeout(resolve, 5));
    proxy.empty();
    expect((await report).ended).toBe("drained");
  });

  const hurried = [
    { name: "during the delay", settings: { drainDelayMs: AN_HOUR, drainTimeoutMs: AN_HOUR } },
    { name: "while it waits", settings: { drainDelayMs: 0, drainTimeoutMs: AN_HOUR } },
    { name: "while it waits without limit", settings: { drainDelayMs: 0, drainTimeoutMs: 0 } },
  ];
  for (const { name, settings } of hurried) {
    test(`cuts at once at a second signal ${name}`, async () => {
      const proxy = new FakeProxy(3);
      const hurry = Promise.withResolvers<void>();
      const report = drainProxy(proxy, settings, hurry.promise);
      hurry.resolve();
      expect(await report).toEqual({ ended: "second signal", cut: { requests: 0, tunnels: 3, untold: 0 } });
      expect(proxy.events).toContain("stopAccepting");
      expect(proxy.events.at(-1)).toBe("cut");
    });
  }
});
