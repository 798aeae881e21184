// Owns running a plan: each step acknowledged, and all undone again when one fails. Knows neither bytes nor sockets.
import { CommandFailure } from "../errors.ts";
import { type Netlink, NetlinkError } from "./netlink.ts";
import type { Step } from "./plan.ts";

/** The steps that were done, so that they can be undone. */
export class Application {
  readonly #netlink: Netlink;
  readonly #tell: (line: string) => void;
  #done: Step[] = [];

  /** `tell` hears each step before it is done. */
  constructor(netlink: Netlink, tell: (line: string) => void) {
    this.#netlink = netlink;
    this.#tell = tell;
  }

  /** Does the steps in order. Throws CommandFailure naming the step that failed; the others are not undone by that alone. */
  run(steps: readonly Step[]): void {
    for (const step of steps) {
      this.#tell(step.words);
      try {
        this.#netlink.change(step.request);
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        throw new CommandFailure(`Cannot ${step.words}: ${error.message}${capabilityHint(error, "NET_ADMIN")}`);
      }
      this.#done.push(step);
    }
  }

  /**
   * Undoes what was done, the last step first; what another change is in the way of is tried again after it.
   * Returns what could not be undone, as the words of its step with the reason.
   */
  undo(): string[] {
    let left = this.#done.reverse();
    this.#done = [];
    for (;;) {
      const failed: Step[] = [];
      const reasons: string[] = [];
      for (const step of left) {
        this.#tell(`undo: ${step.words}`);
        try {
          this.#netlink.change(step.undo);
        } catch (error) {
          if (!(error instanceof NetlinkError)) throw error;
          failed.push(step);
          reasons.push(`${step.words}: ${error.message}`);
        }
      }
      if (failed.length === 0 || failed.length === left.length) return reasons;
      left = failed;
    }
  }
}

/** What an EPERM asks for, as it is to be granted in a pod's manifest. */
export function capabilityHint(error: Error, capability: string): string {
  return error.message.startsWith("operation not permitted") ? `; it takes the capability ${capability}` : "";
}
