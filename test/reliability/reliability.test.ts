// Load, churn and faults for some seconds on each way to run the program: no decision is wrong, no octet is another's, each
// exchange is logged once, and nothing is left. `npm run soak` does the same for minutes. The seed is printed: the same seed
// makes the same choices, though not the same moments.
import { describe, expect, test } from "bun:test";
import { compiled } from "../support/requirements.ts";
import { OPERATIONS } from "./operations.ts";
import { describe as inWords, type EnduranceSettings, endure } from "./endurance.ts";

const SKIP_REASON = process.platform === "linux"
  ? await compiled()
  : "needs Linux, which tells what a process has open";
if (SKIP_REASON !== undefined) console.log(`Reliability skipped: ${SKIP_REASON}`);

/** Far above what the runs of minutes have shown, and far below what a leak of them would have. */
const MAX_RESIDENT_BYTES = 500 * 2 ** 20;

const RUNS: readonly (Omit<EnduranceSettings, "seed"> & { readonly name: string })[] = [
  { name: "the executable, two threads", target: "executable", args: ["--workers=2"], seconds: 20, lanes: 64 },
  { name: "the executable, portable engine", target: "executable", args: ["--engine=portable"], seconds: 8, lanes: 32 },
  { name: "Deno", target: "deno", args: [], seconds: 10, lanes: 32 },
];

describe.skipIf(SKIP_REASON !== undefined)("Under load and faults", () => {
  for (const { name, ...settings } of RUNS) {
    test(`nothing goes wrong: ${name}`, async () => {
      const seed = Number(process.env.EGRESS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
      const report = await endure({ ...settings, seed });
      console.log(
        `${name}, seed ${seed}: ${report.operations} operations, ${report.reloads} rule lists taken of ${report.swaps} ` +
          `written; at the end ${inWords(report.atEnd)}`,
      );
      expect(report.faults).toEqual([]);
      expect(report.atEnd.residentBytes).toBeLessThan(MAX_RESIDENT_BYTES);
      // Each kind was tried, or the load was none.
      for (const { name: kind } of OPERATIONS) expect([kind, report.counts.has(kind)]).toEqual([kind, true]);
      expect(report.reloads).toBeGreaterThan(0);
    }, 120_000);
  }
});
