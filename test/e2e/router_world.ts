// Owns the networks round an egress router pod, each machine a network namespace:
//
//   client ── node ── eth0 pod macvlan0 ── node's uplink ── lan ── gateway ── server
//   10.130.0.20       10.128.0.9           192.168.12.0/24         .1         203.0.113.10, .11, .66
//
// The client is in another subnet of the cluster than the pod. Knows nothing of the program under test.
import { within } from "../support/deadline.ts";
import { linesOf } from "../support/lines_of.ts";
import { mustRun } from "../support/run_program.ts";

export const POD_ADDRESS = "10.128.0.9";
export const CLIENT_ADDRESS = "10.130.0.20";
export const MACVLAN_MAC = "02:00:00:00:12:99";

const MACHINES = ["client", "node", "pod", "lan", "gateway", "server"] as const;

/** A machine of this world. */
export type Machine = (typeof MACHINES)[number];

/** Each line is for the machine that it begins with; a name in braces stands for a machine's namespace. */
const LINES = [
  "lan link add br0 type bridge",
  "lan link set br0 up",
  "node link add uplink0 type veth peer name port0 netns {lan}",
  "gateway link add lan0 type veth peer name port1 netns {lan}",
  "lan link set port0 master br0 up",
  "lan link set port1 master br0 up",
  "node link set uplink0 up",
  "node addr add 192.168.12.10/24 dev uplink0",
  "node route add default via 192.168.12.1",
  "gateway link set lan0 up",
  "gateway addr add 192.168.12.1/24 dev lan0",
  "gateway route add 10.128.0.0/14 via 192.168.12.10",
  "gateway link add wan0 type veth peer name eth0 netns {server}",
  "gateway link set wan0 up",
  "gateway addr add 203.0.113.1/24 dev wan0",
  "server link set eth0 up",
  "server addr add 203.0.113.10/24 dev eth0",
  "server addr add 203.0.113.11/24 dev eth0",
  "server addr add 203.0.113.66/24 dev eth0",
  "server route add default via 203.0.113.1",
  "node link add cluster0 type bridge",
  "node link set cluster0 up",
  "node addr add 10.128.0.1/23 dev cluster0",
  "node link add pod0 type veth peer name eth0 netns {pod}",
  "node link set pod0 master cluster0 up",
  "pod link set lo up",
  "pod link set eth0 up",
  `pod addr add ${POD_ADDRESS}/23 dev eth0`,
  "pod route add default via 10.128.0.1",
  "node link add client0 type veth peer name eth0 netns {client}",
  "node link set client0 up",
  "node addr add 10.130.0.1/23 dev client0",
  "client link set eth0 up",
  `client addr add ${CLIENT_ADDRESS}/23 dev eth0`,
  "client route add default via 10.130.0.1",
  `node link add link uplink0 name macvlan0 netns {pod} address ${MACVLAN_MAC} type macvlan mode bridge`,
];

/** The world, standing. Its end takes the namespaces with it; what runs in them is the caller's to end before. */
export class RouterWorld implements AsyncDisposable {
  readonly #prefix: string;

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  static async build(prefix: string): Promise<RouterWorld> {
    const world = new RouterWorld(prefix);
    try {
      for (const machine of MACHINES) await mustRun(["ip", "netns", "add", world.namespace(machine)]);
      for (const line of LINES) {
        const [machine, ...words] = line.replace(/\{(\w+)\}/, (_, name) => world.namespace(name)).split(" ");
        await world.ip(machine as Machine, ...words);
      }
      for (const machine of ["node", "gateway"] as const) {
        await mustRun(world.on(machine, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"));
      }
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  namespace(machine: Machine): string {
    return `${this.#prefix}-${machine}`;
  }

  /** The command that runs `command` on a machine. */
  on(machine: Machine, ...command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.namespace(machine), ...command];
  }

  /** Runs `ip` on a machine and resolves to what it wrote. */
  async ip(machine: Machine, ...args: readonly string[]): Promise<string> {
    return (await mustRun(["ip", "-netns", this.namespace(machine), ...args])).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of MACHINES) {
      await mustRun(["ip", "netns", "delete", this.namespace(machine)]).catch(() => {});
    }
  }
}

/** The web server outside, which answers with the address that it was called from. */
export class OutsideServer implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #lines: AsyncGenerator<string>;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">) {
    this.#child = child;
    this.#lines = linesOf(child.stdout);
  }

  static async start(world: RouterWorld): Promise<OutsideServer> {
    const script = new URL("router_origin.py", import.meta.url).pathname;
    const server = new OutsideServer(
      Bun.spawn(world.on("server", "python3", script, "eth0"), { stdin: "ignore", stdout: "pipe", stderr: "inherit" }),
    );
    const line = await server.#next("the server");
    if (line === "ready") return server;
    await server[Symbol.asyncDispose]();
    throw new Error(`The server does not start: '${line}'`);
  }

  /** What arrives there from now on until a packet for `address`, each as "FROM TO". */
  async packetsUntil(address: string): Promise<string[]> {
    const seen: string[] = [];
    for (;;) {
      const packet = await this.#next(`a packet for ${address}`);
      seen.push(packet);
      if (packet.endsWith(` ${address}`)) return seen;
    }
  }

  async #next(what: string): Promise<string> {
    const { value, done } = await within(what, this.#lines.next());
    if (done === true) throw new Error(`The server has ended before ${what}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}
