// Owns which objects a manifest has, in which order, and what is said over each. What is in them their own files own.
import { clientPolicy, clientVariables, service } from "./clients.ts";
import { type Fields, type ManifestObject, metadataOf, proxyLabels, rulesName } from "./kubernetes_object.ts";
import { egressIp, networkAttachment } from "./outside.ts";
import { hasReplicas, podTemplate, replicasOf, RULES_KEY } from "./pod.ts";
import type { ManifestRequest } from "./request.ts";

/** Makes all objects of a manifest, each behind those that it needs. */
export function buildManifest(request: ManifestRequest): readonly ManifestObject[] {
  return [
    ...serviceAccounts(request),
    {
      comment: ["The rules, as a file: a change reaches the running proxy within a minute or two, without a restart."],
      object: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: metadataOf(request, rulesName(request)),
        data: { [RULES_KEY]: request.rules },
      },
    },
    ...outsideObjects(request),
    workload(request),
    describeService(request),
    ...request.clients.namespaces.map((namespace) => describePolicy(request, namespace)),
    ...disruptionBudgets(request),
  ];
}

/** OpenShift lets a pod be privileged by its service account. */
function serviceAccounts(request: ManifestRequest): ManifestObject[] {
  if (request.network.kind !== "openshift-sdn") return [];
  const { name, namespace } = request;
  return [{
    comment: [
      "The account of the pod, whose init container is privileged. Once, as an administrator:",
      `  oc adm policy add-scc-to-user privileged -z ${name} -n ${namespace}`,
    ],
    object: {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: metadataOf(request),
      automountServiceAccountToken: false,
    },
  }];
}

function outsideObjects(request: ManifestRequest): ManifestObject[] {
  const { network } = request;
  switch (network.kind) {
    case "multus":
      return [{
        comment: [
          `The outside network: a macvlan interface of the pod with ${network.source}. The macvlan plugin announces it.`,
        ],
        object: networkAttachment(request, network),
      }];
    case "egressip":
      return [{
        comment: [
          "What the outside sees of the proxy's pods, on whichever node. A node takes an address where it has the label",
          "k8s.ovn.org/egress-assignable and is on the address's network.",
        ],
        object: egressIp(request, network),
      }];
    default:
      return [];
  }
}

function workload(request: ManifestRequest): ManifestObject {
  const { network, name } = request;
  const { labels, annotations, spec } = podTemplate(request);
  if (network.kind === "openshift-sdn" && network.workload === "pod") {
    return {
      comment: [
        "The egress router pod. The privileged init container sets up macvlan0 and ends; the proxy has no rights.",
      ],
      object: { apiVersion: "v1", kind: "Pod", metadata: { ...metadataOf(request), annotations }, spec },
    };
  }
  return {
    comment: [describeDeployment(request)],
    object: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: metadataOf(request),
      spec: {
        replicas: replicasOf(network),
        strategy: updateStrategy(request),
        selector: { matchLabels: proxyLabels(name) },
        template: { metadata: { labels, annotations }, spec },
      },
    },
  };
}

function describeDeployment({ network }: ManifestRequest): string {
  switch (network.kind) {
    case "openshift-sdn":
      return "The egress router pod, one at a time: two can't have one address. Its init container alone is privileged.";
    case "multus":
      return "The proxy, one pod at a time: two can't have one address. Its default route leads to the outside network.";
    default:
      return "The proxy.";
  }
}

/** With an address of its own the old pod has to be gone first; else a new one has to be ready first. */
function updateStrategy({ network }: ManifestRequest): Fields {
  if (network.kind === "openshift-sdn" || network.kind === "multus") return { type: "Recreate" };
  return { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
}

function describeService(request: ManifestRequest): ManifestObject {
  const { labelKey, labelValue } = request.clients;
  return {
    comment: [
      `What clients connect to. They have the label ${labelKey}=${labelValue} and these variables, which some programs`,
      "read in capitals alone (a range in no_proxy is understood by some only):",
      ...clientVariables(request).map((line) => `  ${line}`),
    ],
    object: service(request),
  };
}

function describePolicy(request: ManifestRequest, clientNamespace: string): ManifestObject {
  const { labelKey, labelValue, mayUseDns } = request.clients;
  const names = mayUseDns
    ? [
      "They may ask the cluster's name servers, or they would not find the Service. That is a way out of its own: a name",
      "that is asked for can carry data. The command's --help says how to do without.",
    ]
    : ["They ask no name server, since a name that is asked for can carry data, and use the Service's address."];
  return {
    comment: [
      `The proxy is the only way out for pods with ${labelKey}=${labelValue} in the namespace ${clientNamespace}.`,
      ...names,
      "Policies add up: what they need inside the cluster, another one allows.",
    ],
    object: clientPolicy(request, clientNamespace),
  };
}

function disruptionBudgets(request: ManifestRequest): ManifestObject[] {
  if (!hasReplicas(request.network)) return [];
  return [{
    comment: ["A drained node takes one of the pods at a time."],
    object: {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: metadataOf(request),
      spec: { maxUnavailable: 1, selector: { matchLabels: proxyLabels(request.name) } },
    },
  }];
}
