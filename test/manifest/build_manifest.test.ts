// What the objects of a manifest promise each other and their readers: names and labels that meet, and a pod that may do
// no more than it needs.
import { describe, expect, test } from "bun:test";
import {
  GOLDEN_CASES,
  goldenArgs,
  makeManifest,
  makeObjects,
  onlyOf,
  type Parsed,
  parseManifest,
  podOf,
} from "./cases.ts";

const SDN = ["--network", "openshift-sdn", "--source", "192.168.12.99/24", "--gateway", "192.168.12.1"];
const MULTUS = ["--network", "multus", "--source", "192.168.12.99/24", "--gateway", "192.168.12.1"];
const EGRESSIP = ["--network", "egressip", "--source", "192.168.12.99"];
const NONE = ["--network", "none"];
const RULES = ["--destination", "*.example.com"];

const KINDS = [
  { name: "openshift-sdn", args: SDN, expected: "ServiceAccount ConfigMap Pod Service NetworkPolicy" },
  { name: "multus", args: MULTUS, expected: "ConfigMap NetworkAttachmentDefinition Deployment Service NetworkPolicy" },
  {
    name: "egressip",
    args: EGRESSIP,
    expected: "ConfigMap EgressIP Deployment Service NetworkPolicy PodDisruptionBudget",
  },
  { name: "none", args: NONE, expected: "ConfigMap Deployment Service NetworkPolicy PodDisruptionBudget" },
  {
    name: "none with one replica",
    args: [...NONE, "--replicas", "1"],
    expected: "ConfigMap Deployment Service NetworkPolicy",
  },
  {
    name: "none with clients in two namespaces",
    args: [...NONE, "--client-namespace", "a,b,a"],
    expected: "ConfigMap Deployment Service NetworkPolicy NetworkPolicy PodDisruptionBudget",
  },
];

describe("a manifest", () => {
  for (const { name, args, expected } of KINDS) {
    test(`for ${name} has these objects, each under a comment`, async () => {
      const { stdout } = await makeManifest([...RULES, ...args]);
      expect(parseManifest(stdout).map(({ kind }) => kind).join(" ")).toBe(expected);
      expect(stdout).toStartWith("---\n");
      for (const text of stdout.split("---\n").slice(1)) expect(text).toMatch(/^# .+\n(#.*\n)*apiVersion: /);
    });
  }
});

for (const golden of GOLDEN_CASES) {
  describe(`the objects of ${golden.name}`, () => {
    const objects = () => makeObjects(goldenArgs(golden));

    test("are found by their selectors", async () => {
      const made = await objects();
      const pod = podOf(made);
      const isPods = (labels: Parsed) => {
        expect(Object.keys(labels).length).toBeGreaterThan(0);
        expect(pod.metadata.labels).toMatchObject(labels);
      };
      isPods(onlyOf(made, "Service").spec.selector);
      for (const { kind, spec } of made) {
        if (kind === "Deployment" || kind === "PodDisruptionBudget") isPods(spec.selector.matchLabels);
        if (kind === "EgressIP") isPods(spec.podSelector.matchLabels);
        if (kind !== "NetworkPolicy") continue;
        isPods(spec.egress[0].to[0].podSelector.matchLabels);
        const [clientKey = ""] = Object.keys(spec.podSelector.matchLabels);
        expect(pod.metadata.labels).not.toHaveProperty([clientKey]);
      }
    });

    test("refer to names that are there", async () => {
      const made = await objects();
      const { metadata, spec } = podOf(made);
      const [container] = spec.containers;
      const [{ configMap }] = spec.volumes;
      const map = onlyOf(made, "ConfigMap");
      expect(configMap.name).toBe(map.metadata.name);
      const file = container.env.find(({ name }: Parsed) => name === "EGRESS_HTTP_PROXY_DESTINATION_FILE").value;
      expect(Object.keys(map.data).map((key) => `${container.volumeMounts[0].mountPath}/${key}`)).toEqual([file]);
      expect(container.volumeMounts[0].subPath).toBeUndefined();
      const ports = container.ports.map(({ name }: Parsed) => name);
      expect(ports).toContain(onlyOf(made, "Service").spec.ports[0].targetPort);
      for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
        expect(ports).toContain(container[probe].httpGet.port);
      }
      if (spec.serviceAccountName !== undefined) {
        expect(onlyOf(made, "ServiceAccount").metadata.name).toBe(spec.serviceAccountName);
      }
      const attached = metadata.annotations?.["k8s.v1.cni.cncf.io/networks"];
      if (attached === undefined) return;
      expect(JSON.parse(attached)[0].name).toBe(onlyOf(made, "NetworkAttachmentDefinition").metadata.name);
    });

    test("are all in a namespace but the EgressIP, and no two have one name", async () => {
      const made = await objects();
      for (const { kind, metadata } of made) expect(metadata.namespace === undefined).toBe(kind === "EgressIP");
      const names = made.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
      expect(names).toEqual([...new Set(names)]);
    });

    test("let the proxy do nothing that it does not need", async () => {
      const { spec } = podOf(await objects());
      expect(spec.containers.length).toBe(1);
      const [container] = spec.containers;
      expect(container.securityContext).toEqual({
        privileged: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(spec.automountServiceAccountToken).toBe(false);
      for (const field of ["hostNetwork", "hostPID", "hostIPC", "securityContext"]) expect(spec[field]).toBeUndefined();
      expect(container.volumeMounts.every(({ readOnly }: Parsed) => readOnly === true)).toBe(true);
    });

    test("bound every container", async () => {
      const { spec } = podOf(await objects());
      for (const { resources } of [...spec.containers, ...spec.initContainers ?? []]) {
        expect(Object.keys(resources.requests)).toEqual(["cpu", "memory"]);
        expect(Object.keys(resources.limits)).toEqual(["cpu", "memory"]);
      }
    });

    test("are privileged in openshift-sdn's init container alone", async () => {
      const made = await objects();
      const init = podOf(made).spec.initContainers;
      expect(init !== undefined).toBe(golden.name.startsWith("openshift_sdn"));
      if (init === undefined) return expect(JSON.stringify(made)).not.toContain('"privileged":true');
      expect(init[0].securityContext).toMatchObject({ privileged: true, runAsUser: 0, readOnlyRootFilesystem: true });
    });

    test("set what a pod in a cluster needs, and leave time to drain", async () => {
      const { spec } = podOf(await objects());
      const [podIp, ...settings] = spec.containers[0].env;
      expect(podIp).toEqual({ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } });
      const values = Object.fromEntries(settings.map(({ name, value }: Parsed) => [name, value]));
      const isIpv6 = golden.name === "multus_all";
      expect(values).toEqual({
        EGRESS_HTTP_PROXY_DESTINATION_FILE: "/etc/egress-http-proxy/rules",
        EGRESS_HTTP_PROXY_LISTEN: isIpv6 ? "[$(POD_IP)]:8080" : "$(POD_IP):8080",
        EGRESS_HTTP_PROXY_ADMIN: ":8081",
        EGRESS_HTTP_PROXY_DRAIN_DELAY: "3s",
        EGRESS_HTTP_PROXY_DRAIN_TIMEOUT: "25s",
        ...(isIpv6 ? { EGRESS_HTTP_PROXY_REPORT_ONLY: "on" } : {}),
      });
      expect(spec.terminationGracePeriodSeconds).toBe(30);
    });

    test("leave clients the proxy and, where they may, name servers", async () => {
      const made = await objects();
      const policies = made.filter(({ kind }) => kind === "NetworkPolicy");
      const isWithoutDns = golden.name === "multus_all";
      expect(policies.length).toBeGreaterThan(0);
      for (const { spec } of policies) {
        expect(spec.policyTypes).toEqual(["Egress"]);
        const [proxy, ...others] = spec.egress;
        expect(proxy.ports).toEqual([{ protocol: "TCP", port: 8080 }]);
        const wanted = isWithoutDns ? [] : golden.name.startsWith("openshift_sdn") ? [5353] : [5353, 53];
        expect(others.map(({ ports }: Parsed) => ports)).toEqual(
          wanted.map((port) => [{ protocol: "UDP", port }, { protocol: "TCP", port }]),
        );
        // A peer without a pod selector would be a whole namespace, one without any selector the whole world.
        for (const { to } of spec.egress) {
          expect(to.length).toBe(1);
          expect(Object.keys(to[0].podSelector.matchLabels).length).toBeGreaterThan(0);
        }
      }
    });
  });
}

describe("what a network needs", () => {
  test("openshift-sdn: annotation, source, gateway and mode", async () => {
    const pod = onlyOf(await makeObjects([...RULES, ...SDN]), "Pod");
    expect(pod.metadata.annotations).toEqual({ "pod.network.openshift.io/assign-macvlan": "true" });
    expect(pod.spec.initContainers[0].env).toEqual([
      { name: "EGRESS_SOURCE", value: "192.168.12.99/24" },
      { name: "EGRESS_GATEWAY", value: "192.168.12.1" },
      { name: "EGRESS_ROUTER_MODE", value: "http-proxy" },
    ]);
  });

  test("openshift-sdn: the interface by name, a deployment of one at a time", async () => {
    const objects = await makeObjects([...RULES, ...SDN, "--master", "ens4", "--workload", "deployment"]);
    const { spec } = onlyOf(objects, "Deployment");
    expect(spec.template.metadata.annotations).toEqual({ "pod.network.openshift.io/assign-macvlan": "ens4" });
    expect([spec.replicas, spec.strategy]).toEqual([1, { type: "Recreate" }]);
  });

  test("multus: a macvlan with the address, and the default route through it", async () => {
    const objects = await makeObjects([...RULES, ...MULTUS, "--master", "ens4"]);
    expect(JSON.parse(onlyOf(objects, "NetworkAttachmentDefinition").spec.config)).toEqual({
      cniVersion: "0.3.1",
      name: "egress-http-proxy-outside",
      type: "macvlan",
      master: "ens4",
      mode: "bridge",
      ipam: { type: "static", addresses: [{ address: "192.168.12.99/24", gateway: "192.168.12.1" }] },
    });
    const { spec } = onlyOf(objects, "Deployment");
    expect(JSON.parse(spec.template.metadata.annotations["k8s.v1.cni.cncf.io/networks"])).toEqual([
      { name: "egress-http-proxy-outside", "default-route": ["192.168.12.1"] },
    ]);
    expect([spec.replicas, spec.strategy]).toEqual([1, { type: "Recreate" }]);
  });

  test("egressip: the addresses for the proxy's pods in its namespace", async () => {
    const args = [...RULES, ...EGRESSIP, "--source", "2001:DB8::99", "--namespace", "egress", "--replicas", "3"];
    const objects = await makeObjects(args);
    const { metadata, spec } = onlyOf(objects, "EgressIP");
    expect(metadata.name).toBe("egress-egress-http-proxy");
    expect(spec.egressIPs).toEqual(["192.168.12.99", "2001:db8::99"]);
    expect(spec.namespaceSelector).toEqual({ matchLabels: { "kubernetes.io/metadata.name": "egress" } });
    expect(onlyOf(objects, "Deployment").spec.replicas).toBe(3);
  });
});

describe("the clients' variables", () => {
  const table = [
    {
      name: "lead to the Service by name",
      args: ["--namespace", "egress", "--name", "out"],
      url: "http://out.egress.svc:8080",
      inside: "",
    },
    { name: "lead to its address", args: ["--cluster-ip", "10.96.0.80"], url: "http://10.96.0.80:8080", inside: "" },
    { name: "lead to an IPv6 address", args: ["--cluster-ip", "fd00::80"], url: "http://[fd00::80]:8080", inside: "" },
    {
      name: "leave the cluster's networks out",
      args: ["--cluster-networks", "10.128.0.0/14", "--cluster-networks", "172.30.0.0/16"],
      url: "http://egress-http-proxy.default.svc:8080",
      inside: ",10.128.0.0/14,172.30.0.0/16",
    },
  ];
  for (const { name, args, url, inside } of table) {
    test(name, async () => {
      const { stdout } = await makeManifest([...RULES, ...NONE, ...args]);
      expect(stdout.match(/^# +\w+_proxy=.*$/gm)).toEqual([
        `#   http_proxy=${url}`,
        `#   https_proxy=${url}`,
        `#   no_proxy=localhost,127.0.0.1,::1,.svc,.cluster.local${inside}`,
      ]);
    });
  }
});
