// Owns a program that keeps itself apart, as the benchmark does, and starts what would go on for ever. Started by isolation.test.ts.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { FOLDER_VARIABLE, runApart } from "../../bench/isolation.ts";

const folder = process.env[FOLDER_VARIABLE];
const [order] = process.argv.slice(2);
if (folder === undefined) process.exit(await runApart([order ?? ""]));
if (order === "end") process.exit(7);
writeFileSync(join(folder, "file"), "");
// In a group of its own and with this output kept open: only its own end closes it.
const child = spawn("sleep", ["1000"], { stdio: ["ignore", "inherit", "ignore"], detached: true });
child.on("spawn", () => console.log(folder));
setInterval(() => {}, 1_000_000);
