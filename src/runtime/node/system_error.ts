// Owns what the kernel's error names mean to the core: why a dial failed, and what to tell whoever can't listen.
import { formatSocketAddress, type IpAddress } from "../../address/ip_address.ts";
import { CommandFailure } from "../../errors.ts";
import type { ConnectFailure } from "../runtime.ts";

const CONNECT_FAILURES: Readonly<Record<string, ConnectFailure>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EHOSTDOWN: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EAFNOSUPPORT: "unreachable",
  // A packet filter that rejects says EACCES or EPERM; so does the kernel for a broadcast address.
  EACCES: "unreachable",
  EPERM: "unreachable",
  // A link-local IPv6 address without its zone.
  EINVAL: "unreachable",
  EMFILE: "limit",
  ENFILE: "limit",
  ENOBUFS: "limit",
  ENOMEM: "limit",
};

/** The name of a system error ("ECONNREFUSED"), or undefined where the value is none. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Why a dial that ended with this system error failed. */
export function connectFailureOf(code: string | undefined): ConnectFailure {
  return (code === undefined ? undefined : CONNECT_FAILURES[code]) ?? "failed";
}

/** Whether listening on every address failed because the machine has no IPv6. */
export function hasNoIpv6(error: unknown): boolean {
  return ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(systemErrorCode(error) ?? "");
}

const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use; stop what listens there or choose another port",
  EACCES: "permission denied; choose a port from 1024 up, or grant the capability NET_BIND_SERVICE",
  EPERM: "permission denied; choose a port from 1024 up, or grant the capability NET_BIND_SERVICE",
  EADDRNOTAVAIL: "no interface of this machine has the address; choose one that it has, or leave the address out",
  EAFNOSUPPORT: "this machine has no IPv6; choose an IPv4 address, or leave the address out",
  EMFILE: "too many open files; raise the limit of open files",
  ENFILE: "too many open files on the whole machine; raise its limit of open files",
};

/** The error for an address that can't be listened on: where, why, and what to do about it. */
export function listenError(address: IpAddress | undefined, port: number, error: unknown): CommandFailure {
  const place = address === undefined ? `:${port}` : formatSocketAddress(address, port);
  const code = systemErrorCode(error);
  const state = (code === undefined ? undefined : LISTEN_ADVICE[code]) ??
    (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ");
  return new CommandFailure(`Cannot listen on "${place}": ${state}`);
}
