// Owns the benchmark's command line.
import { parseArgs } from "node:util";
import { DEFAULT_PEERS } from "./peers/registry.ts";

/** What a run was asked for. */
export interface BenchOptions {
  readonly quick: boolean;
  /** Names of metrics or groups; empty: all. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly string[];
  readonly ours: string | undefined;
  readonly results: string;
}

export const HELP = `Usage: npm run bench -- [options]

  --quick          a subset of metrics, 3 short rounds: about three minutes
  --only NAME      a metric or group (repeatable, or with commas): ${"http, connect, bulk, ping, idle, startup, rules"}
  --rounds N       rounds in which all peers take turns (5; quick 3)
  --seconds S      length of one window (2; quick 1)
  --peers A,B      ours, ours-log, ours-portable, ours-posix, squid, tinyproxy, haproxy, nginx, direct (${
  DEFAULT_PEERS.join(",")
})
  --ours COMMAND   the command that stands for this project (dist/egress-http-proxy, else bun src/main.ts)
  --results DIR    where the results go (bench/results)
`;

/** Parses the arguments; a string is an error or the help text. */
export function parseOptions(args: readonly string[]): BenchOptions | { readonly text: string; readonly code: number } {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        rounds: { type: "string" },
        seconds: { type: "string" },
        peers: { type: "string", default: DEFAULT_PEERS.join(",") },
        ours: { type: "string" },
        results: { type: "string", default: `${import.meta.dir}/results` },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return { text: `${error instanceof Error ? error.message : error}\n\n${HELP}`, code: 2 };
  }
  if (values.help) return { text: HELP, code: 0 };
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 2));
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
    return {
      text: `Cannot run --rounds ${values.rounds} --seconds ${values.seconds}: both must be above 0\n`,
      code: 2,
    };
  }
  const split = (text: string) => text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  return {
    quick: values.quick,
    only: values.only.flatMap(split),
    rounds,
    seconds,
    peers: split(values.peers),
    ours: values.ours,
    results: values.results,
  };
}
