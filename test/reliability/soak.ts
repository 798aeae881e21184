// The command `npm run soak -- [--minutes N] [--target executable|deno] [--lanes N] [--seed N] [-- FLAGS…]`: an endurance run of
// minutes with its figures. Exit code 1 where anything was not as it must be.
import { parseArgs } from "node:util";
import { type TestTarget } from "../support/target.ts";
import { describe, endure } from "./endurance.ts";

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    target: { type: "string", default: "executable" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    lanes: { type: "string", default: "48" },
  },
  allowPositionals: true,
});
const seconds = Number(values.minutes) * 60;
if (!(seconds > 0) || !["executable", "deno"].includes(values.target)) {
  console.error("Give --minutes a number and --target executable or deno");
  process.exit(2);
}
console.log(`seed ${values.seed}, ${values.minutes} minutes, ${values.target} ${positionals.join(" ")}`);
const report = await endure({
  target: values.target as TestTarget,
  args: positionals.length > 0 ? positionals : ["--workers", "2"],
  seconds,
  lanes: Number(values.lanes),
  seed: Number(values.seed),
  onProgress: (text) => console.log(text),
});
for (const [name, count] of report.counts) console.log(`${String(count).padStart(8)} ${name}`);
console.log(`${report.operations} operations, ${report.swaps} rule texts written, ${report.reloads} taken`);
console.log(`at the start ${describe(report.atStart)}`);
console.log(`half way     ${describe(report.half)}`);
console.log(`at the end   ${describe(report.atEnd)}`);
for (const fault of report.faults) console.log(`FAULT ${fault}`);
process.exitCode = report.faults.length > 0 ? 1 : 0;
