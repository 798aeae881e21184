// Owns the clients' side: the Service that they connect to, the variables that lead them there, and the policy that
// leaves them no other way.
import { type Fields, metadataOf, NAMESPACE_LABEL, proxyLabels } from "./kubernetes_object.ts";
import { PROXY_PORT } from "./pod.ts";
import type { ManifestRequest } from "./request.ts";

/** Makes the Service. */
export function service(request: ManifestRequest): Fields {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(request),
    spec: {
      type: "ClusterIP",
      clusterIP: request.clients.serviceAddress?.text,
      selector: proxyLabels(request.name),
      ports: [{ name: "http-proxy", port: PROXY_PORT, targetPort: "http-proxy", protocol: "TCP" }],
    },
  };
}

/** Formats the lines of a client's environment. */
export function clientVariables({ name, namespace, clients }: ManifestRequest): readonly string[] {
  const { serviceAddress, clusterNetworks } = clients;
  const address = serviceAddress?.family === 6 ? `[${serviceAddress.text}]` : serviceAddress?.text;
  const url = `http://${address ?? `${name}.${namespace}.svc`}:${PROXY_PORT}`;
  const inside = [
    "localhost",
    "127.0.0.1",
    "::1",
    ".svc",
    ".cluster.local",
    ...clusterNetworks.map(({ text }) => text),
  ];
  return [`http_proxy=${url}`, `https_proxy=${url}`, `no_proxy=${inside.join(",")}`];
}

/** Makes the policy for the client pods of one namespace: the proxy, name servers where they may, and nothing else. */
export function clientPolicy(request: ManifestRequest, clientNamespace: string): Fields {
  const { name, namespace, clients, network } = request;
  const proxyPods = { podSelector: { matchLabels: proxyLabels(name) } };
  // A policy's own namespace needs no selector, and clusters before Kubernetes 1.21 have no label to select it by.
  const proxy = clientNamespace === namespace ? proxyPods : { ...namespaceNamed(namespace), ...proxyPods };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `${name}-clients`, namespace: clientNamespace, labels: proxyLabels(name) },
    spec: {
      podSelector: { matchLabels: { [clients.labelKey]: clients.labelValue } },
      policyTypes: ["Egress"],
      egress: [
        { to: [proxy], ports: [{ protocol: "TCP", port: PROXY_PORT }] },
        ...(clients.mayUseDns ? [openshiftDns()] : []),
        ...(clients.mayUseDns && network.kind !== "openshift-sdn" ? [kubernetesDns()] : []),
      ],
    },
  };
}

/** The name servers of OpenShift. A policy sees the port of the pod (5353), not that of the Service (53). */
function openshiftDns(): Fields {
  return nameServers("openshift-dns", { "dns.operator.openshift.io/daemonset-dns": "default" }, 5353);
}

/** The name servers of most other clusters. */
function kubernetesDns(): Fields {
  return nameServers("kube-system", { "k8s-app": "kube-dns" }, 53);
}

function nameServers(namespace: string, labels: Fields, port: number): Fields {
  return {
    to: [{ ...namespaceNamed(namespace), podSelector: { matchLabels: labels } }],
    ports: [{ protocol: "UDP", port }, { protocol: "TCP", port }],
  };
}

function namespaceNamed(namespace: string): Fields {
  return { namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: namespace } } };
}
