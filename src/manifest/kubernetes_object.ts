// Owns the shape that all Kubernetes objects share, and the names and labels by which those of one manifest find each
// other. Knows nothing of what is in them.
import type { ManifestRequest } from "./request.ts";

/** A value of JSON; undefined leaves a field out. */
export type FieldValue = string | number | boolean | readonly FieldValue[] | Fields | undefined;

/** The fields of an object. */
export interface Fields {
  readonly [name: string]: FieldValue;
}

/** One object of a manifest, with the comment that stands over it. */
export interface ManifestObject {
  /** One line each, without a line end. */
  readonly comment: readonly string[];
  readonly object: Fields;
}

/** Labels by key. */
export type Labels = Readonly<Record<string, string>>;

/** The label that every namespace carries its own name by, since Kubernetes 1.21. */
export const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

const APPLICATION = "egress-http-proxy";

/** The labels of the proxy's pods, which all selectors use. */
export function proxyLabels(name: string): Labels {
  return { "app.kubernetes.io/name": APPLICATION, "app.kubernetes.io/instance": name };
}

/** The name of the ConfigMap with the rules. */
export function rulesName({ name }: ManifestRequest): string {
  return `${name}-rules`;
}

/** The name of the NetworkAttachmentDefinition. */
export function attachmentName({ name }: ManifestRequest): string {
  return `${name}-outside`;
}

/** The metadata of an object in the proxy's namespace. */
export function metadataOf(request: ManifestRequest, name: string = request.name): Fields {
  return { name, namespace: request.namespace, labels: proxyLabels(request.name) };
}
