// The threads of a data plane, played by the test: one that dies gives its places back, one that hangs holds no end up.
import { expect, test } from "bun:test";
import { IpAddress } from "../../src/address/ip_address.ts";
import { ThreadedDataPlane } from "../../src/plane/threaded_data_plane.ts";
import { TrafficCounters } from "../../src/observe/traffic_counters.ts";
import type { FromThread, ThreadStart, ToThread } from "../../src/plane/thread_messages.ts";
import { ConnectionBudget } from "../../src/proxy/connection_budget.ts";
import type { ThreadEvents } from "../../src/runtime/runtime.ts";

const LOOPBACK = IpAddress.parse("127.0.0.1")!;
const SETTINGS = {
  connectTimeoutMs: 0,
  headerTimeoutMs: 0,
  idleTimeoutMs: 0,
  responseTimeoutMs: 0,
  maxConnections: 10,
  maxConnectionsPerClient: 2,
  reportOnly: false,
};

/** A thread as the test plays it. */
class PlayedThread {
  readonly start: ThreadStart;
  readonly events: ThreadEvents;
  readonly got: ToThread["kind"][] = [];
  readonly budget: ConnectionBudget;

  constructor(start: ThreadStart, events: ThreadEvents) {
    this.start = start;
    this.events = events;
    this.budget = new ConnectionBudget(start.connections, start.settings, start.threads, start.thread);
  }

  say(message: FromThread): void {
    this.events.onMessage(message);
  }
}

async function startPlane(workers: number) {
  const threads: PlayedThread[] = [];
  const ends: string[] = [];
  const plane = new ThreadedDataPlane({
    threads: {
      prepare: () => {},
      dismiss: () => {},
      spawn(start, events) {
        const thread = new PlayedThread(start as ThreadStart, events);
        threads.push(thread);
        queueMicrotask(() => thread.say({ kind: "listening", address: "127.0.0.1", port: 8080 }));
        return { post: (message) => void thread.got.push((message as ToThread).kind) };
      },
    },
    workers,
    start: { rules: "*", settings: SETTINGS, instance: "x", logFormat: "json", accessLog: "on", admin: undefined },
    writeLog: () => {},
    onAcceptLimit: () => {},
    onRevoked: () => {},
    onThreadEnd: (reason) => ends.push(reason),
  });
  await plane.listen(LOOPBACK, 8080);
  return { plane, threads, ends };
}

test("the first thread takes the port alone, the others join it there", async () => {
  const { threads } = await startPlane(3);
  expect(threads.map(({ start }) => start.joinsPort)).toEqual([false, true, true]);
});

test("each thread is told which it is, and all share their places", async () => {
  const { plane, threads } = await startPlane(2);
  expect(threads.map(({ start }) => [start.thread, start.threads])).toEqual([[0, 2], [1, 2]]);
  expect(threads[0]!.budget.take(LOOPBACK)).toBeUndefined();
  expect(threads[1]!.budget.take(LOOPBACK)).toBeUndefined();
  expect(threads[0]!.budget.take(LOOPBACK)).toBe("client");
  expect(plane.openConnections).toBe(2);
});

test("a thread that dies gives the places of its connections back, all of them and the client's", async () => {
  const { plane, threads, ends } = await startPlane(2);
  for (let count = 0; count < 2; count++) threads[0]!.budget.take(LOOPBACK);
  threads[0]!.events.onEnd("out of memory");
  expect([plane.openConnections, ends]).toEqual([0, ["out of memory"]]);
  expect(threads[1]!.budget.take(LOOPBACK)).toBeUndefined();
  plane.stopAccepting();
});

test("a thread that dies during the drain is waited for no longer, and not replaced", async () => {
  const { plane, threads } = await startPlane(2);
  plane.stopAccepting();
  const empty = plane.whenEmpty();
  threads[0]!.say({ kind: "empty" });
  threads[1]!.events.onEnd("gone");
  await empty;
  expect(threads.length).toBe(2);
  expect(threads[0]!.got).toContain("stop-accepting");
});

test("a thread that hangs is not waited for at the end: its connections are told as cut by the end of the process", async () => {
  const { plane, threads } = await startPlane(3);
  for (const thread of threads) thread.budget.take(IpAddress.parse(`10.0.0.${thread.start.thread + 1}`)!);
  plane.stopAccepting();
  const cut = plane.cut();
  threads[0]!.say({ kind: "cut", counts: { requests: 1, tunnels: 2 } });
  threads[1]!.events.onEnd("gone");
  expect(await cut).toEqual({ requests: 1, tunnels: 2, untold: 1 });
});

test("what all threads count is one sum, which a thread that takes another's place goes on with", async () => {
  const { plane, threads } = await startPlane(2);
  const [first, second] = threads.map(({ start }) => new TrafficCounters(start.traffic));
  first!.add("connectionsOpened", 3);
  first!.countDecision(7);
  second!.add("connectionsOpened", 2);
  second!.add("connectionsClosed");
  second!.countDecision(7);
  expect(plane.readTraffic().get("connectionsOpened")).toBe(5);
  expect(plane.readTraffic().decisionCount(7)).toBe(2);
  new TrafficCounters(threads[0]!.start.traffic).takeOver();
  expect(plane.readTraffic().get("connectionsOpened")).toBe(5);
  expect(plane.readTraffic().get("connectionsClosed")).toBe(4);
});

test("a ping is answered by as many threads as answer", async () => {
  const { plane, threads } = await startPlane(2);
  const both = plane.ping(60_000);
  for (const thread of threads) thread.say({ kind: "pong", token: 1 });
  expect(await both).toEqual({ asked: 2, answered: 2 });
  const one = plane.ping(1);
  threads[0]!.say({ kind: "pong", token: 2 });
  threads[1]!.say({ kind: "pong", token: 1 }); // of the ping before
  expect(await one).toEqual({ asked: 2, answered: 1 });
  const dying = plane.ping(60_000);
  threads[0]!.say({ kind: "pong", token: 3 });
  threads[1]!.events.onEnd("out of memory");
  expect(await dying).toEqual({ asked: 2, answered: 2 });
});
