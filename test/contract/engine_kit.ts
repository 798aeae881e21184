// Owns what every contract case starts from: a watched engine, peers for it, and the clean-up of both.
import { readdirSync } from "node:fs";
import { IpAddress } from "../../src/address/ip_address.ts";
import type { ConnectionId, CreateEngine } from "../../src/runtime/runtime.ts";
import { DEADLINE_MS, EngineWatch } from "./engine_watch.ts";
import { RawPeer, RawServer } from "./raw_peer.ts";

/** One behaviour that every engine has. */
export interface EngineCase {
  readonly name: string;
  run(createEngine: CreateEngine): Promise<void>;
}

/** A connection of the engine and its other end. */
export interface Pair {
  readonly id: ConnectionId;
  readonly peer: RawPeer;
}

/** What a case works with. */
export class EngineKit {
  readonly engine: EngineWatch;
  readonly #peers: RawPeer[] = [];
  readonly #servers: RawServer[] = [];
  #port = 0;

  constructor(createEngine: CreateEngine) {
    this.engine = new EngineWatch(createEngine);
  }

  /** The port of a listener of the engine on 127.0.0.1, made at the first call. */
  async port(): Promise<number> {
    if (this.#port === 0) this.#port = (await this.engine.listen(address("127.0.0.1"), 0)).port;
    return this.#port;
  }

  /** A peer that connected to the engine. */
  async accept(options: { readonly isPaused?: boolean } = {}): Promise<Pair> {
    const peer = await this.peer("127.0.0.1", await this.port(), options);
    const { id } = await this.engine.take("accept");
    return { id, peer };
  }

  /** A peer that the engine connected to. */
  async dial(options: { readonly isPaused?: boolean } = {}): Promise<Pair> {
    const server = await this.server("127.0.0.1", options);
    const accepted = server.accepted();
    const id = this.engine.connect(address("127.0.0.1"), server.port);
    const [peer] = await Promise.all([accepted, this.engine.take("connect", id)]);
    return { id, peer };
  }

  async peer(host: string, port: number, options: { readonly isPaused?: boolean } = {}): Promise<RawPeer> {
    const peer = await RawPeer.connect(host, port, options);
    this.#peers.push(peer);
    return peer;
  }

  async server(host: string, options: { readonly isPaused?: boolean } = {}): Promise<RawServer> {
    const server = await RawServer.listen(host, options);
    this.#servers.push(server);
    return server;
  }

  /** Lets the loop go round often enough that whatever was on its way has come: ten exchanges beside the engine. */
  async turns(): Promise<void> {
    const server = await RawServer.listen("127.0.0.1");
    const accepted = server.accepted();
    const near = await RawPeer.connect("127.0.0.1", server.port);
    const far = await accepted;
    for (let turn = 1; turn <= 5; turn++) {
      near.write("x");
      await far.untilReceived(turn);
      far.write("x");
      await near.untilReceived(turn);
    }
    near.socket.destroy();
    server.close();
  }

  /** Throws if a rule was broken, now or by what is still on its way after everything is closed. */
  async finish(): Promise<void> {
    this.engine.finish();
    await this.turns();
    this.engine.finish();
  }

  cleanUp(): void {
    for (const peer of this.#peers) peer.socket.destroy();
    for (const server of this.#servers) server.close();
  }
}

/** Makes a case out of its steps. */
export function engineCase(name: string, steps: (kit: EngineKit) => Promise<void>): EngineCase {
  return {
    name,
    async run(createEngine) {
      const kit = new EngineKit(createEngine);
      try {
        await steps(kit);
        await kit.finish();
      } finally {
        kit.cleanUp();
        try {
          kit.engine.finish();
        } catch {
          // The steps' own error says more.
        }
      }
    },
  };
}

/** An address of a literal. */
export function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`Not an address: ${text}`);
  return parsed;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Octets of ASCII text. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** ASCII text of octets. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes of a pattern that no shift by less than 64 KiB repeats, starting at `offset` of it. */
export function pattern(count: number, offset = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = patternByte(offset + i);
  return bytes;
}

/** Where the bytes first differ from the pattern from `offset` on, or -1. */
export function patternFault(bytes: Uint8Array, offset = 0): number {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== patternByte(offset + i)) return offset + i;
  }
  return -1;
}

function patternByte(index: number): number {
  return (index * 31 + (index >> 8) * 7 + (index >> 16) * 3) & 255;
}

/** How many descriptors this process has open. */
export function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Resolves once the condition holds, asked every few milliseconds: for what tells nobody when it happens. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`Never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
