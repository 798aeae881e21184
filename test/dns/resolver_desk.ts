// Owns a resolver on stand-ins, with a record of whom it told what, for the tests of resolution.
import { expect } from "bun:test";
import type { Answer } from "../../src/dns/answer.ts";
import { Resolver, type ResolverSettings } from "../../src/dns/resolver.ts";
import type { StubAnswer } from "../support/dns_stub.ts";
import { FakeClock, type FakeExchange, FakeFiles, type FakeReply, FakeTransport, server } from "./fake_parts.ts";

/** An answer of both families. */
export const BOTH: StubAnswer = { addresses: ["192.0.2.1", "2001:db8::1"], ttlSeconds: 60 };

/** One server that is asked once and waited for 20 ms. */
export const QUICK: ResolverSettings = { servers: [server("192.0.2.53")], attemptTimeoutMs: 20, attempts: 1 };

/** The same, waited for longer than any test takes. */
export const PATIENT: ResolverSettings = { ...QUICK, attemptTimeoutMs: 60_000 };

/** A resolver with all that it stands on, and a record of whom it told what. */
export interface Desk extends AsyncDisposable {
  readonly resolver: Resolver;
  readonly clock: FakeClock;
  readonly files: FakeFiles;
  readonly transport: FakeTransport;
  /** "token: answer", in order. */
  readonly told: string[];
  onTold: ((token: number) => void) | undefined;
  lookup(name: string, token: number): Answer | undefined;
  /** What a look-up ends in, at once or later. */
  answer(name: string, token: number): Promise<string>;
  /** "name type" of every exchange. */
  asked(): string[];
  untilTold(count: number): Promise<void>;
  /** Resolves when everything that was under way has had its turns, and `ms` have passed. */
  quiet(ms?: number): Promise<void>;
}

/** Opens a desk whose name servers are `reply` and whose files are `texts`. */
export async function openDesk(
  reply: (exchange: FakeExchange) => FakeReply,
  settings: ResolverSettings = QUICK,
  texts: Readonly<Record<string, string>> = {},
): Promise<Desk> {
  const clock = new FakeClock();
  const files = new FakeFiles(texts);
  const transport = new FakeTransport(reply);
  const told: string[] = [];
  let check = (): void => {};
  const resolver = await Resolver.create({ dns: transport, files, clock }, settings, (token, answer) => {
    told.push(`${token}: ${format(answer)}`);
    check();
    desk.onTold?.(token);
  });
  const desk: Desk = {
    resolver,
    clock,
    files,
    transport,
    told,
    onTold: undefined,
    lookup: (name, token) => resolver.lookup(name, token),
    async answer(name, token) {
      const before = told.length;
      const answer = resolver.lookup(name, token);
      if (answer !== undefined) return format(answer);
      await desk.untilTold(before + 1);
      expect(told[before]).toStartWith(`${token}: `);
      return told[before]!.slice(`${token}: `.length);
    },
    asked: () => transport.exchanges.map(({ name, type }) => `${name} ${type}`),
    untilTold(count) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${told.length} of ${count} were told`)), 3_000);
        check = () => {
          if (told.length < count) return;
          clearTimeout(timer);
          resolve();
        };
        check();
      });
    },
    quiet: (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms)),
    [Symbol.asyncDispose]() {
      resolver.close();
      return Promise.resolve();
    },
  };
  return desk;
}

/** The answer in a few words. */
export function format(answer: Answer | undefined): string {
  if (answer === undefined) return "pending";
  if (answer.kind === "addresses") return answer.addresses.join(" ");
  return answer.kind === "none" ? answer.reason : answer.kind;
}
