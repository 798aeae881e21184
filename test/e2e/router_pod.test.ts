// The egress router pod as a whole: the init container and then the proxy container, both out of the image's root file
// system and with their containers' privileges, between a cluster and an outside world of network namespaces.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { within } from "../support/deadline.ts";
import type { Proxy } from "../support/launcher.ts";
import { linesOf } from "../support/lines_of.ts";
import { type Finished, mustRun, runProgram } from "../support/run_program.ts";
import { readNetworkState } from "./network_state.ts";
import { type Container, findPodObstacle, PodContainers } from "./pod_containers.ts";
import { CLIENT_ADDRESS, MACVLAN_MAC, OutsideServer, POD_ADDRESS, RouterWorld } from "./router_world.ts";

setDefaultTimeout(120_000);

const HERE = new URL(".", import.meta.url).pathname;
const SOURCE = "192.168.12.99";
const ROUTER: Container = {
  env: [
    "EGRESS_ROUTER_MODE=http-proxy",
    `EGRESS_SOURCE=${SOURCE}/24`,
    "EGRESS_GATEWAY=192.168.12.1",
    "EGRESS_CLUSTER_NETWORKS=10.128.0.0/14",
  ],
};
const PROXY: Container = {
  env: [
    "EGRESS_HTTP_PROXY_DESTINATION=!203.0.113.66\n203.0.113.0/24",
    `EGRESS_HTTP_PROXY_LISTEN=${POD_ADDRESS}:8080`,
  ],
};

const SKIP_REASON = await findPodObstacle();
if (SKIP_REASON !== undefined) console.log(`Egress router pod skipped: ${SKIP_REASON}`);

describe.skipIf(SKIP_REASON !== undefined)("the egress router pod", () => {
  let world: RouterWorld;
  let containers: PodContainers;
  let server: OutsideServer;
  let proxy: Proxy;

  beforeAll(async () => {
    world = await RouterWorld.build(`egress-pod-${process.pid}`);
    containers = await PodContainers.prepare(world);
    server = await OutsideServer.start(world);
  });

  afterAll(async () => {
    await containers?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  function curl(...args: readonly string[]): Promise<Finished> {
    const options = ["curl", "--silent", "--show-error", "--max-time", "10", "--proxy", `http://${POD_ADDRESS}:8080`];
    return mustRun(world.on("client", ...options, ...args), { env: { HOME: containers.folder } });
  }

  function curlFrom(machine: "pod" | "gateway", url: string): Promise<Finished> {
    return runProgram(world.on(machine, "curl", "--silent", "--max-time", "10", "--noproxy", "*", url));
  }

  test("goes out by the cluster before its init container has run", async () => {
    expect(await curlFrom("pod", "http://203.0.113.10/")).toMatchObject({ code: 0, stdout: `${POD_ADDRESS}\n` });
    expect(await server.packetsUntil("203.0.113.10")).toEqual([`${POD_ADDRESS} 203.0.113.10`]);
  });

  test("has an init container that sets the network up and announces the address to the outside", async () => {
    // As a gateway remembers a pod that had the address before.
    await world.ip("gateway", "neigh", "replace", SOURCE, "lladdr", "02:00:00:00:00:01", "dev", "lan0", "nud", "stale");
    const listener = Bun.spawn(world.on("gateway", "python3", `${HERE}router_arp.py`, "lan0"), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      const frames = linesOf(listener.stdout);
      expect(await within("the listener", frames.next())).toMatchObject({ value: "ready" });
      expect(await containers.runAsRouter(ROUTER)).toEqual({
        code: 0,
        stdout: `macvlan0 has ${SOURCE}/24 and the default route through 192.168.12.1: 5 steps done, announced\n`,
        stderr: "",
      });
      const announcements: string[] = [];
      while (announcements.length < 2) {
        const { value = "" } = await within("an announcement", frames.next());
        if (value.slice(56, 64) === "c0a80c63" && value.slice(76, 84) === "c0a80c63") announcements.push(value);
      }
      const mac = MACVLAN_MAC.replaceAll(":", "");
      expect(announcements).toEqual([
        `ffffffffffff${mac}08060001080006040002${mac}c0a80c63${mac}c0a80c63`,
        `ffffffffffff${mac}08060001080006040001${mac}c0a80c63ffffffffffffc0a80c63`,
      ]);
    } finally {
      listener.kill();
      await listener.exited;
    }
    expect(await world.ip("gateway", "neigh", "show", SOURCE)).toContain(` lladdr ${MACVLAN_MAC} `);
    expect((await world.ip("pod", "-4", "route")).split("\n").map((line) => line.trim())).toEqual([
      "default via 192.168.12.1 dev macvlan0",
      "10.128.0.0/23 dev eth0 proto kernel scope link src 10.128.0.9",
      "10.128.0.0/14 via 10.128.0.1 dev eth0",
      "192.168.12.0/24 dev macvlan0 proto kernel scope link src 192.168.12.99",
      "192.168.12.1 dev macvlan0 scope link",
      "",
    ]);
  });

  test("has a proxy container that reaches the outside as EGRESS_SOURCE, for a client in another subnet", async () => {
    proxy = await containers.startProxy(PROXY);
    expect((await curl("http://203.0.113.10/")).stdout).toBe(`${SOURCE}\n`);
    expect((await curl("--proxytunnel", "http://203.0.113.10/")).stdout).toBe(`${SOURCE}\n`);
    const entry = await proxy.waitForAccess("the tunnel", ({ method }) => method === "CONNECT");
    expect(entry).toMatchObject({ decision: "allow", host: "203.0.113.10", status: 200 });
    expect(JSON.stringify(entry)).toContain(CLIENT_ADDRESS);
  });

  test("sends no packet to a denied destination", async () => {
    const denied = await curl("--include", "http://203.0.113.66/");
    expect(denied.stdout).toMatch(/^HTTP\/1\.1 403 /);
    expect(denied.stdout).toContain("!203.0.113.66");
    expect((await runProgram(world.on("client", "curl", "--proxy", `${POD_ADDRESS}:8080`, "-sp", "203.0.113.66"))).code)
      .not.toBe(0);
    // All that went out before is before this one's.
    expect((await curl("http://203.0.113.11/")).stdout).toBe(`${SOURCE}\n`);
    const seen = new Set(await server.packetsUntil("203.0.113.11"));
    expect([...seen].filter((packet) => packet.startsWith(SOURCE)).sort())
      .toEqual([`${SOURCE} 203.0.113.10`, `${SOURCE} 203.0.113.11`]);
    expect([...seen].filter((packet) => packet.endsWith("203.0.113.66"))).toEqual([]);
  });

  test("is no proxy for the outside", async () => {
    const { code } = await curlFrom("gateway", `http://${SOURCE}:8080/`);
    expect(code).toBe(7); // Could not connect.
  });

  test("comes back from a restart as it was", async () => {
    const before = await readNetworkState(world.namespace("pod"));
    await proxy.stop();
    expect(await containers.runAsRouter(ROUTER)).toEqual({
      code: 0,
      stdout: `macvlan0 has ${SOURCE}/24 and the default route through 192.168.12.1: as it was before, announced\n`,
      stderr: "",
    });
    expect(await readNetworkState(world.namespace("pod"))).toBe(before);
    proxy = await containers.startProxy(PROXY);
    expect((await curl("http://203.0.113.10/")).stdout).toBe(`${SOURCE}\n`);
  });
});
