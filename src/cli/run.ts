// Owns the wiring of the running proxy: rules, resolver, server, logs, signals. Every part is made elsewhere.
import { formatSocketAddress } from "../address/ip_address.ts";
import { UsageError } from "../errors.ts";
import { AccessLog } from "../observe/access_log.ts";
import { LogWriter } from "../observe/log_writer.ts";
import { formatProcessLine, openProcessLog, type ProcessLog } from "../observe/process_log.ts";
import type { Policy } from "../policy/policy.ts";
import { PolicyStore } from "../policy/store.ts";
import { ProxyServer } from "../proxy/server.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import type { Command, CommandContext } from "./command.ts";
import { VERSION } from "./command_line.ts";
import { defaultMaxConnections } from "./connection_limit.ts";
import { drainProxy } from "./drain.ts";
import { logRuleWarnings, RuleReloader } from "./reload.ts";
import { openResolver } from "./name_resolver.ts";
import { findRuleSource, formatRuleError, type ReadRules, readRules, type RuleSource } from "./rule_source.ts";
import { listenForStop } from "./stop_signals.ts";

/** Runs the proxy. */
export const RUN: Command = {
  name: "run",
  summary: "Run the proxy until SIGTERM or SIGINT",
  notes: [
    "A flag beats its environment variable, and a variable beats the default.",
    "A DURATION is written 500ms, 10s, 1m30s or 1h; 0 is no limit. The ADDR ':8080' is port 8080 of every address.",
    "Signals: SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reads the file of rules again.",
  ].join("\n"),
  execute: run,
};

async function run(context: CommandContext): Promise<number> {
  const { runtime, settings } = context;
  const { process: host } = runtime;
  const source = findRuleSource(context);
  const read = await readRules(source, runtime.files);
  const { policy, errors } = read;
  if (policy === undefined) throw new UsageError(errors.map(formatRuleError));

  const format = settings.logFormat ?? (host.stdoutIsTerminal ? "text" : "json");
  const writer = new LogWriter(
    host,
    (lines) =>
      formatProcessLine(format, runtime.clock.epochMs(), "warn", "log lines lost: stdout is too slow", { lines }),
  );
  const log = openProcessLog(writer, format, settings.logLevel);
  try {
    const accessLog = new AccessLog(writer, format, settings.accessLog);
    await serve(context, { source, read, policy }, log, accessLog);
  } finally {
    log.close();
    await writer.close();
  }
  return 0;
}

interface StartRules {
  readonly source: RuleSource;
  readonly read: ReadRules;
  readonly policy: Policy;
}

/** Serves from start to end; both are told in the log. */
async function serve(context: CommandContext, rules: StartRules, log: ProcessLog, accessLog: AccessLog): Promise<void> {
  const { runtime, settings } = context;
  const { process: host, clock } = runtime;
  const store = new PolicyStore(rules.policy);
  const maxConnections = settings.maxConnections ?? defaultMaxConnections(await host.fileLimit());
  const proxy = new ProxyServer({
    createEngine: runtime.createEngine,
    clock,
    policy: store,
    settings: {
      connectTimeoutMs: settings.connectTimeoutMs,
      headerTimeoutMs: settings.headerTimeoutMs,
      idleTimeoutMs: settings.idleTimeoutMs,
      responseTimeoutMs: settings.responseTimeoutMs,
      maxConnections,
      reportOnly: settings.reportOnly,
    },
    record: (exchange) => accessLog.record(exchange),
    localAddresses: () => host.localAddresses(),
    onAcceptLimit: () => log.warn("cannot accept connections: no file descriptor is left"),
  });
  using resolver = await openResolver(runtime, settings.resolvers, (token, answer) => proxy.onAnswer(token, answer));
  proxy.resolver = resolver;

  const stop = listenForStop(host);
  const reloader = new RuleReloader(rules.source, runtime.files, store, log, () => proxy.enforcePolicy());
  host.onSignal("SIGHUP", () => void reloader.reload());
  const address = await proxy.listen(settings.listen.address, settings.listen.port);
  logStart(context, log, proxy, rules, address, maxConnections);

  const reason = await stop.first;
  log.info("stopping", { reason, open_connections: proxy.openConnections });
  const { ended, cut } = await drainProxy(proxy, settings, stop.second);
  log.info("stopped", { reason, ended, cut });
}

function logStart(
  { runtime, settings, warnings }: CommandContext,
  log: ProcessLog,
  proxy: ProxyServer,
  { policy, read }: StartRules,
  { address, port }: SocketAddress,
  maxConnections: number,
): void {
  log.info("listening", {
    address: formatSocketAddress(address, port),
    rules: policy.rules.length,
    digest: policy.digest,
    engine: proxy.engine.name,
    workers: 1,
    max_connections: maxConnections,
    report_only: settings.reportOnly || undefined,
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  if (settings.reportOnly) log.warn("report only: every remote destination is allowed, whatever the rules say");
  for (const warning of warnings) log.warn(warning);
  logRuleWarnings(log, read);
}
