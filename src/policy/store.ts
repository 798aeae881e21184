// Owns which policy is in force. Knows nothing of files or of who asks.
import type { Policy } from "./policy.ts";

/** The place where the policy in force is read for each request, and replaced whole on reload. */
export class PolicyStore {
  /** How often the policy was replaced: tells whether what was judged was judged by the one in force. */
  generation = 0;
  #current: Policy;

  constructor(policy: Policy) {
    this.#current = policy;
  }

  /** The policy in force now. */
  get current(): Policy {
    return this.#current;
  }

  /** Puts another policy in force for the next request. */
  replace(policy: Policy): void {
    this.#current = policy;
    this.generation++;
  }
}
