// Owns `manifest`: Kubernetes YAML for a whole egress pod on stdout, or everything that is wrong with what it is to be
// made from.
import { formatQuotedText } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import { formatConfigText } from "../manifest/config_text.ts";
import { parseRules } from "../policy/parse_rules.ts";
import type { Rule } from "../policy/rule.ts";
import type { Command, CommandContext } from "./command.ts";
import { PROGRAM } from "./command_line.ts";
import { findRuleSource, formatRuleError, type ReadRules, readRules } from "./rule_source.ts";

/** What a ConfigMap may hold in all, less some room for its names. */
const MAX_RULES_BYTES = 1_048_576 - 1_024;

/** From here `kubectl apply` fails unless the server applies: it keeps the whole object in an annotation of at most 256 KiB. */
const MAX_ANNOTATED_BYTES = 250_000;

/** Prints a manifest. */
export const MANIFEST: Command = {
  name: "manifest",
  summary: "Print Kubernetes YAML for a whole egress pod",
  notes: [
    "Networks:",
    "  openshift-sdn  the egress router pod on OpenShift SDN; takes --source and --gateway",
    "  multus         a macvlan interface with a fixed address; takes --source with its length and --gateway",
    "  egressip       an address that OVN-Kubernetes gives the pods' connections; takes --source, one or more",
    "  none           no address of its own",
    "",
    "Every set has the rules as a ConfigMap, the Service, and a NetworkPolicy that leaves labelled client pods no",
    "other way out; with replicas a PodDisruptionBudget. Clients may ask the cluster's name servers, and a name",
    "that is asked for can carry data; --client-dns off with a fixed --cluster-ip lets them do without.",
    "",
    "  egress-http-proxy manifest --network none --destination-file rules.txt | kubectl apply -f -",
    "",
    "Exit code: 0 done, 2 a bad flag or bad rules, with all that is wrong; nothing is printed then.",
  ].join("\n"),
  execute: manifest,
};

async function manifest(context: CommandContext): Promise<number> {
  const { runtime } = context;
  const { process: host } = runtime;
  // Not loaded at the start, where the proxy would pay for it: the YAML library alone costs 2 ms and 8 MB.
  const { readManifestRequest } = await import("./manifest_request.ts");
  const { buildManifest } = await import("../manifest/build_manifest.ts");
  const { formatYaml } = await import("../manifest/format_yaml.ts");
  const read = readManifestRequest(context);
  const problems = "problems" in read ? [...read.problems] : [];
  const rules = await readConfigRules(context, problems);
  if ("problems" in read || rules === undefined) throw new UsageError(problems);
  for (const warning of [...context.warnings, ...rules.warnings]) host.writeStderr(`${PROGRAM}: warning: ${warning}\n`);
  host.writeStdout(formatYaml(buildManifest({ ...read.request, rules: rules.text })));
  return 0;
}

interface ConfigRules {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Reads the rules and makes the ConfigMap's text of them; undefined where that can't be, with every reason in `problems`. */
async function readConfigRules(context: CommandContext, problems: string[]): Promise<ConfigRules | undefined> {
  const read = await readAllRules(context, problems);
  if (read === undefined) return undefined;
  problems.push(...read.errors.map(formatRuleError));
  if (read.policy === undefined) return undefined;
  const text = formatConfigText(read.text);
  const changed = findChangedRule(read.policy.rules, parseRules(text).rules);
  if (changed !== undefined) {
    problems.push(
      `Cannot put line ${changed.line} into YAML: ${formatQuotedText(changed.text)} has a hidden character`,
    );
  }
  const sizeBytes = new TextEncoder().encode(text).length;
  if (sizeBytes > MAX_RULES_BYTES) {
    problems.push(
      `Cannot put the rules into a ConfigMap: they have ${sizeBytes} bytes, the most is ${MAX_RULES_BYTES}`,
    );
  }
  if (problems.length > 0) return undefined;
  const warnings = read.warnings.map(formatRuleError);
  if (sizeBytes > MAX_ANNOTATED_BYTES) {
    warnings.push(`The rules have ${sizeBytes} bytes: 'kubectl apply' takes them with --server-side alone`);
  }
  return { text, warnings };
}

async function readAllRules(context: CommandContext, problems: string[]): Promise<ReadRules | undefined> {
  try {
    return await readRules(findRuleSource(context), context.runtime.files);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push(...error.lines);
    return undefined;
  }
}

/** The first rule that is not the same in both lists. */
function findChangedRule(wanted: readonly Rule[], made: readonly Rule[]): Rule | undefined {
  return wanted.find(({ line, text }, at) => made[at]?.line !== line || made[at]?.text !== text);
}
