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
  /** Whether each round has processes of its own. */
  readonly fresh: boolean;
  readonly peers: readonly string[];
  readonly ours: string | undefined;
  /** A second build, to be measured beside the first as the peer "other". */
  readonly other: string | undefined;
  readonly smokescreen: string | undefined;
  readonly out: string;
}

const HELP = `Usage: npm run bench -- [options]

  --quick             the main metrics, 3 short rounds: about five minutes
  --only NAME         a metric or group (repeatable, or with commas): http, connect, bulk, ping, idle, startup, rules
  --rounds N          rounds in which all peers take turns (4; quick 3)
  --seconds S         length of one window (2; quick 1)
  --fresh             new processes for each round: a runtime compiles its hot code anew in each process, and not alike
  --peers A,B         ${DEFAULT_PEERS.join(",")}
                      as far as they are installed; also ours-portable
  --ours COMMAND      the command that stands for this project; without it dist/egress-http-proxy, compiled where the
                      source is newer
  --other COMMAND     another build of this project, measured beside it as the peer "other"
  --smokescreen PATH  an executable of smokescreen (variable SMOKESCREEN)
  --out DIR           where results go: latest.json and latest.md, and the same under their date (bench/results)

Afterwards "npm run bench:report" puts bench/results/latest.json into docs/ and README.md.
`;

/** Parses the arguments; a text is an error or the help. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): BenchOptions | { readonly text: string; readonly code: number } {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        rounds: { type: "string" },
        seconds: { type: "string" },
        fresh: { type: "boolean", default: false },
        peers: { type: "string", default: DEFAULT_PEERS.join(",") },
        ours: { type: "string" },
        other: { type: "string" },
        smokescreen: { type: "string" },
        out: { type: "string", default: `${import.meta.dir}/results` },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return { text: `${error instanceof Error ? error.message : error}\n\n${HELP}`, code: 2 };
  }
  if (values.help) return { text: HELP, code: 0 };
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 4));
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 2));
  if (!Number.isInteger(rounds) || rounds < 1) return wrong("--rounds", values.rounds, "a whole number from 1");
  // wrk's windows are whole seconds, and all are to be as long as its.
  if (!Number.isInteger(seconds) || seconds < 1) return wrong("--seconds", values.seconds, "a whole number from 1");
  const split = (text: string) => text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  return {
    quick: values.quick,
    only: values.only.flatMap(split),
    rounds,
    seconds,
    fresh: values.fresh,
    peers: [...split(values.peers), ...(values.other === undefined ? [] : ["other"])],
    ours: values.ours,
    other: values.other,
    smokescreen: values.smokescreen ?? environment["SMOKESCREEN"],
    out: values.out,
  };
}

function wrong(flag: string, value: string | undefined, wanted: string): { text: string; code: number } {
  return { text: `Cannot run with ${flag} '${value}': give ${wanted}\n`, code: 2 };
}
