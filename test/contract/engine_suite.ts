// Owns the list of all that an engine does, whatever it is made of. A starter per runtime and engine runs it.
import { dialCases } from "./engine_dial_cases.ts";
import type { EngineCase } from "./engine_kit.ts";

/** Every case. */
export const engineSuite: readonly EngineCase[] = [...dialCases];
