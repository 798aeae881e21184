// Owns the squid configuration that the replaced image's start script writes for a rule text, for comparisons only. The product has its own formatter, which this one checks.

/** What the script leaves: a configuration, or the message with which it gives up. */
export type SquidConf = { readonly text: string } | { readonly error: string };

const ADDRESS_LIKE = /^[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]+(\/[0-9]+)?$/;
const NAME = "[\\p{L}\\p{N}][\\p{L}\\p{N}.-]+";
const SUBDOMAINS = new RegExp(`^\\*\\.${NAME}$`, "u");
const EXACT = new RegExp(`^${NAME}$`, "u");

/**
 * Formats the access lines for a rule text. Mistakes of the original are kept: a line of nothing but the letter w is
 * skipped, and a name of hexadecimal letters counts as an address, which squid then refuses to start with.
 */
export function formatOriginalAccessLines(rules: string): SquidConf {
  if (rules === "") return { error: "No EGRESS_HTTP_PROXY_DESTINATION specified" };
  const lines: string[] = [];
  let number = 0;
  let sawWildcard = false;
  for (const raw of rules.split("\n")) {
    const line = raw.replace(/^[ \t]+|[ \t]+$/g, "");
    if (/^w*$/.test(line) || line.startsWith("#")) continue;
    number++;
    if (line === "*") {
      sawWildcard = true;
      continue;
    }
    if (sawWildcard) return { error: "Wildcard must be last rule, if present" };
    const action = line.startsWith("!") ? "deny" : "allow";
    const destination = line.replace(/^!/, "");
    let acl: string;
    if (ADDRESS_LIKE.test(destination)) acl = `dst ${destination}`;
    else if (SUBDOMAINS.test(destination)) acl = `dstdomain ${destination.slice(1)}`;
    else if (EXACT.test(destination)) acl = `dstdomain ${destination}`;
    else return { error: `Bad destination '${destination}'` };
    lines.push("", `acl dest${number} ${acl}`, `http_access ${action} dest${number}`);
  }
  lines.push("", `http_access ${sawWildcard ? "allow" : "deny"} all`, "");
  return { text: lines.join("\n") };
}

/** Formats the whole configuration as the original does, on another port; `extra` lines are a test's own. */
export function formatOriginalConf(rules: string, port: number, extra: readonly string[] = []): SquidConf {
  const access = formatOriginalAccessLines(rules);
  if ("error" in access) return access;
  const fixed = [
    `http_port ${port}`,
    "cache deny all",
    "access_log none all",
    "debug_options ALL,0",
    "shutdown_lifetime 0",
    "pid_filename none",
  ];
  return { text: [...fixed, ...extra, access.text].join("\n") };
}
