// Owns the shape of a contract case for the parts of a runtime other than its engine.
import type { Runtime } from "../../src/runtime/runtime.ts";

/** One behaviour that every runtime has. */
export interface RuntimeCase {
  readonly name: string;
  run(runtime: Runtime): Promise<void>;
}
