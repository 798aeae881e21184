// Owns the order of all checks, from format to end to end, and the sum of their counts. Knows nothing of what they check.
// Run by `npm test`; `npm test -- STEP…` runs only the named steps.
import { Glob } from "bun";

interface Step {
  readonly name: string;
  readonly title: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const ROOT = new URL("..", import.meta.url).pathname;
const BIN = `${ROOT}node_modules/.bin`;
const BUN_TEST = [`${BIN}/bun`, "--no-env-file", "test"];
// Where much fails the cause is one: the rest would only wait for its deadlines.
const SHORT = ["--timeout=20000", "--bail=30"];
// Tests mostly wait, so two files at a time take half as long; each has its own process, proxy and ports.
const PAIRS = [...SHORT, "--parallel=2"];

const STEPS: readonly Step[] = [
  { name: "setup", title: "Programs that tests drive", command: ["./test/setup_packages.sh"] },
  { name: "format", title: "Format (deno fmt --check)", command: [`${BIN}/deno`, "fmt", "--check"] },
  { name: "lint", title: "Lint (deno lint)", command: [`${BIN}/deno`, "lint", "--quiet"] },
  {
    name: "core",
    title: "Types of the core, without any runtime's (tsc)",
    command: [`${BIN}/tsc`, "-p", "tsconfig.core.json"],
  },
  { name: "types", title: "Types of everything (tsc)", command: [`${BIN}/tsc`, "-p", "tsconfig.json"] },
  {
    name: "deno-types",
    title: "Types as Deno sees them (deno check)",
    command: [`${BIN}/deno`, "check", "--quiet", "src/main.ts"],
  },
  {
    name: "unit",
    title: "Unit, architecture, contract and behaviour tests (bun test)",
    command: [
      ...BUN_TEST,
      ...PAIRS,
      "--path-ignore-patterns=test/e2e/**",
      "--path-ignore-patterns=test/reliability/**",
      "./test",
    ],
  },
  {
    name: "behaviour-portable",
    title: "Behaviour with the portable engine (bun test)",
    command: [...BUN_TEST, ...PAIRS, "./test/behaviour"],
    env: { EGRESS_TEST_ENGINE: "portable" },
  },
  ...denoSteps(),
  { name: "compile", title: "Executable and root file system (compile.sh)", command: ["./compile.sh"] },
  {
    name: "behaviour-executable",
    title: "Behaviour of the executable, with two workers (bun test)",
    command: [...BUN_TEST, ...PAIRS, "./test/behaviour"],
    env: { EGRESS_TEST_TARGET: "executable", EGRESS_TEST_WORKERS: "2" },
  },
  {
    name: "reliability",
    title: "Under load, churn and faults for some seconds (bun test)",
    command: [...BUN_TEST, ...SHORT, "./test/reliability"],
  },
  {
    name: "e2e",
    title: "End to end: real clients, root file system, image (bun test)",
    command: [...BUN_TEST, "./test/e2e"],
  },
];

/** What runs on Deno, as far as there is an adapter for it. */
function denoSteps(): Step[] {
  if (files("src/runtime/deno/runtime.ts").length === 0) return [];
  return [
    {
      name: "deno",
      title: "Contract tests on Deno (deno test)",
      command: [`${BIN}/deno`, "test", "--no-check", "-A", ...files("test/**/*.deno.ts")],
    },
    {
      name: "behaviour-deno",
      title: "Behaviour on Deno (bun test against deno run)",
      command: [...BUN_TEST, ...PAIRS, "./test/behaviour"],
      env: { EGRESS_TEST_TARGET: "deno" },
    },
    {
      name: "behaviour-deno-portable",
      title: "Behaviour on Deno with the portable engine (bun test against deno run)",
      command: [...BUN_TEST, ...PAIRS, "./test/behaviour"],
      env: { EGRESS_TEST_TARGET: "deno", EGRESS_TEST_ENGINE: "portable" },
    },
  ];
}

function files(pattern: string): string[] {
  return [...new Glob(pattern).scanSync({ cwd: ROOT })].sort();
}

/** Runs one step with its output passed on, and adds what its runner counted. Resolves to whether it succeeded. */
async function runStep(step: Step, counts: Counts): Promise<boolean> {
  const startMs = performance.now();
  console.log(`\n=== ${step.title}`);
  const before = counts.failed;
  const child = Bun.spawn([...step.command], {
    cwd: ROOT,
    env: { ...childEnv(), ...step.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  await Promise.all([passOn(child.stdout, counts), passOn(child.stderr, counts)]);
  const code = await child.exited;
  const took = ((performance.now() - startMs) / 1000).toFixed(1);
  if (code === 0 && counts.failed === before) {
    console.log(`=== ok, ${took} s`);
    return true;
  }
  if (counts.failed === before) counts.failed++;
  const reason = child.signalCode === null ? `exit code ${code}` : `signal ${child.signalCode}`;
  console.log(`=== FAILED after ${took} s (${reason}): ${step.title}\n    again alone: npm test -- ${step.name}`);
  return false;
}

/** A proxy set in the caller's environment would be asked for loopback by some of the clients under test. */
function childEnv(): Record<string, string> {
  const env: Record<string, string> = { NO_COLOR: "1" };
  for (const [name, value] of Object.entries(Bun.env)) {
    if (value === undefined || /^(https?|no|all|ftp)_proxy$/i.test(name) || name.startsWith("EGRESS_")) continue;
    env[name] = value;
  }
  return env;
}

async function passOn(stream: ReadableStream<Uint8Array>, counts: Counts): Promise<void> {
  let rest = "";
  let heading = "";
  const passOnLine = (line: string) => {
    count(line, counts);
    // A passing test is counted, not listed, nor is a file of nothing else: what failed or was skipped is looked for.
    if (line === "" || line.startsWith("(pass) ")) return;
    if (/^\S+\.test\.ts:$/.test(line)) {
      heading = line;
      return;
    }
    const isSummary = /^\s*\d+ (pass|fail|skip|todo|tests (failed|skipped):)$/.test(line);
    if (heading !== "" && !isSummary) console.log(heading);
    heading = "";
    console.log(line);
  };
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) passOnLine(line);
  }
  if (rest !== "") passOnLine(rest);
}

function count(line: string, counts: Counts): void {
  const bun = /^\s*(\d+) (pass|fail|skip|todo)$/.exec(line);
  if (bun !== null) {
    const field = bun[2] === "pass" ? "passed" : bun[2] === "fail" ? "failed" : "skipped";
    counts[field] += Number(bun[1]);
    return;
  }
  const deno = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?: \| (\d+) ignored)?/.exec(line);
  if (deno === null) return;
  counts.passed += Number(deno[1]);
  counts.failed += Number(deno[2]);
  counts.skipped += Number(deno[3] ?? 0);
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`Name the steps to run, not '${unknown.join(" ")}': ${STEPS.map((step) => step.name).join(", ")}`);
    return 2;
  }
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let ok = true;
  for (const step of STEPS) {
    if (names.length > 0 && !names.includes(step.name)) continue;
    ok = await runStep(step, counts);
    if (!ok) break;
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
  return ok ? 0 : 1;
}

process.exitCode = await main(Bun.argv.slice(2));
