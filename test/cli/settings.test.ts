// Every option of the table: default, variable, flag, which wins, and what a bad value says.
import { describe, expect, test } from "bun:test";
import { type CommandName, type Option, type OptionName, OPTIONS } from "../../src/cli/options.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { UsageError } from "../../src/errors.ts";
import { MANIFEST_ROWS } from "./manifest_rows.ts";

interface Row {
  readonly command: CommandName;
  /** Texts and the values they make; addresses as JSON writes them. */
  readonly fallback: unknown;
  readonly flag: readonly [text: string, value: unknown];
  readonly variable: readonly [text: string, value: unknown];
  /** A bad text and the reason, or undefined where every text is good. */
  readonly bad: readonly [text: string, why: string] | undefined;
}

const DURATION_ROW = {
  command: "run",
  flag: ["1m30s", 90_000],
  variable: ["0", 0],
  bad: ["10", "the unit is missing, as in '10s'; expected a duration such as '500ms', '10s', '1m30s' or '1h', or '0'"],
} as const;

// A new option does not compile without a row here.
const ROWS: Readonly<Record<OptionName, Row>> = {
  destination: {
    command: "run",
    fallback: undefined,
    flag: [" a.example\n", " a.example\n"],
    variable: ["b.example\n*\n", "b.example\n*\n"],
    bad: undefined,
  },
  destinationFile: {
    command: "run",
    fallback: undefined,
    flag: ["/a", "/a"],
    variable: ["/b\n", "/b"],
    bad: undefined,
  },
  listen: {
    command: "run",
    fallback: { address: undefined, port: 8080 },
    flag: ["127.0.0.1:0", { address: "127.0.0.1", port: 0 }],
    variable: ["[::1]:8081", { address: "::1", port: 8081 }],
    bad: [
      "8080",
      "it is a port alone, write ':8080' for every address; expected ':PORT', 'IPV4:PORT' or '[IPV6]:PORT'",
    ],
  },
  admin: {
    command: "run",
    fallback: undefined,
    flag: ["off", undefined],
    variable: ["off", undefined],
    bad: ["no", "the port is missing; expected ':PORT', 'IPV4:PORT' or '[IPV6]:PORT', or 'off'"],
  },
  reportOnly: {
    command: "run",
    fallback: false,
    flag: ["on", true],
    variable: ["true", true],
    bad: ["maybe", "it is neither; expected 'on' or 'off'"],
  },
  engine: {
    command: "run",
    fallback: "auto",
    flag: ["portable", "portable"],
    variable: ["posix", "posix"],
    bad: ["bun", "it is none of the known words; expected one of 'auto', 'posix', 'portable'"],
  },
  workers: {
    command: "run",
    fallback: 1,
    flag: ["1024", 1024],
    variable: [" auto ", "auto"],
    bad: ["0", "the least is 1; expected a whole number from 1 to 1024, or 'auto'"],
  },
  resolvers: {
    command: "run",
    fallback: undefined,
    flag: ["10.0.0.10", [{ address: "10.0.0.10", port: 53 }]],
    variable: ["10.0.0.10:54, ::1", [{ address: "10.0.0.10", port: 54 }, { address: "::1", port: 53 }]],
    bad: [
      "dns.example",
      "the part before the port is not an IP address; expected 'IPV4', 'IPV4:PORT', 'IPV6' or '[IPV6]:PORT'",
    ],
  },
  connectTimeoutMs: { ...DURATION_ROW, fallback: 10_000 },
  headerTimeoutMs: { ...DURATION_ROW, fallback: 10_000 },
  idleTimeoutMs: { ...DURATION_ROW, fallback: 3_600_000 },
  responseTimeoutMs: { ...DURATION_ROW, fallback: 300_000 },
  drainDelayMs: { ...DURATION_ROW, fallback: 0 },
  drainTimeoutMs: { ...DURATION_ROW, fallback: 25_000 },
  maxConnections: {
    command: "run",
    fallback: undefined,
    flag: ["1", 1],
    variable: ["10000000", 10_000_000],
    bad: ["0", "the least is 1; expected a whole number from 1 to 10000000"],
  },
  maxConnectionsPerClient: {
    command: "run",
    fallback: 0,
    flag: ["1", 1],
    variable: ["0", 0],
    bad: ["-1", "it is not a whole number; expected a whole number from 0 to 10000000"],
  },
  wildcardFrom: {
    command: "suggest",
    fallback: 0,
    flag: ["2", 2],
    variable: ["", 0],
    bad: ["x", "it is not a whole number; expected a whole number from 0 to 1000000"],
  },
  logFormat: {
    command: "run",
    fallback: undefined,
    flag: ["text", "text"],
    variable: ["json", "json"],
    bad: ["xml", "it is none of the known words; expected one of 'json', 'text'"],
  },
  logLevel: {
    command: "run",
    fallback: "info",
    flag: ["warning", "warn"],
    variable: ["debug", "debug"],
    bad: ["loud", "it is none of the known words; expected one of 'trace', 'debug', 'info', 'warn', 'error'"],
  },
  accessLog: {
    command: "run",
    fallback: "on",
    flag: ["denied", "denied"],
    variable: ["off", "off"],
    bad: ["none", "it is none of the known words; expected one of 'on', 'denied', 'off'"],
  },
  interfaceName: {
    command: "setup-network",
    fallback: "macvlan0",
    flag: ["net1", "net1"],
    variable: ["", "macvlan0"],
    bad: [
      "a/b",
      "it cannot be the name of an interface; expected 1 to 15 visible characters without '/' and ':'",
    ],
  },
  routedNetworks: {
    command: "setup-network",
    fallback: [],
    flag: ["10.128.0.0/14", [{ network: "10.128.0.0", prefixLength: 14 }]],
    variable: [
      "10.128.0.0/14, 172.30.0.0/16\n",
      [{ network: "10.128.0.0", prefixLength: 14 }, { network: "172.30.0.0", prefixLength: 16 }],
    ],
    bad: [
      "10.0.0.0/8,10.0.0.1/8",
      "it has host bits set, its network is '10.0.0.0/8'; expected an IPv4 network such as '10.128.0.0/14'",
    ],
  },
  dryRun: { command: "setup-network", fallback: false, flag: ["on", true], variable: ["", false], bad: undefined },
  json: { command: "check", fallback: false, flag: ["on", true], variable: ["", false], bad: undefined },
  format: {
    command: "check",
    fallback: "text",
    flag: ["squid", "squid"],
    variable: ["", "text"],
    bad: ["json", "it is none of the known words; expected one of 'text', 'squid'"],
  },
  ...MANIFEST_ROWS,
};

/** Addresses become their text; undefined properties go. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function linesOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof UsageError) return error.lines;
    throw error;
  }
  return [];
}

for (const name of Object.keys(ROWS) as OptionName[]) {
  const row = ROWS[name];
  const option: Option<unknown> = OPTIONS[name] as Option<unknown>;
  const read = (flag: string | undefined, variable: string | undefined) => {
    const env = option.variable === undefined || variable === undefined ? {} : { [option.variable]: variable };
    const given = readSettings(row.command, new Map(flag === undefined ? [] : [[name, flag]]), env);
    return [plain(given.settings[name]), given.sourceOf(name)];
  };

  describe(`readSettings() reads ${option.flag}`, () => {
    test("has its default where nothing is given", () => {
      expect(read(undefined, undefined)).toEqual([plain(row.fallback), "default"]);
    });

    test("takes the flag, and prefers it to the variable", () => {
      const [text, value] = row.flag;
      expect(read(text, undefined)).toEqual([plain(value), "flag"]);
      expect(read(text, row.variable[0])).toEqual([plain(value), "flag"]);
      if (row.bad !== undefined) expect(read(text, row.bad[0])).toEqual([plain(value), "flag"]);
    });

    if (option.variable !== undefined) {
      test("takes the variable, and not an empty one", () => {
        const [text, value] = row.variable;
        expect(read(undefined, text)).toEqual([plain(value), "variable"]);
        expect(read(undefined, "")).toEqual([plain(row.fallback), "default"]);
      });
    }

    if (row.bad !== undefined) {
      const [text, why] = row.bad;
      test(`says why '${text}' is bad, naming where it stands`, () => {
        expect(linesOf(() => read(text, undefined))).toEqual([`Bad value '${text}' for ${option.flag}: ${why}`]);
        if (option.variable === undefined) return;
        expect(linesOf(() => read(undefined, text))).toEqual([`Bad value '${text}' for ${option.variable}: ${why}`]);
      });
    }
  });
}

describe("readSettings()", () => {
  test("reports all bad values at once, in the table's order", () => {
    const flags = new Map<OptionName, string>([["idleTimeoutMs", "x"], ["listen", "y"]]);
    const lines = linesOf(() => readSettings("run", flags, { EGRESS_HTTP_PROXY_LOG_LEVEL: "z" }));
    expect(lines.map((line) => line.slice(0, line.indexOf(":")))).toEqual([
      "Bad value 'y' for --listen",
      "Bad value 'x' for --idle-timeout",
      "Bad value 'z' for EGRESS_HTTP_PROXY_LOG_LEVEL",
    ]);
  });

  test("keeps a bad value on one line without controls", () => {
    const [line] = linesOf(() => readSettings("run", new Map([["listen", "a\nb\u001b[31m"]]), {}));
    expect(line).toStartWith("Bad value 'a\\x0ab\\x1b[31m' for --listen: ");
  });

  test("passes over variables of options that the command does not take", () => {
    const { settings, sourceOf } = readSettings("check", new Map(), { EGRESS_HTTP_PROXY_LISTEN: "bad" });
    expect(settings.listen.port).toBe(8080);
    expect(sourceOf("listen")).toBe("default");
  });
});
