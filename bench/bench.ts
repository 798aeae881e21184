// The benchmark's entry: reads the command line, keeps the run apart, and ends with its exit code.
import process from "node:process";
import { FOLDER_VARIABLE, runApart } from "./isolation.ts";
import { parseOptions } from "./options.ts";
import { runBenchmark } from "./run.ts";

const args = process.argv.slice(2);
const options = parseOptions(args, process.env);
const folder = process.env[FOLDER_VARIABLE];
if ("text" in options) {
  (options.code === 0 ? process.stdout : process.stderr).write(options.text);
  process.exit(options.code);
}
if (folder === undefined) process.exit(await runApart(args));
try {
  await runBenchmark(options, args, folder);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
