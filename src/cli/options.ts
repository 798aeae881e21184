// Owns the one table of options. Parsing, validation, --help and the environment all read it; nothing else names a
// flag or a variable.
import type { Cidr } from "../address/cidr.ts";
import { DURATION } from "./duration.ts";
import { IPV4_NETWORK } from "./ipv4_network.ts";
import { MANIFEST_OPTIONS } from "./manifest_options.ts";
import { type CommandName, type Option, option } from "./option.ts";
import { LISTEN_ADDRESS, type ListenAddress, offOr, RESOLVER_ADDRESS } from "./socket_address.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import type { LogFormat } from "../observe/log_line.ts";
import {
  anyText,
  BARE_FLAG,
  choice,
  INTERFACE_NAME,
  listOf,
  ON_OFF,
  type ValueKind,
  wholeNumber,
} from "./value_kind.ts";

export type { CommandName, Option } from "./option.ts";

const RULE_COMMANDS = ["run", "check", "explain", "manifest"] as const;

/** The table. Its keys are the names that the program uses; times are in milliseconds. */
export const OPTIONS = {
  destination: option<string | undefined>({
    flag: "--destination",
    variable: "EGRESS_HTTP_PROXY_DESTINATION",
    kind: anyText("TEXT"),
    fallback: undefined,
    fallbackText: "none; either this or a file is required",
    help: "The rules as text, one a line",
    commands: RULE_COMMANDS,
  }),
  destinationFile: option<string | undefined>({
    flag: "--destination-file",
    variable: "EGRESS_HTTP_PROXY_DESTINATION_FILE",
    kind: anyText("PATH"),
    fallback: undefined,
    fallbackText: "none",
    help: "The file with the rules; a change takes effect by itself, or on SIGHUP",
    commands: RULE_COMMANDS,
  }),
  listen: option<ListenAddress>({
    flag: "--listen",
    variable: "EGRESS_HTTP_PROXY_LISTEN",
    kind: LISTEN_ADDRESS,
    fallback: { address: undefined, port: 8080 },
    fallbackText: ":8080, every address",
    help: "Where clients connect; port 0 picks a free one",
    commands: ["run"],
  }),
  admin: option<ListenAddress | undefined>({
    flag: "--admin",
    variable: "EGRESS_HTTP_PROXY_ADMIN",
    kind: offOr(LISTEN_ADDRESS),
    fallback: undefined,
    fallbackText: "off",
    help: "Where health, readiness, metrics and the rules in force are served",
    commands: ["run", "healthcheck"],
  }),
  reportOnly: option<boolean>({
    flag: "--report-only",
    variable: "EGRESS_HTTP_PROXY_REPORT_ONLY",
    kind: ON_OFF,
    fallback: false,
    fallbackText: "off",
    help: "Allow what '*' would allow, and log what the rules would have denied",
    commands: ["run", "manifest"],
  }),
  engine: option<"auto" | "posix" | "portable">({
    flag: "--engine",
    variable: "EGRESS_HTTP_PROXY_ENGINE",
    kind: choice(["auto", "posix", "portable"]),
    fallback: "auto",
    fallbackText: "auto, the fastest that works here",
    help: "How sockets are driven: posix calls Linux's own in threads of its own, portable is the runtime's",
    commands: ["run"],
  }),
  workers: option<number | "auto">({
    flag: "--workers",
    variable: "EGRESS_HTTP_PROXY_WORKERS",
    kind: numberOrAuto(1, 1024),
    fallback: 1,
    fallbackText: "1",
    help: "How many threads relay (posix engine); auto is one for each CPU that this process may use",
    commands: ["run"],
  }),
  resolvers: option<readonly SocketAddress[] | undefined>({
    flag: "--resolver",
    variable: "EGRESS_HTTP_PROXY_RESOLVER",
    kind: listOf(RESOLVER_ADDRESS),
    fallback: undefined,
    fallbackText: "those of /etc/resolv.conf",
    help: "A name server to ask",
    commands: ["run", "explain"],
  }),
  connectTimeoutMs: option<number>({
    flag: "--connect-timeout",
    variable: "EGRESS_HTTP_PROXY_CONNECT_TIMEOUT",
    kind: DURATION,
    fallback: 10_000,
    fallbackText: "10s",
    help: "The most time for name resolution and dialling together",
    commands: ["run", "explain"],
  }),
  headerTimeoutMs: option<number>({
    flag: "--header-timeout",
    variable: "EGRESS_HTTP_PROXY_HEADER_TIMEOUT",
    kind: DURATION,
    fallback: 10_000,
    fallbackText: "10s",
    help: "The most time for a whole request head to arrive",
    commands: ["run"],
  }),
  idleTimeoutMs: option<number>({
    flag: "--idle-timeout",
    variable: "EGRESS_HTTP_PROXY_IDLE_TIMEOUT",
    kind: DURATION,
    fallback: 3_600_000,
    fallbackText: "1h",
    help: "The most time without a byte either way on a tunnel",
    commands: ["run"],
  }),
  responseTimeoutMs: option<number>({
    flag: "--response-timeout",
    variable: "EGRESS_HTTP_PROXY_RESPONSE_TIMEOUT",
    kind: DURATION,
    fallback: 300_000,
    fallbackText: "5m",
    help: "The most time until the first byte of a response",
    commands: ["run"],
  }),
  drainDelayMs: option<number>({
    flag: "--drain-delay",
    variable: "EGRESS_HTTP_PROXY_DRAIN_DELAY",
    kind: DURATION,
    fallback: 0,
    fallbackText: "0s",
    help: "How long it still accepts after SIGTERM",
    commands: ["run"],
  }),
  drainTimeoutMs: option<number>({
    flag: "--drain-timeout",
    variable: "EGRESS_HTTP_PROXY_DRAIN_TIMEOUT",
    kind: DURATION,
    fallback: 25_000,
    fallbackText: "25s",
    help: "How long open requests and tunnels may then take to end",
    commands: ["run"],
  }),
  maxConnections: option<number | undefined>({
    flag: "--max-connections",
    variable: "EGRESS_HTTP_PROXY_MAX_CONNECTIONS",
    kind: wholeNumber(1, 10_000_000),
    fallback: undefined,
    fallbackText: "what the limit of open files allows",
    help: "The most client connections at once",
    commands: ["run"],
  }),
  maxConnectionsPerClient: option<number>({
    flag: "--max-connections-per-client",
    variable: "EGRESS_HTTP_PROXY_MAX_CONNECTIONS_PER_CLIENT",
    kind: wholeNumber(0, 10_000_000),
    fallback: 0,
    fallbackText: "0, no limit",
    help: "The most connections of one client at once: an IPv4 address, or an IPv6 network of 64 bits",
    commands: ["run"],
  }),
  logFormat: option<LogFormat | undefined>({
    flag: "--log-format",
    variable: "EGRESS_HTTP_PROXY_LOG_FORMAT",
    kind: choice(["json", "text"]),
    fallback: undefined,
    fallbackText: "text on a terminal, else json",
    help: "How log lines are written",
    commands: ["run"],
  }),
  logLevel: option<"trace" | "debug" | "info" | "warn" | "error">({
    flag: "--log-level",
    variable: "EGRESS_HTTP_PROXY_LOG_LEVEL",
    kind: choice(["trace", "debug", "info", "warn", "error"], { warning: "warn" }),
    fallback: "info",
    fallbackText: "info",
    help: "The least level of the lines that are no access lines",
    commands: ["run"],
  }),
  accessLog: option<"on" | "denied" | "off">({
    flag: "--access-log",
    variable: "EGRESS_HTTP_PROXY_ACCESS_LOG",
    kind: choice(["on", "denied", "off"]),
    fallback: "on",
    fallbackText: "on",
    help: "Which requests and tunnels are logged",
    commands: ["run"],
  }),
  json: option<boolean>({
    flag: "--json",
    variable: undefined,
    kind: BARE_FLAG,
    fallback: false,
    fallbackText: "off",
    help: "Print one JSON object, for machines",
    commands: ["check", "explain"],
  }),
  format: option<"text" | "squid">({
    flag: "--format",
    variable: undefined,
    kind: choice(["text", "squid"]),
    fallback: "text",
    fallbackText: "text",
    help: "How to print the rules; squid prints them as squid's acl and http_access lines",
    commands: ["check"],
  }),
  interfaceName: option<string>({
    flag: "--interface",
    variable: undefined,
    kind: INTERFACE_NAME,
    fallback: "macvlan0",
    fallbackText: "macvlan0",
    help: "The interface that leads to the outside network",
    commands: ["setup-network"],
  }),
  routedNetworks: option<readonly Cidr[]>({
    flag: "--cluster-networks",
    variable: "EGRESS_CLUSTER_NETWORKS",
    kind: listOf(IPV4_NETWORK),
    fallback: [],
    fallbackText: "none",
    help: "A network that stays reachable through the old default gateway",
    commands: ["setup-network"],
  }),
  dryRun: option<boolean>({
    flag: "--dry-run",
    variable: undefined,
    kind: BARE_FLAG,
    fallback: false,
    fallbackText: "off",
    help: "Say what would be done, and do nothing",
    commands: ["setup-network"],
  }),
  wildcardFrom: option<number>({
    flag: "--wildcard-from",
    variable: undefined,
    kind: wholeNumber(0, 1_000_000),
    fallback: 0,
    fallbackText: "0, never",
    help: "How many names of a zone become one wildcard, which opens every other name of it too",
    commands: ["suggest"],
  }),
  ...MANIFEST_OPTIONS,
} as const;

/** The program's name of an option. */
export type OptionName = keyof typeof OPTIONS;

/** A value for every option. */
export type Settings = {
  readonly [N in OptionName]: (typeof OPTIONS)[N] extends Option<infer T> ? T : never;
};

/** The options that a command takes, in the table's order. */
export function optionsOf(command: CommandName): readonly [OptionName, Option<unknown>][] {
  const all = Object.entries(OPTIONS) as [OptionName, Option<unknown>][];
  return all.filter(([, option]) => option.commands.includes(command));
}

function numberOrAuto(least: number, most: number): ValueKind<number | "auto"> {
  const number = wholeNumber(least, most);
  return {
    placeholder: "N|auto",
    expected: `${number.expected}, or 'auto'`,
    parse: (text) => text === "auto" ? { value: "auto" } : number.parse(text),
  };
}
