// setup-network in network namespaces of its own: the state that it leaves is the one of the same `ip` commands, a second
// run changes nothing, its announcements arrive, and where it fails the network is as it was.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bunFfi } from "../../src/runtime/bun/ffi.ts";
import { systemNetwork } from "../../src/runtime/posix/network_sockets.ts";
import { linuxRoot, program, working } from "../support/requirements.ts";
import { type Finished, mustRun, runProgram } from "../support/run_program.ts";
import { within } from "../support/deadline.ts";
import { linesOf } from "../support/lines_of.ts";
import { readNetworkState } from "./network_state.ts";

setDefaultTimeout(120_000);

const ROOT = new URL("../..", import.meta.url).pathname;
const BIN = `${ROOT}node_modules/.bin`;
const MAIN = `${ROOT}src/main.ts`;
const ON_BUN = [`${BIN}/bun`, "--no-env-file", MAIN];
const ON_DENO = [
  ...[`${BIN}/deno`, "run", "--no-check", "--no-prompt", "--allow-net", "--allow-env", "--allow-read"],
  ...["--allow-sys=networkInterfaces", "--allow-ffi", MAIN],
];
const WANTED = { EGRESS_SOURCE: "192.168.12.99/24", EGRESS_GATEWAY: "192.168.12.1", EGRESS_ROUTER_MODE: "http-proxy" };
const MAC = "02:00:00:00:12:99";
const DONE = "macvlan0 has 192.168.12.99/24 and the default route through 192.168.12.1";

const SKIP_REASON = linuxRoot() ?? program("ip", "arping", "setpriv", "python3")() ??
  working(
    ["unshare", "--net", "ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0"],
    "network namespaces",
  )();
if (SKIP_REASON !== undefined) console.log(`Network set-up skipped: ${SKIP_REASON}`);

const POD = [
  "link set lo up",
  "link add eth0 type veth peer name node0",
  "link set node0 up",
  "link set eth0 up",
  "addr add 10.128.0.9/23 dev eth0",
  `link add macvlan0 address ${MAC} type veth peer name outside0`,
  "link set outside0 up",
];
const OLD_DEFAULT = "route add default via 10.128.0.1 dev eth0";
const BY_HAND = [
  "addr add 192.168.12.99/24 dev macvlan0",
  "link set macvlan0 up",
  "route add 192.168.12.1 dev macvlan0 scope link",
  "route replace default via 192.168.12.1 dev macvlan0",
];

describe.skipIf(SKIP_REASON !== undefined)("setup-network", () => {
  let name = "";
  let count = 0;

  beforeEach(async () => {
    name = `egress-${process.pid}-${++count}`;
    await mustRun(["ip", "netns", "add", name]);
    await ip(...POD);
  });

  afterEach(async () => {
    await mustRun(["ip", "netns", "delete", name]);
  });

  const inside = (...command: readonly string[]) => ["ip", "netns", "exec", name, ...command];

  async function ip(...lines: readonly string[]): Promise<void> {
    for (const line of lines) await mustRun(["ip", "-netns", name, ...line.split(" ")]);
  }

  function setUp(env: Readonly<Record<string, string>> = {}, ...command: readonly string[]): Promise<Finished> {
    return runProgram(inside(...(command.length > 0 ? command : ON_BUN)), { env: { ...WANTED, ...env } });
  }

  const state = () => readNetworkState(name);

  /** The first two announcements that arrive outside while `work` is done, as ARP frames in hexadecimal. */
  async function announced(work: () => Promise<unknown>): Promise<string[]> {
    const listener = Bun.spawn(inside("python3", `${ROOT}test/e2e/router_arp.py`, "outside0"), {
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      const lines = linesOf(listener.stdout);
      expect(await within("the listener", lines.next())).toMatchObject({ value: "ready" });
      await work();
      const found: string[] = [];
      while (found.length < 2) {
        const { value = "" } = await within("an announcement", lines.next());
        // Its sender is its target. What looks for the gateway is no announcement: deno asks for newer versions of itself.
        if (value.slice(56, 64) === value.slice(76, 84)) found.push(value);
      }
      return found;
    } finally {
      listener.kill();
      await listener.exited;
    }
  }

  for (const [runtime, command] of [["Bun", ON_BUN], ["Deno", ON_DENO]] as const) {
    test(`leaves and sends what ip and arping do, and a second run changes nothing, on ${runtime}`, async () => {
      await ip(OLD_DEFAULT);
      const frames = await announced(async () => {
        expect(await setUp({}, ...command))
          .toEqual({ code: 0, stdout: `${DONE}: 4 steps done, announced\n`, stderr: "" });
      });
      const left = await state();
      expect(await setUp({}, ...command))
        .toEqual({ code: 0, stdout: `${DONE}: as it was before, announced\n`, stderr: "" });
      expect(await state()).toBe(left);
      await mustRun(["ip", "netns", "delete", name]);
      await mustRun(["ip", "netns", "add", name]);
      await ip(...POD, OLD_DEFAULT);
      const framesByHand = await announced(async () => {
        await ip(...BY_HAND);
        for (const form of ["-A", "-U"]) {
          await mustRun(inside("arping", form, "-c", "1", "-I", "macvlan0", "192.168.12.99"));
        }
      });
      const byHand = await state();
      if (runtime === "Bun") {
        console.log(`left and sent by setup-network:\n${left}\n${frames.join("\n")}`);
        console.log(`left and sent by ip and arping:\n${byHand}\n${framesByHand.join("\n")}`);
      }
      expect(left).toBe(byHand);
      expect(frames).toEqual(framesByHand);
    });
  }

  test("keeps the cluster reachable and drops every other default route, a metric or not", async () => {
    await ip(
      "route add default via 10.128.0.1 dev eth0 metric 100 mtu 1400",
      "route add default via 10.128.0.2 metric 7",
    );
    const networks = ["--cluster-networks", "10.128.0.0/14", "--cluster-networks=172.30.0.0/16"];
    expect((await setUp({}, ...ON_BUN, ...networks)).code).toBe(0);
    const left = await state();
    await mustRun(["ip", "netns", "delete", name]);
    await mustRun(["ip", "netns", "add", name]);
    await ip(...POD, "route add 10.128.0.0/14 via 10.128.0.2", "route add 172.30.0.0/16 via 10.128.0.2", ...BY_HAND);
    expect(left).toBe(await state());
  });

  const halfDone = [
    { what: "no default route", lines: [] },
    { what: "the address alone", lines: [OLD_DEFAULT, ...BY_HAND.slice(0, 1)] },
    { what: "the address on a link that is up", lines: [OLD_DEFAULT, ...BY_HAND.slice(0, 2)] },
    { what: "all but the default route", lines: [OLD_DEFAULT, ...BY_HAND.slice(0, 3)] },
    { what: "a route to the gateway by eth0", lines: [OLD_DEFAULT, "route add 192.168.12.1 via 10.128.0.1"] },
  ];
  for (const { what, lines } of halfDone) {
    test(`goes on from ${what}`, async () => {
      await ip(...lines);
      expect((await setUp()).code).toBe(0);
      const left = await state();
      await mustRun(["ip", "netns", "delete", name]);
      await mustRun(["ip", "netns", "add", name]);
      await ip(...POD, ...BY_HAND);
      expect(left).toBe(await state());
    });
  }

  test("goes out from the address that it was told, though the interface has another", async () => {
    await ip(OLD_DEFAULT, "addr add 192.168.12.50/24 dev macvlan0");
    expect((await setUp()).code).toBe(0);
    const { stdout } = await mustRun(["ip", "-netns", name, "route", "get", "203.0.113.10"]);
    expect(stdout).toContain("203.0.113.10 via 192.168.12.1 dev macvlan0 src 192.168.12.99");
    const left = await state();
    expect(await setUp()).toMatchObject({ code: 0, stdout: `${DONE}: as it was before, announced\n` });
    expect(await state()).toBe(left);
  });

  test("announces by a reply and then by a request", async () => {
    await ip(OLD_DEFAULT);
    const frames = await announced(async () => {
      expect((await setUp()).code).toBe(0);
    });
    const mac = MAC.replaceAll(":", "");
    const frame = (form: string, target: string) =>
      `ffffffffffff${mac}08060001080006040${form}${mac}c0a80c63${target}c0a80c63`;
    expect(frames).toEqual([frame("002", mac), frame("001", "ffffffffffff")]);
  });

  test("needs NET_ADMIN and NET_RAW and no other capability", async () => {
    await ip(OLD_DEFAULT);
    const few = ["setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--inh-caps=-all", "--no-new-privs"];
    const shown = await mustRun([...few, "sed", "-n", "s/^CapEff:\t//p", "/proc/self/status"]);
    expect(shown.stdout).toBe("0000000000003000\n");
    expect(await setUp({}, ...few, ...ON_BUN)).toMatchObject({ code: 0, stderr: "" });
  });

  const MACVLAN = [
    "link delete macvlan0",
    "link add uplink0 type veth peer name outside0",
    "link set uplink0 up",
    "link set outside0 up",
    OLD_DEFAULT,
    `link add link uplink0 name macvlan0 address ${MAC} type macvlan mode bridge`,
  ];

  test("works on a macvlan, and leaves it as it was where its hardware address is in use", async () => {
    await ip(...MACVLAN, `link add link uplink0 name other0 address ${MAC} type macvlan mode bridge`);
    await ip("link set other0 up");
    const before = await state();
    expect(await setUp()).toEqual({
      code: 1,
      stdout: "",
      stderr: "egress-http-proxy: Cannot bring macvlan0 up: address already in use\n",
    });
    expect(await state()).toBe(before);
    await ip("link delete other0");
    expect(await setUp()).toEqual({ code: 0, stdout: `${DONE}: 4 steps done, announced\n`, stderr: "" });
    expect(await setUp()).toMatchObject({ code: 0, stdout: `${DONE}: as it was before, announced\n` });
  });

  test("says with --dry-run what it would do, without a capability, and does nothing", async () => {
    await ip(OLD_DEFAULT);
    const before = await state();
    const bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    expect(await setUp({}, ...bare, ...ON_BUN, "--dry-run")).toEqual({
      code: 0,
      stdout: [
        "would add the address 192.168.12.99/24 to macvlan0",
        "would bring macvlan0 up",
        "would add a route to the gateway 192.168.12.1 straight out of macvlan0",
        "would put the default route through 192.168.12.1 by macvlan0 in place of that through 10.128.0.1 by eth0",
        "would announce 192.168.12.99 on macvlan0 by ARP: a reply at once",
        "would announce 192.168.12.99 on macvlan0 by ARP: a request 2 s later",
        "",
      ].join("\n"),
      stderr: "",
    });
    expect(await state()).toBe(before);
  });

  test("tells each step with EGRESS_ROUTER_DEBUG", async () => {
    await ip(OLD_DEFAULT);
    const { code, stderr } = await setUp({ EGRESS_ROUTER_DEBUG: "1" });
    expect(code).toBe(0);
    expect(stderr.split("\n").slice(0, 2)).toEqual([
      "egress-http-proxy: add the address 192.168.12.99/24 to macvlan0",
      "egress-http-proxy: bring macvlan0 up",
    ]);
  });

  const without = (capability: string) => ["setpriv", `--bounding-set=-${capability}`, "--inh-caps=-all", ...ON_BUN];
  const failures: {
    what: string;
    env?: Record<string, string>;
    lines?: string[];
    command?: string[];
    code?: number;
    stderr: string;
  }[] = [
    { what: "no source", env: { EGRESS_SOURCE: "" }, code: 2, stderr: "EGRESS_SOURCE unspecified or invalid" },
    {
      what: "a source with a leading zero",
      env: { EGRESS_SOURCE: "010.0.0.1" },
      code: 2,
      stderr: "EGRESS_SOURCE unspecified or invalid: '010.0.0.1' is not an IPv4 address",
    },
    {
      what: "a gateway outside the source's network",
      env: { EGRESS_GATEWAY: "192.168.13.1" },
      code: 2,
      stderr: "EGRESS_GATEWAY unspecified or invalid: '192.168.13.1' is outside EGRESS_SOURCE's network " +
        "192.168.12.0/24; without '/24' there any gateway is taken",
    },
    {
      what: "a gateway on the cluster's link",
      env: { EGRESS_SOURCE: "192.168.12.99", EGRESS_GATEWAY: "10.128.0.1" },
      stderr: "Cannot use the gateway 10.128.0.1: it is on the link of eth0, in 10.128.0.0/23, not on that of macvlan0",
    },
    {
      what: "a bad cluster network",
      env: { EGRESS_CLUSTER_NETWORKS: "10.128.0.0/14,172.30.0.1/16" },
      code: 2,
      stderr: "Bad value '10.128.0.0/14,172.30.0.1/16' for EGRESS_CLUSTER_NETWORKS: it has host bits set, " +
        "its network is '172.30.0.0/16'; expected an IPv4 network such as '10.128.0.0/14'",
    },
    {
      what: "another mode",
      env: { EGRESS_ROUTER_MODE: "dns-proxy" },
      code: 2,
      stderr: "Bad value 'dns-proxy' for EGRESS_ROUTER_MODE: expected 'http-proxy', or none to run the proxy",
    },
    {
      what: "no macvlan0",
      lines: ["link delete macvlan0"],
      stderr: "Cannot find the interface 'macvlan0': there is none of that name; " +
        "the pod needs the annotation pod.network.openshift.io/assign-macvlan",
    },
    {
      what: "another interface that is not there",
      command: [...ON_BUN, "--interface", "net1"],
      stderr: "Cannot find the interface 'net1': there is none of that name; --interface names it",
    },
    {
      what: "the loopback interface",
      command: [...ON_BUN, "--interface", "lo"],
      stderr: "Cannot use the interface 'lo': it is not an Ethernet interface",
    },
    {
      what: "a gateway that the kernel refuses",
      env: { EGRESS_GATEWAY: "192.168.12.255" },
      stderr: "Cannot put the default route through 192.168.12.255 by macvlan0 in place of that through 10.128.0.1 " +
        "by eth0: invalid argument (Nexthop has invalid gateway)",
    },
    {
      what: "that gateway, with a route to it by eth0",
      env: { EGRESS_GATEWAY: "192.168.12.255" },
      lines: ["route add 192.168.12.255 via 10.128.0.1"],
      stderr: "Cannot put the default route through 192.168.12.255 by macvlan0 in place of that through 10.128.0.1 " +
        "by eth0: invalid argument (Nexthop has invalid gateway)",
    },
    {
      what: "a cluster network that is on the link already",
      env: { EGRESS_CLUSTER_NETWORKS: "172.30.0.0/16,172.31.0.0/16" },
      lines: ["link set macvlan0 up", "route add 172.31.0.0/16 dev macvlan0"],
      stderr: "Cannot add a route to the cluster network 172.31.0.0/16 through 10.128.0.1 by eth0: already there",
    },
    {
      what: "no NET_ADMIN",
      command: without("net_admin"),
      stderr: "Cannot add the address 192.168.12.99/24 to macvlan0: operation not permitted; " +
        "it takes the capability NET_ADMIN",
    },
    {
      what: "no NET_RAW",
      command: without("net_raw"),
      stderr: "Cannot open a packet socket for ARP: operation not permitted; it takes the capability NET_RAW",
    },
  ];
  for (const { what, env, lines = [], command = ON_BUN, code = 1, stderr } of failures) {
    test(`fails with one line and changes nothing: ${what}`, async () => {
      await ip(OLD_DEFAULT, "route add default via 10.128.0.2 metric 7", ...lines);
      const before = await state();
      expect(await setUp(env, ...command)).toMatchObject({ code, stdout: "" });
      const second = await setUp(env, ...command);
      // The kernel's own words are newer than some kernels: the last bracket may be missing.
      expect([stderr, stderr.replace(/ \([^()]*\)$/, "")])
        .toContain(second.stderr.replace(/^egress-http-proxy: /, "").replace(/\n$/, ""));
      expect(await state()).toBe(before);
    });
  }

  test("hears the kernel alone on its netlink socket", async () => {
    const sockets = systemNetwork(bunFfi, process.platform);
    if ("unavailable" in sockets) throw new Error(sockets.unavailable);
    const socket = sockets.openRoutes();
    if (typeof socket === "number") throw new Error(`Cannot open a netlink socket: ${socket}`);
    try {
      // Its address there is the number of its process. As root anybody may send to it.
      expect(await Bun.file("/proc/net/netlink").text()).toMatch(new RegExp(`^[0-9a-f]+ +0 +${process.pid} `, "m"));
      const script = "import socket, sys; " +
        "socket.socket(16, 3, 0).sendto(bytes.fromhex('1000000003000000' + '00' * 8), (int(sys.argv[1]), 0))";
      expect((await runProgram(["python3", "-c", script, `${process.pid}`])).stderr).toContain("ConnectionRefused");
    } finally {
      socket.close();
    }
  });

  test("brings every route back where the last step of all fails", async () => {
    await ip(
      "link add eth1 type veth peer name node1",
      "link set node1 up",
      "link set eth1 up",
      "addr add 10.129.0.9/23 dev eth1",
      "route add default nexthop via 10.128.0.1 dev eth0 weight 3 nexthop via 10.129.0.1 dev eth1",
      "route append default via 10.128.0.3 dev eth0",
      "route add default via 10.128.0.2 metric 7 mtu 1400 src 10.128.0.9",
      "route add default via 10.77.0.1 dev eth0 onlink metric 8 proto 4",
      "route add unreachable default metric 4278198272",
      "route add 192.168.12.1 via 10.128.0.1 proto static",
    );
    const before = await state();
    const command = [`${BIN}/bun`, "--no-env-file", `${ROOT}test/e2e/router_late_failure.ts`, "172.30.0.0/16"];
    const { stdout } = await setUp({}, ...command);
    expect(stdout).toBe("Cannot announce 192.168.12.99 on macvlan0 by an ARP request: network is down\n");
    expect(await state()).toBe(before);
  });
});
