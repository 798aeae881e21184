// Owns one copy of each place that tunnels lead to: thousands of them lead to few. Knows no tunnel.
import type { Target } from "../address/target.ts";
import type { SocketAddress } from "../runtime/runtime.ts";

/** So many are remembered; then it begins anew, so that what no tunnel holds any more goes. */
const MOST = 1024;

/** Equal values in, one value out. */
export class SharedTargets {
  readonly #targets = new Map<string, Target>();
  readonly #addresses = new Map<string, SocketAddress>();

  /** The first of the equal targets. */
  share(target: Target): Target {
    return first(this.#targets, `${target.hostText}:${target.port}`, target);
  }

  /** The first of the equal addresses. */
  shareAddress(address: SocketAddress): SocketAddress {
    return first(this.#addresses, `${address.address.text} ${address.port}`, address);
  }
}

function first<Value>(known: Map<string, Value>, key: string, value: Value): Value {
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  if (known.size >= MOST) known.clear();
  known.set(key, value);
  return value;
}
