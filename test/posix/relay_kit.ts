// Owns what the tests of the relay start from: an engine that takes its turns on the test's own loop, joined connections
// with raw peers at both ends, and the clean-up of all. Each test gets a rule checked at its end: no descriptor is left.
import { expect } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { systemClock } from "../../src/runtime/node/clock.ts";
import { PosixEngine } from "../../src/runtime/posix/engine.ts";
import type { ConnectFailure, ConnectionId, EngineHandler } from "../../src/runtime/runtime.ts";
import { address, eventually } from "../contract/engine_kit.ts";
import { RawPeer, RawServer } from "../contract/raw_peer.ts";
import { FaultyLibc } from "./faulty_libc.ts";

const EPOLL_EVENT_BYTES = process.arch === "x64" ? 12 : 16;

/** Several turns of the engine's loop for one of the peers'. */
const TURNS_PER_TICK = 4;

/** The end of a join, as the handler heard of it. */
export interface JoinEnd {
  readonly one: ConnectionId;
  readonly other: ConnectionId;
  readonly broken: ConnectionId | undefined;
}

/** Two connections of the engine that are joined, or will be. */
export interface Joined {
  readonly client: ConnectionId;
  readonly upstream: ConnectionId;
  readonly clientPeer: RawPeer;
  readonly upstreamPeer: RawPeer;
}

/** Options of the peers. */
export interface PeerOptions {
  readonly isClientPaused?: boolean;
  readonly isUpstreamPaused?: boolean;
}

/** An engine, its peers and what it said. */
export class RelayKit implements EngineHandler {
  readonly faulty = new FaultyLibc(EPOLL_EVENT_BYTES);
  readonly engine: PosixEngine;
  readonly joinEnds: JoinEnd[] = [];
  readonly accepted: ConnectionId[] = [];
  readonly connected = new Set<ConnectionId>();
  readonly failures: { readonly id: ConnectionId; readonly failure: ConnectFailure }[] = [];
  readonly closed: { readonly id: ConnectionId; readonly reset: boolean }[] = [];
  acceptLimitCount = 0;
  /** Events of single connections, as "data 7" or "end 7": none may come for a joined one. */
  readonly told: string[] = [];
  onAccepted: ((id: ConnectionId) => void) | undefined;
  onConnected: ((id: ConnectionId) => void) | undefined;
  onClosed: ((id: ConnectionId) => void) | undefined;
  onJoinEnded: ((end: JoinEnd) => void) | undefined;
  onMoved: ((from: ConnectionId, movedBytes: number) => void) | undefined;
  readonly #loop: ReturnType<typeof setInterval>;
  readonly #peers: RawPeer[] = [];
  readonly #servers: RawServer[] = [];
  #port = 0;

  constructor() {
    const { ffi, libc } = this.faulty;
    const options = { ffi, libc, clock: systemClock, joinsPort: false, epollEventBytes: EPOLL_EVENT_BYTES } as const;
    this.engine = new PosixEngine(this, options);
    this.#loop = setInterval(() => {
      for (let turn = 0; turn < TURNS_PER_TICK; turn++) this.engine.poll(0);
    }, 1);
  }

  onAccept(id: ConnectionId): void {
    this.accepted.push(id);
    this.onAccepted?.(id);
  }
  onConnect(id: ConnectionId): void {
    this.connected.add(id);
    this.onConnected?.(id);
  }
  onConnectFail(id: ConnectionId, failure: ConnectFailure): void {
    this.failures.push({ id, failure });
  }
  onData(id: ConnectionId): void {
    this.told.push(`data ${id}`);
  }
  onEnd(id: ConnectionId): void {
    this.told.push(`end ${id}`);
  }
  onDrain(id: ConnectionId): void {
    this.told.push(`drain ${id}`);
  }
  onClose(id: ConnectionId, reset: boolean): void {
    this.closed.push({ id, reset });
    this.onClosed?.(id);
  }
  onJoinEnd(one: ConnectionId, other: ConnectionId, broken: ConnectionId | undefined): void {
    const end = { one, other, broken };
    this.joinEnds.push(end);
    this.onJoinEnded?.(end);
  }
  onMoveEnd(from: ConnectionId, movedBytes: number): void {
    this.onMoved?.(from, movedBytes);
  }
  onWake(): void {}
  onAcceptLimit(): void {
    this.acceptLimitCount++;
  }

  /** The port of the engine's listener on 127.0.0.1, made at the first call. */
  async port(): Promise<number> {
    if (this.#port === 0) this.#port = (await this.engine.listen(address("127.0.0.1"), 0)).port;
    return this.#port;
  }

  async server(options: { readonly isPaused?: boolean } = {}): Promise<RawServer> {
    const server = await RawServer.listen("127.0.0.1", options);
    this.#servers.push(server);
    return server;
  }

  async peer(options: { readonly isPaused?: boolean } = {}): Promise<RawPeer> {
    const peer = await RawPeer.connect("127.0.0.1", await this.port(), options);
    this.#peers.push(peer);
    return peer;
  }

  /** Two connections with a peer each, not joined yet: the client's was accepted, the upstream's dialled. */
  async pair(options: PeerOptions = {}): Promise<Joined> {
    const server = await this.server({ isPaused: options.isUpstreamPaused ?? false });
    const count = this.accepted.length;
    const clientPeer = await this.peer({ isPaused: options.isClientPaused ?? false });
    await eventually("an accept", () => this.accepted.length > count);
    const client = this.accepted[count]!;
    const accepting = server.accepted();
    const upstream = this.engine.connect(address("127.0.0.1"), server.port);
    const upstreamPeer = await accepting;
    await eventually("a connect", () => this.connected.delete(upstream));
    return { client, upstream, clientPeer, upstreamPeer };
  }

  /** The same, joined. */
  async joined(options: PeerOptions = {}): Promise<Joined> {
    const pair = await this.pair(options);
    this.engine.join(pair.client, pair.upstream);
    return pair;
  }

  /** The end of this join, which must come alone. */
  async joinEnd({ client, upstream }: Joined): Promise<JoinEnd> {
    const isIts = ({ one, other }: JoinEnd) =>
      (one === client && other === upstream) || (one === upstream && other === client);
    await eventually("the join's end", () => this.joinEnds.some(isIts));
    expect(this.joinEnds.filter(isIts)).toHaveLength(1);
    return this.joinEnds.find(isIts)!;
  }

  /** Resolves once no octet has been moved from a connection for a while: its way is blocked, or it has nothing. */
  async settled(id: ConnectionId): Promise<number> {
    let before = -1;
    for (let same = 0; same < 10;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = this.engine.joinedBytes(id);
      same = now === before ? same + 1 : 0;
      before = now;
    }
    return before;
  }

  /** Ends everything. */
  cleanUp(): void {
    clearInterval(this.#loop);
    this.engine.destroy();
    for (const peer of this.#peers) peer.socket.destroy();
    for (const server of this.#servers) server.close();
  }
}

/** Runs steps on a kit of their own; afterwards everything that was opened must be closed. */
export async function withRelay(steps: (kit: RelayKit) => Promise<void>): Promise<void> {
  const before = await settledFiles();
  const kit = new RelayKit();
  try {
    await steps(kit);
  } finally {
    kit.cleanUp();
  }
  await eventually(`no more than ${before} open sockets and pipes`, () => openSocketsAndPipes() <= before);
}

/**
 * How many sockets and pipes this process has open. Each counts once, since the runtime duplicates its standard output when
 * it pleases; so it makes epoll instances, which do not count.
 */
export function openSocketsAndPipes(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // The descriptor that the directory was read with.
    }
  });
  return new Set(links.filter((link) => /^(?:socket|pipe):/.test(link))).size;
}

/** How many of them are open once what earlier tests closed is gone. */
async function settledFiles(): Promise<number> {
  let before = -1;
  for (let now = openSocketsAndPipes(); now !== before; now = openSocketsAndPipes()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return before;
}
