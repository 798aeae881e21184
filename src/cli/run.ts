// Owns the wiring of the running proxy: rules, resolver, server, logs, signals. Every part is made elsewhere.
import { formatSocketAddress } from "../address/ip_address.ts";
import { UsageError } from "../errors.ts";
import { ControlCounters } from "../observe/control_counters.ts";
import type { LogFormat } from "../observe/log_line.ts";
import { LogWriter } from "../observe/log_writer.ts";
import { formatProcessLine, openProcessLog, type ProcessLog } from "../observe/process_log.ts";
import { RuleStatus } from "../observe/rule_status.ts";
import type { Policy } from "../policy/policy.ts";
import { PolicyStore } from "../policy/store.ts";
import type { DataPlane } from "../plane/data_plane.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type Admin, openAdmin } from "./admin.ts";
import type { Command, CommandContext } from "./command.ts";
import { VERSION } from "./command_line.ts";
import { defaultMaxConnections } from "./connection_limit.ts";
import { chooseDataPlanes, startDataPlane, type StartedPlane } from "./data_plane_choice.ts";
import { drainProxy } from "./drain.ts";
import { FileWatch } from "./file_watch.ts";
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
  if (read.errors.length > 0) throw new UsageError(read.errors.map(formatRuleError));

  const format = settings.logFormat ?? (host.stdoutIsTerminal ? "text" : "json");
  const writer = new LogWriter(
    host,
    (lines) =>
      formatProcessLine(format, runtime.clock.epochMs(), "warn", "log lines lost: stdout is too slow", { lines }),
  );
  const log = openProcessLog(writer, format, settings.logLevel);
  try {
    await serve(context, { source, read }, { format, writer, log });
  } finally {
    log.close();
    await writer.close();
  }
  return 0;
}

interface StartRules {
  readonly source: RuleSource;
  readonly read: ReadRules;
}

interface Logs {
  readonly format: LogFormat;
  readonly writer: LogWriter;
  readonly log: ProcessLog;
}

/** Serves from start to end; both are told in the log. */
async function serve(context: CommandContext, rules: StartRules, logs: Logs): Promise<void> {
  const { format, writer, log } = logs;
  const { runtime, settings } = context;
  const { process: host } = runtime;
  const startEpochMs = runtime.clock.epochMs();
  const fileLimit = await host.fileLimit();
  const maxConnections = settings.maxConnections ?? defaultMaxConnections(fileLimit);
  const control = new ControlCounters();
  const admin = await openAdmin(context);
  using _admin = { [Symbol.dispose]: () => admin.listener?.close() };
  const planes = await chooseDataPlanes(context, {
    rules: rules.read.text,
    settings: {
      connectTimeoutMs: settings.connectTimeoutMs,
      headerTimeoutMs: settings.headerTimeoutMs,
      idleTimeoutMs: settings.idleTimeoutMs,
      responseTimeoutMs: settings.responseTimeoutMs,
      maxConnections,
      maxConnectionsPerClient: settings.maxConnectionsPerClient,
      reportOnly: settings.reportOnly,
    },
    adminListener: admin.listener,
    counters: control,
    format,
    writer,
    log,
  });
  let plane: DataPlane | undefined;
  using resolver = await openResolver(runtime, settings.resolvers, (token, answer) => plane?.onAnswer(token, answer));
  const stop = listenForStop(host);
  const reloader = Promise.withResolvers<RuleReloader>();
  host.onSignal("SIGHUP", () => void reloader.promise.then((ready) => ready.reload()));
  const started = await startDataPlane(planes, settings.listen, resolver, (chosen) => plane = chosen);
  admin.view.plane = started.plane;
  admin.view.resolver = resolver;
  // Compiled here only now: the data plane has its own, and serves while this one is made.
  const { policy } = rules.read;
  if (policy === undefined) throw new UsageError([]);
  const store = new PolicyStore(policy);
  const status = new RuleStatus({
    digest: policy.digest,
    ruleCount: policy.rules.length,
    epochMs: runtime.clock.epochMs(),
  });
  const onReplaced = (text: string) => started.plane.replaceRules(text);
  const reload = new RuleReloader(
    { source: rules.source, files: runtime.files, clock: runtime.clock, store, log, status, onReplaced },
    rules.read.text,
  );
  const { engineName, workers } = started.plane;
  admin.view.state = {
    facts: {
      version: VERSION,
      runtime: `${runtime.name} ${runtime.version}`,
      engine: engineName,
      workers,
      maxConnections,
      fileLimit,
      reportOnly: settings.reportOnly,
      startEpochMs,
      rulesFile: rules.source.kind === "file" ? rules.source.path : undefined,
    },
    get policy() {
      return store.current;
    },
    rules: status,
    control,
    resolver,
    get lostLogLines() {
      return writer.lostLineCount;
    },
    readTraffic: () => started.plane.readTraffic(),
  };
  admin.readiness.begin();
  logStart(context, log, started, policy, rules.read, { maxConnections, admin });
  reloader.resolve(reload);
  using _watch = watchRules(rules.source, runtime, reload);

  const reason = await stop.first;
  admin.readiness.end();
  log.info("stopping", { reason, open_connections: started.plane.openConnections });
  const { ended, cut } = await drainProxy(started.plane, settings, stop.second);
  log.info("stopped", {
    reason,
    ended,
    cut: cut.requests + cut.tunnels + cut.untold,
    cut_requests: cut.requests || undefined,
    cut_tunnels: cut.tunnels || undefined,
    cut_untold: cut.untold || undefined,
  });
}

/** Watches the file that the rules come from, where they come from one. */
function watchRules(source: RuleSource, { files, folders }: Runtime, reloader: RuleReloader): Disposable {
  if (source.kind === "text") return { [Symbol.dispose]: () => {} };
  const watch = new FileWatch(files, folders, source.path, reloader);
  void watch.run();
  return watch;
}

function logStart(
  { runtime, settings, warnings }: CommandContext,
  log: ProcessLog,
  { plane, listener, why }: StartedPlane,
  policy: Policy,
  read: ReadRules,
  { maxConnections, admin }: { readonly maxConnections: number; readonly admin: Admin },
): void {
  log.info("listening", {
    address: formatSocketAddress(listener.address, listener.port),
    admin: admin.listener && formatSocketAddress(admin.listener.address, admin.listener.port),
    rules: policy.rules.length,
    digest: policy.digest,
    engine: plane.engineName,
    engine_why: why,
    workers: plane.workers,
    max_connections: maxConnections,
    max_connections_per_client: settings.maxConnectionsPerClient || undefined,
    report_only: settings.reportOnly || undefined,
    version: VERSION,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  if (settings.reportOnly) log.warn("report only: every remote destination is allowed, whatever the rules say");
  for (const warning of warnings) log.warn(warning);
  logRuleWarnings(log, read.warnings);
}
