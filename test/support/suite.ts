// Owns how a behaviour file is framed: one description that is skipped with its reason where the target cannot run, and
// one proxy for all of its tests, each of which brings its own connections and origins.
import { afterAll, beforeAll, describe } from "bun:test";
import { DEADLINE_MS } from "./deadline.ts";
import { type LaunchOptions, type Proxy, startProxy } from "./launcher.ts";
import { SKIP_REASON } from "./target.ts";

/** The tests of one subject. */
export const behaviour = describe.skipIf(SKIP_REASON !== undefined);

/** Rules that open loopback, close a few hosts, and stand for what an operator would write. Lines are counted from 1. */
export const LOOPBACK_RULES: readonly string[] = [
  "!denied.test",
  "!*.deniedzone.test",
  "!127.0.0.66",
  "127.0.0.0/8",
  "::1",
  "*",
];

/** One proxy for the description around the call; ask for it only inside a test. `options` may wait for what the proxy needs; a name server among it ends with the proxy. */
export function useProxy(options: LaunchOptions | (() => Promise<LaunchOptions>)): () => Proxy {
  let proxy: Proxy | undefined;
  let dns: LaunchOptions["dns"];
  beforeAll(async () => {
    const launched = typeof options === "function" ? await options() : options;
    dns = launched.dns;
    proxy = await startProxy(launched);
  }, 3 * DEADLINE_MS);
  afterAll(async () => {
    try {
      await proxy?.stop();
    } finally {
      await dns?.stop?.();
    }
  }, 3 * DEADLINE_MS);
  return () => {
    if (proxy === undefined) throw new Error("The proxy did not start");
    return proxy;
  };
}
