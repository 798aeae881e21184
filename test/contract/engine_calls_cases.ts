// Owns the contract cases of when a handler is called: calls inside events, the alarm, and the limit of descriptors.
import { ok, strictEqual } from "node:assert";
import { systemClock } from "../../src/runtime/node/clock.ts";
import type { ConnectionId } from "../../src/runtime/runtime.ts";
import { address, type EngineCase, engineCase, octets } from "./engine_kit.ts";

/** The cases. That no event comes during a call or another event is checked in all cases. */
export const callsCases: readonly EngineCase[] = [
  ...(["close", "reset"] as const).flatMap((end) =>
    (["accept", "data", "end"] as const).map((kind) =>
      engineCase(`${end}() inside an event (${kind}) is the last of that id`, async (kit) => {
        const { engine } = kit;
        const port = await kit.port();
        let ended: ConnectionId | undefined;
        engine.onEvent = (event) => {
          if (event.kind !== kind || ended !== undefined) return;
          ended = event.id;
          engine.write(event.id, octets("bye"));
          engine[end](event.id);
          engine[end](event.id);
        };
        const peer = await kit.peer("127.0.0.1", port);
        peer.end("some bytes");
        await peer.until("end", () => peer.hasEnded || peer.errorCode !== undefined);
        const seen = engine.events.length;
        await kit.turns();
        strictEqual(engine.events.length, seen);
      })
    )
  ),

  engineCase("connect() inside onClose and onConnectFail gives an id that works", async (kit) => {
    const { engine } = kit;
    const { peer } = await kit.accept();
    const server = await kit.server("127.0.0.1");
    const dialled: ConnectionId[] = [];
    engine.onEvent = (event) => {
      if (event.kind === "close") dialled.push(engine.connect(address("255.255.255.255"), 1));
      if (event.kind === "fail") dialled.push(engine.connect(address("127.0.0.1"), server.port));
    };
    peer.reset();
    await engine.take("connect");
    strictEqual(dialled.length, 2);
  }),

  engineCase("both sides of a relay may be closed inside either's event", async (kit) => {
    const { engine } = kit;
    const near = await kit.accept();
    const far = await kit.dial();
    engine.onEvent = (event) => {
      if (event.kind !== "close") return;
      engine.reset(near.id);
      engine.reset(far.id);
    };
    near.peer.reset();
    far.peer.reset();
    await engine.take("close");
    await kit.turns();
    strictEqual(engine.events.filter((event) => event.kind === "close").length, 1);
  }),

  engineCase("wakeAt() rings once, not before its time", async (kit) => {
    const { engine } = kit;
    const timeMs = systemClock.nowMs() + 20;
    engine.wakeAt(timeMs);
    const { nowMs } = await engine.take("wake");
    ok(nowMs !== undefined && nowMs >= timeMs, `woken at ${nowMs} for ${timeMs}`);
    await kit.turns();
    strictEqual(engine.count("wake", -1), 1);
  }),

  engineCase("wakeAt() with an earlier time replaces the later, and not the other way round", async (kit) => {
    const { engine } = kit;
    const nowMs = systemClock.nowMs();
    engine.wakeAt(nowMs + 3_600_000);
    engine.wakeAt(nowMs + 20);
    engine.wakeAt(nowMs + 7_200_000);
    await engine.take("wake");
    engine.wakeAt(systemClock.nowMs() + 10);
    await engine.take("wake");
  }),

  engineCase("wakeAt() with a time that is past rings soon; a time of years is no time at all", async (kit) => {
    const { engine } = kit;
    engine.wakeAt(systemClock.nowMs() + 1e13);
    await kit.turns();
    strictEqual(engine.count("wake", -1), 0);
    engine.wakeAt(systemClock.nowMs() - 1000);
    await engine.take("wake");
  }),

  engineCase("wakeAt() may be called inside onWake", async (kit) => {
    const { engine } = kit;
    engine.onEvent = (event) => {
      if (event.kind === "wake" && engine.count("wake", -1) < 3) engine.wakeAt(event.nowMs ?? 0);
    };
    engine.wakeAt(systemClock.nowMs());
    await engine.until("three wakes", () => engine.count("wake", -1) === 3);
  }),
];
