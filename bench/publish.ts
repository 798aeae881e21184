// Makes the documents from a run's results: `npm run bench:report [-- FILE]`. Without a file those that are published
// already are made anew; `latest` is the last run's. Measures nothing.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { drawPlot } from "./plot.ts";
import { formatReport } from "./report.ts";
import { formatResults, readResults } from "./results.ts";

const ROOT = resolve(import.meta.dir, "..");
const PUBLISHED = join(ROOT, "docs/benchmark.json");

const [given, ...more] = process.argv.slice(2);
if (more.length > 0 || given?.startsWith("-")) {
  console.error("Give one file of results, 'latest' for that of the last run, or nothing for the published one");
  process.exit(2);
}
const from = given === undefined
  ? PUBLISHED
  : given === "latest"
  ? join(import.meta.dir, "results/latest.json")
  : given;
try {
  const results = readResults(from);
  writeFileSync(PUBLISHED, formatResults(results));
  writeFileSync(join(ROOT, "docs/benchmark.md"), formatReport(results));
  writeFileSync(join(ROOT, "docs/benchmark.svg"), drawPlot(results));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const { status } = spawnSync("npm", ["run", "--silent", "docs"], { cwd: ROOT, stdio: "inherit" });
console.log("docs/benchmark.json, docs/benchmark.md and docs/benchmark.svg written");
process.exit(status ?? 1);
