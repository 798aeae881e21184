// Owns the manifests that golden files keep, and the way to make one as the command does. Judges nothing.
import { parseAllDocuments } from "yaml";
import { runCommand } from "../../src/cli/cli.ts";
import { FakeRuntime } from "../cli/fake_runtime.ts";

/** A parsed object of a manifest. What a field holds is the test's to know. */
// deno-lint-ignore no-explicit-any
export type Parsed = any;

/** A manifest that a golden file keeps. */
export interface GoldenCase {
  /** The file's name without its suffix. */
  readonly name: string;
  readonly args: readonly string[];
}

/** The rules of all golden files, with what YAML could trip over. */
export const RULES = `# Partners: "quotes", 'quotes', #, {braces}, - dashes and: colons
192.0.2.10
!198.51.100.0/24
198.51.100.0/22

*.example.com
2001:db8::/32
`;

const RULES_FLAG = ["--destination-file", "rules.txt"];
const IMAGE_FLAG = ["--image", "registry.example.com/egress/egress-http-proxy:1.2.3"];

/** One for each network with little said, and one with all. */
export const GOLDEN_CASES: readonly GoldenCase[] = [
  {
    name: "openshift_sdn",
    args: ["--network", "openshift-sdn", "--source", "192.168.12.99/24", "--gateway", "192.168.12.1"],
  },
  {
    name: "openshift_sdn_all",
    args: [
      ...["--network", "openshift-sdn", "--source", "192.168.12.99", "--gateway", "192.168.12.1", "--master", "ens4"],
      ...["--workload", "deployment", "--name", "egress-1", "--namespace", "egress"],
      ...["--router-image", "registry.example.com/egress/router@sha256:" + "0123456789abcdef".repeat(4)],
      ...["--cluster-networks", "10.128.0.0/14,172.30.0.0/16"],
    ],
  },
  {
    name: "multus",
    args: ["--network", "multus", "--source", "192.168.12.99/24", "--gateway", "192.168.12.1"],
  },
  {
    name: "multus_all",
    args: [
      ...["--network", "multus", "--source", "2001:db8:0:12::99/64", "--gateway", "2001:db8:0:12::1"],
      ...["--master", "bond0.12", "--pod-family", "ipv6", "--name", "no", "--namespace", "1e3"],
      ...["--client-label", "example.com/egress=on", "--client-namespace", "null,shop", "--client-dns", "off"],
      ...["--cluster-ip", "fd00:10:96::8080", "--cluster-networks", "fd00:10:244::/56", "--report-only"],
    ],
  },
  { name: "egressip", args: ["--network", "egressip", "--source", "192.168.12.99"] },
  {
    name: "egressip_all",
    args: [
      ...["--network", "egressip", "--source", "192.168.12.99,192.168.12.98", "--source", "2001:db8::99"],
      ...["--replicas", "3", "--namespace", "egress", "--client-namespace", "egress", "--client-namespace", "shop"],
    ],
  },
  { name: "none", args: ["--network", "none"] },
  { name: "none_single", args: ["--network", "none", "--replicas", "1", "--namespace", "egress"] },
];

/** The arguments of a golden case, rules and image included. */
export function goldenArgs({ args }: GoldenCase): readonly string[] {
  return [...RULES_FLAG, ...IMAGE_FLAG, ...args];
}

/** What `manifest` did. */
export interface MadeManifest {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `manifest` on a fake machine that has the rules in `rules.txt`. */
export async function makeManifest(args: readonly string[], rules: string = RULES): Promise<MadeManifest> {
  const fake = new FakeRuntime({ args: ["manifest", ...args], files: { "rules.txt": rules } });
  const code = await runCommand(fake.runtime);
  return { code, stdout: fake.stdout, stderr: fake.stderr };
}

/** Parses a manifest as Kubernetes does, by YAML 1.1 unless told; throws where it is no good YAML. */
export function parseManifest(text: string, version: "1.1" | "1.2" = "1.1"): Parsed[] {
  const documents = parseAllDocuments(text, { version });
  if (!Array.isArray(documents)) throw new Error("There is no document");
  return documents.map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS();
  });
}

/** Makes a manifest and parses it; throws where the command fails. */
export async function makeObjects(args: readonly string[], rules?: string): Promise<Parsed[]> {
  const { code, stdout, stderr } = await makeManifest(args, rules);
  if (code !== 0) throw new Error(stderr);
  return parseManifest(stdout);
}

/** The one object of a kind; throws where there is none, or more than one. */
export function onlyOf(objects: readonly Parsed[], kind: string): Parsed {
  const [object, other] = objects.filter((one) => one.kind === kind);
  if (object === undefined || other !== undefined) throw new Error(`Expected exactly one ${kind}`);
  return object;
}

/** The pod as the cluster would make it: labels, annotations, spec. */
export function podOf(objects: readonly Parsed[]): Parsed {
  const pod = objects.find(({ kind }) => kind === "Pod");
  return pod ?? onlyOf(objects, "Deployment").spec.template;
}
