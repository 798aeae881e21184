// Owns the judgement on an object by the published schemas: Kubernetes' own as the package kubernetes-models has them
// compiled, and those of two custom resources by what their projects publish. A field that a schema does not know is a
// fault too, as it is to `kubectl apply`.
import { validate as validateConfigMap } from "kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap";
import { validate as validatePod } from "kubernetes-models/_schemas/IoK8sApiCoreV1Pod";
import { validate as validateService } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";
import { validate as validateServiceAccount } from "kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount";
import { validate as validateDeployment } from "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment";
import { validate as validateNetworkPolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import { validate as validateDisruptionBudget } from "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget";
import { validate as validateMetadata } from "@kubernetes-models/apimachinery/_schemas/IoK8sApimachineryPkgApisMetaV1ObjectMeta";

/** What a compiled schema is: a function that leaves its findings on itself. */
type CompiledSchema = ((value: unknown) => boolean) & { readonly errors?: readonly SchemaError[] | null };

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: unknown;
}

const COMPILED: Readonly<Record<string, CompiledSchema>> = {
  "v1 ConfigMap": validateConfigMap,
  "v1 Pod": validatePod,
  "v1 Service": validateService,
  "v1 ServiceAccount": validateServiceAccount,
  "apps/v1 Deployment": validateDeployment,
  "networking.k8s.io/v1 NetworkPolicy": validateNetworkPolicy,
  "policy/v1 PodDisruptionBudget": validateDisruptionBudget,
};

/** The part of JSON Schema that the two custom resources use. */
type Schema =
  | { readonly type: "string" }
  | { readonly type: "array"; readonly items: Schema }
  | { readonly type: "map"; readonly values: Schema }
  | { readonly type: "metadata" }
  | {
    readonly type: "object";
    readonly properties: Readonly<Record<string, Schema>>;
    readonly required: readonly string[];
  };

const STRING: Schema = { type: "string" };

const LABEL_SELECTOR: Schema = {
  type: "object",
  properties: {
    matchLabels: { type: "map", values: STRING },
    matchExpressions: {
      type: "array",
      items: {
        type: "object",
        properties: { key: STRING, operator: STRING, values: { type: "array", items: STRING } },
        required: ["key", "operator"],
      },
    },
  },
  required: [],
};

const CUSTOM: Readonly<Record<string, Schema>> = {
  // ovn-org/ovn-kubernetes, dist/templates/k8s.ovn.org_egressips.yaml.j2
  "k8s.ovn.org/v1 EgressIP": {
    type: "object",
    properties: {
      apiVersion: STRING,
      kind: STRING,
      metadata: { type: "metadata" },
      spec: {
        type: "object",
        properties: {
          egressIPs: { type: "array", items: STRING },
          namespaceSelector: LABEL_SELECTOR,
          podSelector: LABEL_SELECTOR,
        },
        required: ["egressIPs", "namespaceSelector"],
      },
    },
    required: ["spec"],
  },
  // k8snetworkplumbingwg/multus-cni, deployments/multus-daemonset.yml
  "k8s.cni.cncf.io/v1 NetworkAttachmentDefinition": {
    type: "object",
    properties: {
      apiVersion: STRING,
      kind: STRING,
      metadata: { type: "metadata" },
      spec: { type: "object", properties: { config: STRING }, required: [] },
    },
    required: [],
  },
};

/** Finds all that is wrong with an object by its schema, as `/path: fault`; empty where it is valid. */
export function findSchemaFaults(value: unknown): readonly string[] {
  if (!isFields(value)) return [": no object"];
  const kind = `${value.apiVersion} ${value.kind}`;
  const compiled = COMPILED[kind];
  if (compiled !== undefined) return judgeCompiled(compiled, value);
  const custom = CUSTOM[kind];
  return custom === undefined ? [`: no schema for '${kind}'`] : judge(custom, value, "");
}

/**
 * The compiled schemas take fields that they do not know. But they read each field that they know, so a field that was
 * never read is one that they don't.
 */
function judgeCompiled(schema: CompiledSchema, value: object, path = ""): string[] {
  const reading = new Reading();
  const faults = schema(reading.watch(value, path)) ? [] : schema.errors ?? [];
  return [
    ...faults.map(({ instancePath, keyword, params }) =>
      `${path}${instancePath}: ${keyword} ${JSON.stringify(params)}`
    ),
    ...[...reading.unread].map((field) => `${field}: unknown`),
  ];
}

/** Keeps the paths of fields that are in sight and were not read. Those below one that was not read are not in sight. */
class Reading {
  readonly unread = new Set<string>();
  readonly #watched = new Map<object, object>();

  /** Wraps a value so that each field of it that is read leaves `unread`. */
  watch(value: object, path: string): object {
    const known = this.#watched.get(value);
    if (known !== undefined) return known;
    if (!Array.isArray(value)) { for (const key of Object.keys(value)) this.unread.add(`${path}/${key}`); }
    const watched = new Proxy(value, {
      get: (target, key, receiver) => {
        const field: unknown = Reflect.get(target, key, receiver);
        if (typeof key !== "string" || !Object.hasOwn(target, key)) return field;
        this.unread.delete(`${path}/${key}`);
        return typeof field === "object" && field !== null ? this.watch(field, `${path}/${key}`) : field;
      },
    });
    this.#watched.set(value, watched);
    return watched;
  }
}

function judge(schema: Schema, value: unknown, path: string): string[] {
  switch (schema.type) {
    case "string":
      return typeof value === "string" ? [] : [`${path}: type {"type":"string"}`];
    case "array":
      if (!Array.isArray(value)) return [`${path}: type {"type":"array"}`];
      return value.flatMap((item, at) => judge(schema.items, item, `${path}/${at}`));
    case "map":
      if (!isFields(value)) return [`${path}: type {"type":"object"}`];
      return Object.entries(value).flatMap(([key, item]) => judge(schema.values, item, `${path}/${key}`));
    case "metadata":
      return isFields(value) ? judgeCompiled(validateMetadata, value, path) : [`${path}: type {"type":"object"}`];
    case "object": {
      if (!isFields(value)) return [`${path}: type {"type":"object"}`];
      const missing = schema.required.filter((key) => value[key] === undefined);
      return [
        ...missing.map((key) => `${path}: required ${JSON.stringify({ missingProperty: key })}`),
        ...Object.entries(value).flatMap(([key, item]) => {
          const field = schema.properties[key];
          return field === undefined ? [`${path}/${key}: unknown`] : judge(field, item, `${path}/${key}`);
        }),
      ];
    }
  }
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
