// Owns the words between the control plane (main thread) and the threads of the data plane. Plain values: they are copied.
import { IpAddress } from "../address/ip_address.ts";
import type { Answer } from "../dns/answer.ts";
import type { AccessLogMode } from "../observe/access_log.ts";
import type { LogFormat } from "../observe/log_line.ts";
import type { CutCounts } from "../proxy/server.ts";
import type { RevokedCounts } from "../proxy/revocation.ts";
import type { ProxySettings } from "../proxy/settings.ts";

/** What a thread is started with. */
export interface ThreadStart {
  readonly rules: string;
  readonly settings: ProxySettings;
  /** The word by which this running proxy knows its own Via. */
  readonly instance: string;
  /** undefined: every address, IPv4 and IPv6. */
  readonly address: string | undefined;
  readonly port: number;
  /** Other threads listen there already; else nobody may. */
  readonly joinsPort: boolean;
  readonly logFormat: LogFormat;
  readonly accessLog: AccessLogMode;
  /** The client connections of all threads, as makeBudgetMemory makes it. */
  readonly connections: SharedArrayBuffer;
  /** What this thread counts in, as makeTrafficMemory makes it; another may have counted in it before. */
  readonly traffic: SharedArrayBuffer;
  /** The admin endpoint's listener. */
  readonly admin: { readonly address: string; readonly port: number } | undefined;
  /** How many threads there are, and which of them this is, from 0. */
  readonly threads: number;
  readonly thread: number;
}

/** From the control plane to a thread. */
export type ToThread =
  | { readonly kind: "rules"; readonly rules: string }
  | {
    readonly kind: "answer";
    readonly name: string;
    readonly token: number;
    readonly answer: PlainAnswer;
    /** For how long the thread may use it without asking again. */
    readonly keepMs: number;
  }
  | { readonly kind: "ping"; readonly token: number }
  | { readonly kind: "announce-end" }
  | { readonly kind: "stop-accepting" }
  | { readonly kind: "cut" };

/** From a thread to the control plane. */
export type FromThread =
  | { readonly kind: "listening"; readonly address: string; readonly port: number }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "lookup"; readonly token: number; readonly name: string }
  | { readonly kind: "forget"; readonly token: number }
  | { readonly kind: "log"; readonly lines: string }
  | { readonly kind: "pong"; readonly token: number }
  | { readonly kind: "accept-limit" }
  | { readonly kind: "revoked"; readonly counts: RevokedCounts }
  | { readonly kind: "empty" }
  | { readonly kind: "cut"; readonly counts: CutCounts };

/** An answer with its addresses as text, since a class does not survive the copy. */
export type PlainAnswer =
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | Exclude<Answer, { readonly kind: "addresses" }>;

/** Makes an answer plain. */
export function toPlainAnswer(answer: Answer): PlainAnswer {
  if (answer.kind !== "addresses") return answer;
  return { kind: "addresses", addresses: answer.addresses.map(({ text }) => text) };
}

/** Makes an answer of its plain form. */
export function fromPlainAnswer(answer: PlainAnswer): Answer {
  if (answer.kind !== "addresses") return answer;
  const addresses = answer.addresses.map((text) => IpAddress.parse(text));
  return { kind: "addresses", addresses: addresses.filter((address) => address !== undefined) };
}
