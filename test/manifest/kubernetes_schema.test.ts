// Every object of every manifest is valid by the published schemas; and the judgement that says so finds faults.
import { describe, expect, test } from "bun:test";
import { GOLDEN_CASES, goldenArgs, makeObjects, onlyOf, type Parsed } from "./cases.ts";
import { findSchemaFaults } from "./kubernetes_schema.ts";

for (const golden of GOLDEN_CASES) {
  test(`every object of ${golden.name} is valid by its schema`, async () => {
    const objects = await makeObjects(goldenArgs(golden));
    expect(objects.length).toBeGreaterThan(3);
    const faults = objects.flatMap((object) => findSchemaFaults(object).map((fault) => `${object.kind} ${fault}`));
    expect(faults).toEqual([]);
  });
}

describe("findSchemaFaults()", () => {
  const [sdn, multus, egressip] = ["openshift_sdn", "multus", "egressip"].map((wanted) =>
    GOLDEN_CASES.find(({ name }) => name === wanted)
  );

  async function spoilt(golden: typeof sdn, kind: string, spoil: (object: Parsed) => void): Promise<readonly string[]> {
    const object = onlyOf(await makeObjects(goldenArgs(golden!)), kind);
    spoil(object);
    return findSchemaFaults(object);
  }

  const table = [
    {
      name: "an unknown field deep in a pod",
      input: () => spoilt(sdn, "Pod", (pod) => pod.spec.containers[0].securityContext.readOnlyRootFileSystem = true),
      expected: ["/spec/containers/0/securityContext/readOnlyRootFileSystem: unknown"],
    },
    {
      name: "an unknown field at the top",
      input: () => spoilt(sdn, "ConfigMap", (map) => map.datas = {}),
      expected: ["/datas: unknown"],
    },
    {
      name: "a label that is no text",
      input: () => spoilt(sdn, "Service", (service) => service.metadata.labels.a = true),
      expected: ['/metadata/labels/a: type {"type":"string"}'],
    },
    {
      name: "a container without a name",
      input: () => spoilt(multus, "Deployment", (one) => delete one.spec.template.spec.containers[0].name),
      expected: ['/spec/template/spec/containers/0: required {"missingProperty":"name"}'],
    },
    {
      name: "a word that is none of those possible",
      input: () => spoilt(multus, "Deployment", (one) => one.spec.strategy.type = "Replace"),
      expected: ['/spec/strategy/type: enum {"allowedValues":["Recreate","RollingUpdate"]}'],
    },
    {
      name: "an unknown field of a custom resource",
      input: () => spoilt(egressip, "EgressIP", (one) => one.spec.egressIps = []),
      expected: ["/spec/egressIps: unknown"],
    },
    {
      name: "an unknown field of a custom resource's metadata",
      input: () => spoilt(multus, "NetworkAttachmentDefinition", (one) => one.metadata.label = {}),
      expected: ["/metadata/label: unknown"],
    },
    {
      name: "a missing field of a custom resource",
      input: () => spoilt(egressip, "EgressIP", (one) => delete one.spec.namespaceSelector),
      expected: ['/spec: required {"missingProperty":"namespaceSelector"}'],
    },
    {
      name: "a custom resource's field of another type",
      input: () => spoilt(multus, "NetworkAttachmentDefinition", (one) => one.spec.config = {}),
      expected: ['/spec/config: type {"type":"string"}'],
    },
    {
      name: "a kind without a schema",
      input: () => Promise.resolve(findSchemaFaults({ apiVersion: "v1", kind: "Secret" })),
      expected: [": no schema for 'v1 Secret'"],
    },
  ];
  for (const { name, input, expected } of table) {
    test(`finds ${name}`, async () => expect(await input()).toEqual(expected));
  }
});
