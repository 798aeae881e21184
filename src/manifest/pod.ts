// Owns the proxy's pod: its containers with what they may do, probes, resources, volumes. Knows nothing of the objects
// around it.
import type { Fields, FieldValue, Labels } from "./kubernetes_object.ts";
import { attachmentName, proxyLabels, rulesName } from "./kubernetes_object.ts";
import type { ManifestRequest, OpenshiftSdnNetwork, OutsideNetwork } from "./request.ts";

/** Where clients connect. */
export const PROXY_PORT = 8080;

/** Where the kubelet asks for health and readiness. */
export const ADMIN_PORT = 8081;

/** The key of the ConfigMap that becomes the file with the rules. */
export const RULES_KEY = "rules";

const RULES_FOLDER = "/etc/egress-http-proxy";

/** The file of the proxy's container that has the rules. */
export const RULES_PATH = `${RULES_FOLDER}/${RULES_KEY}`;

/** Has the pod's cluster address. Settings refer to it as `$(POD_IP)`. */
export const POD_IP_VARIABLE = "POD_IP";

const RULES_VOLUME = "rules";

/** The pod as a Pod or a Deployment has it: metadata without a name, and spec. */
export interface PodTemplate {
  readonly labels: Labels;
  readonly annotations: Fields | undefined;
  readonly spec: Fields;
}

/** Makes the pod for a way to the outside. */
export function podTemplate(request: ManifestRequest): PodTemplate {
  const { network } = request;
  return {
    labels: proxyLabels(request.name),
    annotations: annotationsOf(request),
    spec: {
      serviceAccountName: network.kind === "openshift-sdn" ? request.name : undefined,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: request.terminationGraceSeconds,
      topologySpreadConstraints: hasReplicas(network) ? [spreadOverNodes(request)] : undefined,
      initContainers: network.kind === "openshift-sdn" ? [routerContainer(request, network)] : undefined,
      containers: [proxyContainer(request)],
      volumes: [{ name: RULES_VOLUME, configMap: { name: rulesName(request) } }],
    },
  };
}

/** How many pods there are to be; an address of one link can be on one alone. */
export function replicasOf(network: OutsideNetwork): number {
  return network.kind === "egressip" || network.kind === "none" ? network.replicas : 1;
}

/** Whether there is more than one pod. */
export function hasReplicas(network: OutsideNetwork): boolean {
  return replicasOf(network) > 1;
}

function annotationsOf(request: ManifestRequest): Fields | undefined {
  const { network } = request;
  switch (network.kind) {
    case "openshift-sdn":
      return { "pod.network.openshift.io/assign-macvlan": network.master ?? "true" };
    case "multus": {
      const attachment = { name: attachmentName(request), "default-route": [network.gateway.text] };
      return { "k8s.v1.cni.cncf.io/networks": JSON.stringify([attachment]) };
    }
    default:
      return undefined;
  }
}

function spreadOverNodes({ name }: ManifestRequest): Fields {
  return {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: proxyLabels(name) },
  };
}

/** The init container. OpenShift SDN makes macvlan0 only where a container of the pod is privileged. */
function routerContainer({ routerImage }: ManifestRequest, { source, gateway }: OpenshiftSdnNetwork): Fields {
  return {
    name: "egress-router",
    image: routerImage,
    imagePullPolicy: "IfNotPresent",
    env: [
      { name: "EGRESS_SOURCE", value: source },
      { name: "EGRESS_GATEWAY", value: gateway.text },
      { name: "EGRESS_ROUTER_MODE", value: "http-proxy" },
    ],
    resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "1", memory: "256Mi" } },
    // Another user than root would lose the capabilities when the program starts.
    securityContext: { privileged: true, runAsUser: 0, runAsNonRoot: false, readOnlyRootFilesystem: true },
  };
}

function proxyContainer({ image, settings }: ManifestRequest): Fields {
  return {
    name: "egress-http-proxy",
    image,
    imagePullPolicy: "IfNotPresent",
    ports: [
      { name: "http-proxy", containerPort: PROXY_PORT, protocol: "TCP" },
      { name: "admin", containerPort: ADMIN_PORT, protocol: "TCP" },
    ],
    env: [
      // Stands before the settings: Kubernetes resolves $(POD_IP) by what is above it.
      { name: POD_IP_VARIABLE, valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      ...settings.map(({ name, value }): FieldValue => ({ name, value })),
    ],
    startupProbe: probe("/healthz", { periodSeconds: 1, failureThreshold: 60 }),
    readinessProbe: probe("/readyz", { periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: probe("/healthz", { periodSeconds: 10, failureThreshold: 3 }),
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "2", memory: "512Mi" } },
    // No user is named: the image's is 65532, and OpenShift picks one of the namespace's own.
    securityContext: {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    // The folder, not the file: a file mounted by itself (subPath) would never change.
    volumeMounts: [{ name: RULES_VOLUME, mountPath: RULES_FOLDER, readOnly: true }],
  };
}

function probe(path: string, timing: Fields): Fields {
  return { httpGet: { path, port: "admin" }, timeoutSeconds: 2, ...timing };
}
