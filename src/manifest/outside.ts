// Owns the objects that lead the proxy's pods to the outside: an attached network, an address for their connections.
import { attachmentName, type Fields, metadataOf, NAMESPACE_LABEL, proxyLabels } from "./kubernetes_object.ts";
import type { EgressIpNetwork, ManifestRequest, MultusNetwork } from "./request.ts";

/** Makes the NetworkAttachmentDefinition: a macvlan interface with the source address. */
export function networkAttachment(request: ManifestRequest, { source, gateway, master }: MultusNetwork): Fields {
  const name = attachmentName(request);
  const config = {
    cniVersion: "0.3.1",
    name,
    type: "macvlan",
    ...(master === undefined ? {} : { master }),
    mode: "bridge",
    ipam: { type: "static", addresses: [{ address: source, gateway: gateway.text }] },
  };
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: metadataOf(request, name),
    spec: { config: `${JSON.stringify(config, undefined, 2)}\n` },
  };
}

/** Makes the EgressIP of the proxy's pods. It belongs to no namespace, so its name has the namespace in it. */
export function egressIp({ name, namespace }: ManifestRequest, { sources }: EgressIpNetwork): Fields {
  return {
    apiVersion: "k8s.ovn.org/v1",
    kind: "EgressIP",
    metadata: { name: `${namespace}-${name}`, labels: proxyLabels(name) },
    spec: {
      egressIPs: sources.map((source) => source.text),
      namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: namespace } },
      podSelector: { matchLabels: proxyLabels(name) },
    },
  };
}
