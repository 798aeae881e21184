// Owns the admin endpoint's wiring: its server, and what it sees of a proxy that starts, runs and ends.
import { Readiness } from "../admin/readiness.ts";
import type { ProxyState } from "../admin/sources.ts";
import type { Resolver } from "../dns/resolver.ts";
import { lookUpWithin } from "../explain/explain_target.ts";
import type { DataPlane } from "../plane/data_plane.ts";
import type { HttpLimits, HttpListener } from "../runtime/runtime.ts";
import type { CommandContext } from "./command.ts";

/** How long the data plane's threads have to answer: less than a probe waits. */
const PING_MS = 1_000;

/** More than probes, scrapes and people need at once. Their descriptors are among those that are kept from the data plane. */
const LIMITS: HttpLimits = { maxConnections: 32, patienceMs: 10_000 };

/** The running proxy, as far as it is there. */
export interface AdminView {
  plane: DataPlane | undefined;
  resolver: Resolver | undefined;
  state: ProxyState | undefined;
}

/** The admin endpoint of one proxy. */
export interface Admin {
  readonly readiness: Readiness;
  /** Filled by whoever starts the proxy. */
  readonly view: AdminView;
  /** undefined where the endpoint is off. */
  readonly listener: HttpListener | undefined;
}

/** Serves the admin endpoint, where it is asked for. Throws CommandFailure where it can't listen there. */
export async function openAdmin({ runtime, settings }: CommandContext): Promise<Admin> {
  const readiness = new Readiness();
  const view: AdminView = { plane: undefined, resolver: undefined, state: undefined };
  if (settings.admin === undefined) return { readiness, view, listener: undefined };
  // Loaded where it is asked for alone: a start without it has no use for what it shows.
  const { createAdminHandler } = await import("../admin/handler.ts");
  const handle = createAdminHandler({
    readiness,
    state: () => view.state,
    usage: () => runtime.process.usage(),
    async isAlive() {
      if (view.plane === undefined) return true;
      const { asked, answered } = await view.plane.ping(PING_MS);
      return answered === asked;
    },
    async lookUp(name) {
      if (view.resolver === undefined) return { kind: "none", reason: "no resolver" };
      return await lookUpWithin(settings.connectTimeoutMs, view.resolver.resolve(name));
    },
  });
  const { address, port } = settings.admin;
  return { readiness, view, listener: await runtime.http.serve(address, port, handle, LIMITS) };
}
