// What `manifest` prints, run: for each network the pod of the printed YAML, its containers with their own variables and
// with the printed rules as their file, in the network that its annotations ask the cluster for.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { type Finished, mustRun, runProgram } from "../support/run_program.ts";
import { findSchemaFaults } from "../manifest/kubernetes_schema.ts";
import { onlyOf, type Parsed, parseManifest, podOf } from "../manifest/cases.ts";
import { type Container, findPodObstacle, PodContainers } from "./pod_containers.ts";
import { OutsideServer, POD_ADDRESS, RouterWorld } from "./router_world.ts";

setDefaultTimeout(120_000);

const EXECUTABLE = new URL("../../dist/egress-http-proxy", import.meta.url).pathname;
const RULES = "# The partner\n!203.0.113.66\n203.0.113.0/24\n";
const SOURCE = "192.168.12.99";
const LINK = ["--source", `${SOURCE}/24`, "--gateway", "192.168.12.1"];

/** What the plugin of openshift-sdn keeps for a pod, and the one of OVN-Kubernetes for a pod with another default route. */
const CLUSTER_ROUTE = "route add 10.128.0.0/14 via 10.128.0.1 dev eth0";

interface Case {
  readonly network: string;
  readonly args: readonly string[];
  /** What the cluster does to the pod's network before its containers start: `ip` lines. */
  readonly prepare: (objects: readonly Parsed[]) => readonly string[];
  /** What the outside sees. */
  readonly seen: string;
}

const CASES: readonly Case[] = [
  {
    network: "openshift-sdn",
    args: LINK,
    prepare(objects) {
      expect(podOf(objects).metadata.annotations["pod.network.openshift.io/assign-macvlan"]).toBe("true");
      return ["link set macvlan0 up", CLUSTER_ROUTE];
    },
    seen: SOURCE,
  },
  {
    network: "multus",
    args: LINK,
    prepare(objects) {
      const attachment = onlyOf(objects, "NetworkAttachmentDefinition");
      const { type, mode, ipam } = JSON.parse(attachment.spec.config);
      const [wanted] = JSON.parse(podOf(objects).metadata.annotations["k8s.v1.cni.cncf.io/networks"]);
      expect([wanted.name, type, mode]).toEqual([attachment.metadata.name, "macvlan", "bridge"]);
      return [
        "link set macvlan0 name net1",
        `addr add ${ipam.addresses[0].address} dev net1`,
        "link set net1 up",
        CLUSTER_ROUTE,
        `route replace default via ${wanted["default-route"][0]} dev net1`,
      ];
    },
    seen: SOURCE,
  },
  // The address of an EgressIP is put on by the node, after the pod.
  { network: "egressip", args: ["--source", SOURCE], prepare: () => ["link delete macvlan0"], seen: POD_ADDRESS },
  { network: "none", args: [], prepare: () => ["link delete macvlan0"], seen: POD_ADDRESS },
];

const SKIP_REASON = await findPodObstacle();
if (SKIP_REASON !== undefined) console.log(`Pods of manifests skipped: ${SKIP_REASON}`);

for (const { network, args, prepare, seen } of CASES) {
  describe.skipIf(SKIP_REASON !== undefined)(`the pod of 'manifest --network ${network}'`, () => {
    let world: RouterWorld;
    let containers: PodContainers;
    let server: OutsideServer;
    let objects: readonly Parsed[];
    let proxy: Container;

    beforeAll(async () => {
      world = await RouterWorld.build(`egress-manifest-${process.pid}`);
      containers = await PodContainers.prepare(world);
      const rulesFile = `${containers.folder}/rules.txt`;
      await writeFile(rulesFile, RULES);
      const command = [EXECUTABLE, "manifest", "--network", network, "--destination-file", rulesFile, ...args];
      objects = parseManifest((await mustRun(command)).stdout);
      for (const line of prepare(objects)) await world.ip("pod", ...line.split(" "));
      proxy = await containerOf(podOf(objects).spec.containers[0]);
      server = await OutsideServer.start(world);
    });

    afterAll(async () => {
      await containers?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
      await world?.[Symbol.asyncDispose]();
    });

    /** A container as the kubelet would make it: `$(NAME)` stands for what is above it, the ConfigMap's keys are files. */
    async function containerOf({ env, volumeMounts }: Parsed): Promise<Container> {
      const values = new Map<string, string>();
      for (const { name, value, valueFrom } of env) {
        if (valueFrom !== undefined) expect(valueFrom).toEqual({ fieldRef: { fieldPath: "status.podIP" } });
        const text: string = valueFrom === undefined ? value : POD_ADDRESS;
        values.set(name, text.replace(/\$\((\w+)\)/g, (whole, other) => values.get(other) ?? whole));
      }
      const lines = [...values].map(([name, value]) => `${name}=${value}`);
      if (volumeMounts === undefined) return { env: lines };
      const folder = `${containers.folder}/config-map`;
      await mkdir(folder);
      for (const [key, text] of Object.entries<string>(onlyOf(objects, "ConfigMap").data)) {
        await writeFile(`${folder}/${key}`, text);
      }
      return { env: lines, volume: { folder, path: volumeMounts[0].mountPath } };
    }

    function curl(machine: "client" | "node" | "gateway", ...words: readonly string[]): Promise<Finished> {
      const command = ["curl", "--silent", "--show-error", "--max-time", "10", "--noproxy", "", ...words];
      return runProgram(world.on(machine, ...command), { env: { HOME: containers.folder } });
    }

    const byProxy = (...words: readonly string[]) =>
      curl("client", "--proxy", `http://${POD_ADDRESS}:${onlyOf(objects, "Service").spec.ports[0].port}`, ...words);

    test("is of objects that are valid by their schemas", () => {
      expect(objects.flatMap((object) => findSchemaFaults(object))).toEqual([]);
    });

    test("sets its network up where it has an init container", async () => {
      const { initContainers = [] } = podOf(objects).spec;
      expect(initContainers.length).toBe(network === "openshift-sdn" ? 1 : 0);
      for (const init of initContainers) {
        expect(init.securityContext).toMatchObject({ privileged: true, runAsUser: 0 });
        expect(await containers.runAsRouter(await containerOf(init))).toMatchObject({ code: 0, stderr: "" });
      }
    });

    test("starts, and its probes succeed, the executable's own among them", async () => {
      const running = await containers.startProxy(proxy);
      expect(running.logs.filter(({ level }) => level !== "info")).toEqual([]);
      const { startupProbe, readinessProbe, livenessProbe, ports } = podOf(objects).spec.containers[0];
      for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
        const { containerPort } = ports.find(({ name }: Parsed) => name === httpGet.port);
        const probe = await curl("node", "--fail", `http://${POD_ADDRESS}:${containerPort}${httpGet.path}`);
        expect(probe).toMatchObject({ code: 0, stderr: "" });
      }
      expect(await containers.runAsProxy({ ...proxy, args: ["healthcheck"] })).toMatchObject({ code: 0, stderr: "" });
    });

    test("lets through and refuses what the rules of its ConfigMap say, and is seen outside as it should be", async () => {
      expect(await byProxy("http://203.0.113.10/")).toMatchObject({ code: 0, stdout: `${seen}\n` });
      const denied = await byProxy("--include", "http://203.0.113.66/");
      expect(denied.stdout).toMatch(/^HTTP\/1\.1 403 /);
      expect(denied.stdout).toContain("rule 1 at line 2 '!203.0.113.66'");
      expect(await byProxy("--proxytunnel", "http://203.0.113.11/")).toMatchObject({ code: 0, stdout: `${seen}\n` });
      const arrived = await server.packetsUntil("203.0.113.11");
      expect(arrived).toContain(`${seen} 203.0.113.10`);
      expect(arrived.filter((packet) => packet.endsWith(" 203.0.113.66"))).toEqual([]);
    });

    // Another pod has no address there at all.
    if (seen !== SOURCE) return;
    test("is no proxy for the outside network", async () => {
      const { code } = await curl("gateway", "--noproxy", "*", `http://${SOURCE}:8080/`);
      expect(code).toBe(7); // Could not connect.
    });
  });
}
