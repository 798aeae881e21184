// Owns the list of all that a runtime does beside its engine. A starter per runtime runs it.
import { dnsTransportCases } from "./dns_transport_cases.ts";
import { filesCases } from "./files_cases.ts";
import { httpCases } from "./http_cases.ts";
import { processCases } from "./process_cases.ts";
import type { RuntimeCase } from "./runtime_case.ts";

/** Every case. */
export const runtimeSuite: readonly RuntimeCase[] = [
  ...dnsTransportCases,
  ...filesCases,
  ...httpCases,
  ...processCases,
];
