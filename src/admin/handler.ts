// Owns the admin endpoint: which paths there are and what they answer. A Web-standard handler; serves nothing by itself.
import { formatQuotedText } from "../address/quoted_text.ts";
import { ProxyError } from "../errors.ts";
import { describeFinding, explainTarget } from "../explain/explain_target.ts";
import { MAX_COUNTED_LINE } from "../observe/traffic_counters.ts";
import type { HttpHandler } from "../runtime/runtime.ts";
import { formatMetrics } from "./metrics_text.ts";
import type { AdminParts, ProxyState } from "./sources.ts";

/** How many targets are explained at once: each may ask a name server. */
const MAX_EXPLAINING = 16;

/** The longest target that is looked at. */
const MAX_TARGET_CHARACTERS = 1024;

const PATHS = {
  "/healthz": "whether the process is alive",
  "/readyz": "whether it takes requests",
  "/metrics": "what it counts, for Prometheus",
  "/rules": "the rules in force, as JSON",
  "/explain?target=HOST": "what would be decided on a host, host:port or URL, as JSON",
} as const;

const OVERVIEW = Object.entries(PATHS).map(([path, help]) => `${path.padEnd(22)} ${help}\n`).join("");

/** Makes the handler. It answers GET, HEAD alike (the server leaves the body out), and never throws. */
export function createAdminHandler(parts: AdminParts): HttpHandler {
  let explaining = 0;

  async function answer(url: URL, request: Request): Promise<Response> {
    switch (url.pathname) {
      case "/healthz":
        return await parts.isAlive() ? text(200, "ok\n") : text(503, "a thread of the data plane does not answer\n");
      case "/readyz": {
        const { reason } = parts.readiness;
        return reason === undefined ? text(200, "ready\n") : text(503, `not ready: ${reason}\n`);
      }
      case "/metrics": {
        const state = parts.state();
        if (state === undefined) return starting();
        await parts.isAlive(); // It brings the counts up to date, too.
        const { contentType, body } = await formatMetrics(
          {
            state,
            traffic: state.readTraffic(),
            usage: parts.usage(),
            draining: parts.readiness.reason === "draining",
          },
          request.headers.get("accept") ?? "",
        );
        return respond(200, contentType, body);
      }
      case "/rules": {
        const state = parts.state();
        return state === undefined ? starting() : json(200, describeRules(state));
      }
      case "/explain":
        return await explain(url.searchParams.getAll("target"));
      case "/":
        return text(200, OVERVIEW);
      default:
        return text(404, `no such path; there are:\n${OVERVIEW}`);
    }
  }

  async function explain(targets: readonly string[]): Promise<Response> {
    const state = parts.state();
    if (state === undefined) return starting();
    const [target] = targets;
    if (target === undefined || targets.length > 1) {
      return json(400, { error: "give one target, as in /explain?target=www.example.com" });
    }
    if (target.length > MAX_TARGET_CHARACTERS) {
      return json(400, { error: `the target is longer than ${MAX_TARGET_CHARACTERS} characters` });
    }
    if (explaining >= MAX_EXPLAINING) {
      return json(503, { error: "too many targets are being explained; try again" }, { "retry-after": "1" });
    }
    explaining++;
    try {
      return json(200, describeFinding(await explainTarget(state.policy, target, parts.lookUp)));
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      return json(400, { error: `bad target ${formatQuotedText(target)}: ${error.message}` });
    } finally {
      explaining--;
    }
  }

  return async (request) => {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return text(405, "only GET and HEAD\n", { allow: "GET, HEAD" });
    }
    const url = new URL(request.url);
    if (!isOwnName(url.hostname)) {
      return text(
        403,
        `${url.hostname} is no name of this endpoint: ask by address, as localhost, or as SERVICE.NAMESPACE.svc\n`,
      );
    }
    return await answer(url, request);
  };
}

/**
 * Whether a host is an address, a single label or a name of the cluster's. A page in somebody's browser can have a name of
 * its own lead to this endpoint (DNS rebinding), but not one of these.
 */
function isOwnName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return name.startsWith("[") || /^[0-9.]+$/.test(name) || !name.includes(".") ||
    /\.svc(\.cluster\.local)?$/.test(name);
}

function describeRules({ policy, rules, facts, readTraffic }: ProxyState): Record<string, unknown> {
  const traffic = readTraffic();
  const { inForce, refused } = rules;
  return {
    source: facts.rulesFile ?? "text",
    digest: inForce.digest,
    count: inForce.ruleCount,
    in_force_since: new Date(inForce.epochMs).toISOString(),
    report_only: facts.reportOnly,
    refused: refused === undefined ? null : {
      time: new Date(refused.epochMs).toISOString(),
      digest: refused.digest ?? null,
      error_count: refused.errorCount,
      errors: refused.errors,
    },
    unmatched: traffic.decisionCount(0),
    rules: policy.rules.map(({ number, line, text, action }) => ({
      number,
      line,
      text,
      action,
      // Behind that line they are counted together.
      hits: line > MAX_COUNTED_LINE ? null : traffic.decisionCount(line),
    })),
  };
}

function starting(): Response {
  return text(503, "not ready: starting\n");
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return respond(status, "text/plain; charset=utf-8", body, headers);
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return respond(status, "application/json", `${JSON.stringify(value, undefined, 2)}\n`, headers);
}

function respond(
  status: number,
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: {
      ...headers,
      "content-type": contentType,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'",
    },
  });
}
