// Tests that tunnels opened and cut at random leave nothing behind. EGRESS_TEST_SOAK_MS makes the soak longer than its two
// seconds: `EGRESS_TEST_SOAK_MS=3600000 npx bun test test/posix/churn.test.ts`; EGRESS_TEST_SEED repeats a run's choices.
import { describe, expect, test } from "bun:test";
import { address, eventually, pattern } from "../contract/engine_kit.ts";
import { RawPeer, RawServer } from "../contract/raw_peer.ts";
import { openSocketsAndPipes, type RelayKit, withRelay } from "./relay_kit.ts";

const SOAK_MS = Number(process.env.EGRESS_TEST_SOAK_MS || 2_000);
const SEED = Number(process.env.EGRESS_TEST_SEED || Math.floor(Math.random() * 2 ** 31));
const TUNNELS = 2_000;
const AT_ONCE = 25;
const MESSAGES = [0, 1, 1_000, 70_000, 500_000].map((count) => pattern(count));

/** Numbers below `bound`, the same for the same seed (xorshift32). */
function makeRandom(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Opens tunnels through the engine and cuts each at a random point in a random way. */
class Churn {
  opened = 0;
  readonly #kit: RelayKit;
  readonly #server: RawServer;
  readonly #random: (bound: number) => number;
  /** The pairs that are joined, by either id. */
  readonly #pairs = new Map<number, readonly [client: number, upstream: number]>();

  constructor(kit: RelayKit, server: RawServer, random: (bound: number) => number) {
    this.#kit = kit;
    this.#server = server;
    this.#random = random;
    const clientOf = new Map<number, number>();
    /** Clients without an upstream yet; one that resets before there is a join is none any more. */
    const waiting = new Set<number>();
    kit.onClosed = (id) => void waiting.delete(id);
    kit.onAccepted = (id) => {
      kit.engine.pause(id);
      waiting.add(id);
      clientOf.set(kit.engine.connect(address("127.0.0.1"), server.port), id);
    };
    kit.onConnected = (id) => {
      const client = clientOf.get(id)!;
      clientOf.delete(id);
      if (!waiting.delete(client)) return kit.engine.reset(id);
      const pair = [client, id] as const;
      this.#pairs.set(client, pair).set(id, pair);
      kit.engine.join(client, id);
    };
    kit.onJoinEnded = ({ one, other }) => {
      expect(this.#pairs.get(one)).toContain(other);
      this.#forget(one, other);
    };
  }

  get joinedCount(): number {
    return this.#pairs.size / 2;
  }

  /** One tunnel after the other while `goesOn`. */
  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      this.opened++;
      await this.#tunnel();
    }
  }

  async #tunnel(): Promise<void> {
    const peer = await RawPeer.connect("127.0.0.1", await this.#kit.port());
    expect(peer.errorCode).toBeUndefined();
    const mark = this.#random(2 ** 31);
    const mine = new Uint8Array(8);
    new DataView(mine.buffer).setFloat64(0, mark);
    peer.write(mine);
    await peer.until("echo or end", () => peer.receivedCount >= mine.length || peer.hasEnded || peer.isClosed);
    if (peer.receivedCount >= mine.length) expect(peer.received.subarray(0, mine.length)).toEqual(mine);
    peer.write(MESSAGES[this.#random(MESSAGES.length)]!);
    const way = peer.hasEnded ? 0 : this.#random(5);
    if (way === 0) peer.end();
    else if (way === 1) peer.reset();
    else if (way === 2) peer.socket.destroy();
    else this.#cutOne(way === 3 ? "close" : "reset");
    // It may not be the one that was cut.
    if (way > 2) this.#random(2) === 0 ? peer.end() : peer.reset();
    await peer.until("close", () => peer.isClosed);
  }

  #cutOne(how: "close" | "reset"): void {
    const pair = [...this.#pairs.values()][this.#random(Math.max(1, this.#pairs.size))];
    if (pair === undefined) return;
    this.#forget(...pair);
    for (const id of pair) this.#kit.engine[how](id);
  }

  #forget(one: number, other: number): void {
    this.#pairs.delete(one);
    this.#pairs.delete(other);
  }

  /** The server sends everything back, and ends or resets when it likes. */
  serve(): void {
    this.#server.server.on("connection", (socket) => {
      socket.pipe(socket);
      if (this.#random(6) === 0) socket.once("data", () => setImmediate(() => socket.resetAndDestroy()));
    });
  }
}

async function churn(goesOn: (churn: Churn) => boolean): Promise<number> {
  let opened = 0;
  await withRelay(async (kit) => {
    const server = await kit.server();
    await kit.port();
    const before = openSocketsAndPipes();
    const all = new Churn(kit, server, makeRandom(SEED));
    all.serve();
    await Promise.all(Array.from({ length: AT_ONCE }, () => all.run(() => goesOn(all))));
    opened = all.opened;
    await eventually(`all joins to end (seed ${SEED})`, () => all.joinedCount === 0);
    expect(kit.engine.lentPipes).toBe(0);
    // Pipes are kept for the next: no more than one for each direction that there was at once.
    await eventually(
      `${before} open sockets and pipes again (seed ${SEED})`,
      () => openSocketsAndPipes() <= before + Math.min(kit.faulty.calls.pipe2, 2 * AT_ONCE),
    );
  });
  return opened;
}

describe.skipIf(process.platform !== "linux")("churn", () => {
  test(`${TUNNELS} tunnels cut at random leave no descriptor`, async () => {
    expect(await churn((all) => all.opened < TUNNELS)).toBe(TUNNELS);
  }, 60_000);

  test(`tunnels come and go for ${SOAK_MS} ms`, async () => {
    const endMs = performance.now() + SOAK_MS;
    expect(await churn(() => performance.now() < endMs)).toBeGreaterThan(AT_ONCE);
  }, SOAK_MS + 60_000);
});
