// Owns what a log says in sum: each host with what became of it and how often. Bounded by its hosts, not by its lines.
import { parseHost } from "../address/host.ts";
import { IpAddress } from "../address/ip_address.ts";
import { specialRangeOf } from "../address/special_range.ts";
import { ProxyError } from "../errors.ts";
import { type LogEntry, readLogLine } from "./log_entry.ts";

/** So many hosts are told apart; the requests to further ones are counted in one sum. */
const MAX_HOSTS = 500_000;
/** So many ports and rules are kept of one host. */
const MAX_PORTS = 20;
const MAX_RULES = 5;

/** What became of the requests to one host. */
export interface HostTally {
  readonly host: string;
  /** The host, where it is an address. */
  readonly address: IpAddress | undefined;
  /** Let through by a rule, or because none matched and --report-only was on. */
  seen: number;
  /** Refused because no rule matched. */
  refused: number;
  /** Denied by a rule, let through or not. */
  denied: number;
  readonly ports: Set<number>;
  /** The rules that denied. */
  readonly denyingRules: Set<string>;
  /** Whether it was ever let through to a remote address, or to none that is known. */
  isRemote: boolean;
  /** Addresses that are not remote and yet were dialled for it: a name rule does not open them. */
  readonly specialAddresses: Map<string, IpAddress>;
  lastTime: string;
}

/** Adds up lines. */
export class Tally {
  readonly hosts = new Map<string, HostTally>();
  lineCount = 0;
  requestCount = 0;
  brokenCount = 0;
  /** Requests to hosts beyond the bound. */
  untoldCount = 0;
  firstTime = "";
  lastTime = "";

  /** Takes one line; returns whether it is one of a log. */
  add(line: string): boolean {
    this.lineCount++;
    const entry = readLogLine(line);
    if (entry === "broken") {
      this.brokenCount++;
      return false;
    }
    if (entry !== "other") this.#count(entry);
    return true;
  }

  #count(entry: LogEntry): void {
    this.requestCount++;
    if (entry.time !== "") {
      if (this.firstTime === "" || entry.time < this.firstTime) this.firstTime = entry.time;
      if (entry.time > this.lastTime) this.lastTime = entry.time;
    }
    const tally = this.#tallyOf(entry.host);
    if (tally === undefined) {
      this.untoldCount++;
      return;
    }
    if (tally.ports.size < MAX_PORTS && entry.port > 0) tally.ports.add(entry.port);
    if (entry.time > tally.lastTime) tally.lastTime = entry.time;
    switch (entry.outcome) {
      case "allowed":
      case "unmatched":
        tally.seen++;
        if (entry.upstream === undefined || specialRangeOf(entry.upstream) === undefined) tally.isRemote = true;
        else tally.specialAddresses.set(entry.upstream.text, entry.upstream);
        return;
      case "refused":
        tally.refused++;
        return;
      case "denied":
        tally.denied++;
        if (entry.rule.startsWith("!") && tally.denyingRules.size < MAX_RULES) tally.denyingRules.add(entry.rule);
    }
  }

  #tallyOf(host: string): HostTally | undefined {
    const known = this.hosts.get(host);
    if (known !== undefined) return known;
    if (this.hosts.size >= MAX_HOSTS) return undefined;
    const normal = normaliseHost(host);
    const key = normal.address?.text ?? normal.text;
    const same = this.hosts.get(key);
    if (same !== undefined) return same;
    const tally: HostTally = {
      host: key,
      address: normal.address,
      seen: 0,
      refused: 0,
      denied: 0,
      ports: new Set(),
      denyingRules: new Set(),
      isRemote: false,
      specialAddresses: new Map(),
      lastTime: "",
    };
    this.hosts.set(key, tally);
    return tally;
  }
}

/** A log of ours has hosts in normal form already; one that went through other hands may not. */
function normaliseHost(text: string): { readonly text: string; readonly address: IpAddress | undefined } {
  try {
    const host = parseHost(text.includes(":") && !text.startsWith("[") ? `[${text}]` : text);
    return host.kind === "name"
      ? { text: host.name, address: undefined }
      : { text: host.address.text, address: host.address };
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    return { text, address: undefined };
  }
}
