// Owns the test's side of the namespace: whether one can be made here, starting its process, and one order at a time.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { within } from "../support/deadline.ts";
import { programCommand, TEST_TARGET } from "../support/target.ts";
import type { Accounts, Order } from "./world_protocol.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SQUID_PLACES = ["/usr/sbin/squid", "/usr/local/sbin/squid", "/usr/bin/squid"];
const INSTALL_LIMIT_MS = 180_000;

/** How the comparison can be run here, or why it can't. */
export type Means = { readonly squid: string; readonly unshare: readonly string[] } | { readonly reason: string };

/** Finds squid, installing it where that is possible, and a way to make a network namespace. */
export function findMeans(): Means {
  if (process.platform !== "linux") return { reason: `needs Linux, not ${process.platform}` };
  for (const name of ["unshare", "ip"]) {
    if (Bun.which(name, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }) === null) {
      return { reason: `not installed: ${name}` };
    }
  }
  const squid = findSquid() ?? installSquid();
  if (squid === undefined) {
    return { reason: "not installed: squid (installing it takes root, apt-get and TEST_PACKAGES other than off)" };
  }
  // In a process namespace of its own, so that no proxy outlives the process that started it.
  const apart = ["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
  for (const flags of [apart, ["--map-current-user", "--keep-caps", ...apart]]) {
    const { status } = spawnSync("unshare", [...flags, "ip", "link", "set", "lo", "up"], { stdio: "ignore" });
    if (status === 0) return { squid, unshare: flags };
  }
  return { reason: "no network, mount and process namespaces can be made (neither as root nor in a user namespace)" };
}

function findSquid(): string | undefined {
  return SQUID_PLACES.find((path) => existsSync(path));
}

function installSquid(): string | undefined {
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null || process.env.TEST_PACKAGES === "off") {
    return undefined;
  }
  console.log("Installing squid for the comparison with it");
  const options = {
    stdio: "ignore",
    timeout: INSTALL_LIMIT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  } as const;
  spawnSync("apt-get", ["update", "-qq"], options);
  spawnSync("apt-get", ["install", "-qq", "-y", "--no-install-recommends", "squid"], options);
  return findSquid();
}

/** The process in the namespace. */
export class World implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #stderr = "";
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    if (child.stdout === null || child.stderr === null) throw new Error("Starting the world: it has no output");
    this.#reader = createInterface({ input: child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    child.stderr.on("data", (bytes) => this.#stderr += bytes);
  }

  /** Makes the namespace and waits until its origins and name servers answer. */
  static async start(means: Exclude<Means, { readonly reason: string }>): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "egress-differential-"));
    const own = TEST_TARGET === "bun"
      ? [process.execPath, "--no-env-file", join(ROOT, "src/main.ts")]
      : programCommand(TEST_TARGET);
    const command = [
      process.execPath,
      "--no-env-file",
      join(import.meta.dir, "world.ts"),
      folder,
      means.squid,
      ...own,
    ];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("EGRESS_"));
    const child = spawn("unshare", [...means.unshare, "--", ...command], {
      stdio: ["pipe", "pipe", "pipe"],
      env: Object.fromEntries(inherited),
    });
    const world = new World(child, folder);
    try {
      const line = await world.#readLine("the namespace to be set up");
      if (line === "ready") return world;
      throw new Error(`Setting up the namespace: ${line}`);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs squid and this proxy under a rule text and asks both the same. Orders wait for each other. */
  run(order: Order): Promise<Accounts> {
    const turn = this.#turn.catch(() => {}).then(async () => {
      this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
      return JSON.parse(await this.#readLine("both proxies to answer", 60_000)) as Accounts;
    });
    this.#turn = turn;
    return turn;
  }

  async #readLine(what: string, limitMs?: number): Promise<string> {
    const { value, done } = await within(what, this.#lines.next(), limitMs);
    if (done === true) throw new Error(`Waiting for ${what}: the namespace's process ended: ${this.#stderr}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = new Promise<void>((resolve) => this.#child.on("exit", () => resolve()));
    this.#child.stdin?.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await within("the namespace's process to end", exit).catch(() => this.#child.kill("SIGKILL"));
    }
    this.#reader.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
