// Owns how what was said about A and about AAAA becomes one answer with its life. Pure; asks nobody.
import type { IpAddress } from "../address/ip_address.ts";
import type { Answer } from "./answer.ts";
import { clampTtlMs, FAILURE_TTL_MS } from "./answer_cache.ts";
import type { Outcome } from "./name_servers.ts";

/** How long an answer is kept when one family of it is missing for want of a reply. */
export const PARTIAL_TTL_MS = 1_000;

/** The answer to a name and how long it is good; 0 is not to be kept. */
export interface Combined {
  readonly answer: Answer;
  readonly ttlMs: number;
}

/**
 * Joins both families. Addresses of one are enough whatever became of the other: each is judged before it is dialled, so
 * a part of the truth opens nothing. Without any, the surest statement counts: that the name does not exist, then a
 * failure, and "no data" only where both said so.
 */
export function combineFamilies(ipv4: Outcome, ipv6: Outcome): Combined {
  const addresses = [...listAddresses(ipv6), ...listAddresses(ipv4)];
  if (addresses.length > 0) {
    const isPartial = isUnanswered(ipv4) || isUnanswered(ipv6);
    const ttlSeconds = Math.min(readTtlSeconds(ipv4), readTtlSeconds(ipv6));
    return {
      answer: { kind: "addresses", addresses: dropRepeats(addresses) },
      ttlMs: isPartial ? PARTIAL_TTL_MS : clampTtlMs(ttlSeconds),
    };
  }
  const outcomes = [ipv4, ipv6];
  const isUncertain = outcomes.some((outcome) => outcome.kind === "timeout" || outcome.kind === "unreachable");
  const ttlMs = isUncertain ? PARTIAL_TTL_MS : FAILURE_TTL_MS;
  if (outcomes.some((outcome) => outcome.kind === "none" && outcome.reason === "NXDOMAIN")) {
    return { answer: { kind: "none", reason: "NXDOMAIN" }, ttlMs };
  }
  for (const outcome of outcomes) {
    if (outcome.kind === "failed") return { answer: { kind: "none", reason: outcome.reason }, ttlMs };
  }
  if (outcomes.some((outcome) => outcome.kind === "timeout")) return { answer: { kind: "timeout" }, ttlMs: 0 };
  const reason = isUncertain ? "name server unreachable" : "no data";
  return { answer: { kind: "none", reason }, ttlMs };
}

function listAddresses(outcome: Outcome): readonly IpAddress[] {
  return outcome.kind === "addresses" ? outcome.addresses : [];
}

function readTtlSeconds(outcome: Outcome): number {
  return outcome.kind === "addresses" ? outcome.ttlSeconds : Infinity;
}

function isUnanswered(outcome: Outcome): boolean {
  return outcome.kind !== "addresses" && outcome.kind !== "none";
}

function dropRepeats(addresses: readonly IpAddress[]): readonly IpAddress[] {
  const seen = new Set<string>();
  return addresses.filter(({ text }) => !seen.has(text) && seen.add(text));
}
