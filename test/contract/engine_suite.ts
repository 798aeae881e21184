// Owns the list of all that an engine does, whatever it is made of. A starter per runtime and engine runs it.
import { callsCases } from "./engine_calls_cases.ts";
import { dialCases } from "./engine_dial_cases.ts";
import { endCases } from "./engine_end_cases.ts";
import type { EngineCase } from "./engine_kit.ts";
import { type EngineModule, limitCases } from "./engine_limit_cases.ts";
import { streamCases } from "./engine_stream_cases.ts";

/** Every case, for the engine of this module. */
export function engineSuite(engine: EngineModule): readonly EngineCase[] {
  return [...dialCases, ...streamCases, ...endCases, ...callsCases, ...limitCases(engine)];
}
