// Owns the check of variable names: a misspelt variable would otherwise be a setting that silently does nothing.
import { formatQuotedText } from "../address/quoted_text.ts";
import { nearest } from "./nearest.ts";
import { type Option, OPTIONS } from "./options.ts";
import { MODE_VARIABLE } from "./purpose.ts";
import type { Environment } from "./settings.ts";

const PREFIX = "EGRESS_HTTP_PROXY_";

// What Kubernetes sets in every pod of a namespace for a Service whose name begins with egress-http-proxy.
const SERVICE_VARIABLE =
  /^EGRESS_HTTP_PROXY(?:_[A-Z0-9_]+?)??_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)$/;

// Words that people use for a setting that is called otherwise here.
const SYNONYMS: Readonly<Record<string, string>> = { PORT: "LISTEN", RULES: "DESTINATION" };

/** Finds the variables that look like ours but are not; one warning each, with the nearest name that is. */
export function findUnknownVariables(env: Environment): string[] {
  const known = knownVariables();
  const suffixes = known.map((name) => name.slice(PREFIX.length));
  const warnings: string[] = [];
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (!value || !name.startsWith(PREFIX) || known.includes(name) || isServiceVariable(name, value)) continue;
    const wanted = name.slice(PREFIX.length).toUpperCase();
    const suffix = SYNONYMS[wanted] ?? nearest(wanted, suffixes);
    const hint = suffix === undefined ? "it has no effect" : `did you mean '${PREFIX}${suffix}'?`;
    warnings.push(`Unknown variable ${formatQuotedText(name)}: ${hint}`);
  }
  return warnings;
}

function knownVariables(): string[] {
  const options = Object.values(OPTIONS) as readonly Option<unknown>[];
  const names = [MODE_VARIABLE, ...options.flatMap((option) => option.variable ?? [])];
  return names.filter((name) => name.startsWith(PREFIX));
}

function isServiceVariable(name: string, value: string): boolean {
  const [, kind] = SERVICE_VARIABLE.exec(name) ?? [];
  // Kubernetes sets `…_PORT` to a URL; a bare number there comes from a person who expected it to be the port.
  return kind === "PORT" ? !/^[0-9]+$/.test(value) : kind !== undefined;
}
