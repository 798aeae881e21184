// Owns what is known of names without asking anyone, and the files it comes from. Sends nothing, keeps no server's answer.
import { IpAddress } from "../address/ip_address.ts";
import type { Clock, Files } from "../runtime/runtime.ts";
import type { Answer } from "./answer.ts";
import { parseHosts } from "./hosts_file.ts";
import { parseResolvConf, type ServerSettings } from "./resolv_conf.ts";
import { WatchedFile } from "./watched_file.ts";

/** How often the files are looked at, at most. */
export const FILE_CHECK_INTERVAL_MS = 1_000;

/** RFC 6761 §6.3: these names are never asked for, so that no server can place them elsewhere. */
const LOCALHOST: Answer = {
  kind: "addresses",
  addresses: [
    IpAddress.fromBytes(Uint8Array.of(127, 0, 0, 1)),
    IpAddress.fromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
  ],
};

/** The machine's own configuration of names: /etc/hosts, and the servers of /etc/resolv.conf unless others are given. */
export class LocalNames {
  readonly #clock: Clock;
  readonly #hosts: WatchedFile<ReadonlyMap<string, Answer>>;
  readonly #servers: WatchedFile<ServerSettings> | ServerSettings;
  #checkedAtMs: number;
  #checking: Promise<void> | undefined;
  #readFailureCount = 0;

  private constructor(
    clock: Clock,
    hosts: WatchedFile<ReadonlyMap<string, Answer>>,
    servers: WatchedFile<ServerSettings> | ServerSettings,
  ) {
    this.#clock = clock;
    this.#hosts = hosts;
    this.#servers = servers;
    this.#checkedAtMs = clock.nowMs();
  }

  /**
   * Reads the files; where servers are given, /etc/resolv.conf is none of them. Throws an Error of one line where a file
   * is there and can't be read.
   */
  static async open(files: Files, clock: Clock, givenServers: ServerSettings | undefined): Promise<LocalNames> {
    const hosts = await WatchedFile.open(files, "/etc/hosts", parseHostAnswers);
    const servers = givenServers ?? await WatchedFile.open(files, "/etc/resolv.conf", parseResolvConf);
    return new LocalNames(clock, hosts, servers);
  }

  /** The servers in force; another object once they have changed. */
  get servers(): ServerSettings {
    return this.#servers instanceof WatchedFile ? this.#servers.value : this.#servers;
  }

  /** How often a changed file could not be read; what it held before is in force then. */
  get readFailureCount(): number {
    return this.#readFailureCount;
  }

  /** The answer that needs no server; a name with an entry in /etc/hosts has no other addresses (glibc's "files dns"). */
  lookup(name: string): Answer | undefined {
    return this.#hosts.value.get(name) ??
      (name === "localhost" || name.endsWith(".localhost") ? LOCALHOST : undefined);
  }

  /** Undefined while the last look at the files is young enough, else the promise of a new one, which never rejects. */
  refresh(): Promise<void> | undefined {
    if (this.#checking !== undefined) return this.#checking;
    if (this.#clock.nowMs() - this.#checkedAtMs < FILE_CHECK_INTERVAL_MS) return undefined;
    this.#checking = this.#check();
    return this.#checking;
  }

  async #check(): Promise<void> {
    const servers = this.#servers instanceof WatchedFile ? this.#servers.refresh() : undefined;
    for (const { status } of await Promise.allSettled([this.#hosts.refresh(), servers])) {
      if (status === "rejected") this.#readFailureCount += 1;
    }
    this.#checkedAtMs = this.#clock.nowMs();
    this.#checking = undefined;
  }
}

/** The answers are made once for each reading, so that a look-up is one map access. */
function parseHostAnswers(text: string): ReadonlyMap<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const [name, addresses] of parseHosts(text)) answers.set(name, { kind: "addresses", addresses });
  return answers;
}
