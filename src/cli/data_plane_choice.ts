// Owns the choice of the engine and of the number of threads, and the way back where the first choice fails.
import { UsageError } from "../errors.ts";
import type { NameResolver } from "../dns/answer.ts";
import { AccessLog } from "../observe/access_log.ts";
import type { ControlCounters } from "../observe/control_counters.ts";
import type { LogFormat } from "../observe/log_line.ts";
import type { LogWriter } from "../observe/log_writer.ts";
import type { ProcessLog } from "../observe/process_log.ts";
import type { DataPlane } from "../plane/data_plane.ts";
import { ThreadedDataPlane, ThreadStartError } from "../plane/threaded_data_plane.ts";
import { makeInstance } from "../proxy/instance.ts";
import type { ProxySettings } from "../proxy/settings.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import type { CommandContext } from "./command.ts";
import { DataPlaneNews } from "./data_plane_news.ts";
import { OPTIONS } from "./options.ts";
import type { ListenAddress } from "./socket_address.ts";
import { countWorkers } from "./worker_count.ts";

/** What a data plane is made of, whichever it is. */
export interface PlaneParts {
  readonly rules: string;
  readonly settings: ProxySettings;
  readonly adminListener: SocketAddress | undefined;
  readonly counters: ControlCounters;
  readonly format: LogFormat;
  readonly writer: LogWriter;
  readonly log: ProcessLog;
}

/** A data plane that is told its resolver. */
type ResolvingPlane = DataPlane & { set resolver(resolver: NameResolver) };

/** A data plane that may be tried, and why it would be the one. */
export interface PlaneChoice {
  readonly why: string;
  make(): Promise<ResolvingPlane>;
}

/** A data plane that listens. */
export interface StartedPlane {
  readonly plane: DataPlane;
  readonly listener: SocketAddress;
  readonly why: string;
}

/** Lists the data planes to try, best first. Throws UsageError where the settings ask for one that cannot be had. */
export async function chooseDataPlanes(context: CommandContext, parts: PlaneParts): Promise<readonly PlaneChoice[]> {
  const { runtime, settings } = context;
  const { threads } = runtime;
  const news = new DataPlaneNews(parts.log, runtime.clock, parts.counters);
  const portable = (why: string): PlaneChoice => ({ why, make: () => makeLocal(context, parts, news) });
  if (settings.engine === "portable") {
    if ("dismiss" in threads) threads.dismiss();
    warnOfWorkers(context, parts.log);
    return [portable("asked for")];
  }
  if ("unavailable" in threads) {
    if (settings.engine === "posix") {
      throw new UsageError([`Cannot use ${OPTIONS.engine.flag} posix: ${threads.unavailable}`]);
    }
    warnOfWorkers(context, parts.log);
    return [portable(`the posix engine cannot run here: ${threads.unavailable}`)];
  }
  const workers = settings.workers === "auto" ? await countWorkers(runtime.files) : settings.workers;
  const posix: PlaneChoice = {
    why: settings.engine === "posix" ? "asked for" : "the fastest that works here",
    make: () =>
      Promise.resolve(
        new ThreadedDataPlane({
          threads,
          workers,
          start: {
            rules: parts.rules,
            settings: parts.settings,
            instance: makeInstance(),
            logFormat: parts.format,
            accessLog: settings.accessLog,
            admin: plainAddress(parts.adminListener),
          },
          writeLog: (lines) => parts.writer.append(lines),
          onAcceptLimit: () => news.onAcceptLimit(),
          onRevoked: (counts) => news.onRevoked(counts),
          onThreadEnd: (reason) => news.onThreadEnd(reason),
        }),
      ),
  };
  if (settings.engine === "posix") return [posix];
  return [posix, portable("no thread of the posix engine could be started")];
}

/** Starts the first data plane that can be. Throws CommandFailure where the address cannot be listened on. */
export async function startDataPlane(
  choices: readonly PlaneChoice[],
  { address, port }: ListenAddress,
  resolver: NameResolver,
  onChosen: (plane: DataPlane) => void,
): Promise<StartedPlane> {
  let failure: unknown;
  for (const { make, why } of choices) {
    const plane = await make();
    plane.resolver = resolver;
    onChosen(plane);
    try {
      return { plane, listener: await plane.listen(address, port), why };
    } catch (error) {
      if (!(error instanceof ThreadStartError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function makeLocal(
  { runtime, settings }: CommandContext,
  { rules, settings: own, adminListener, format, writer }: PlaneParts,
  news: DataPlaneNews,
): Promise<ResolvingPlane> {
  // Loaded where it is wanted alone: a start with threads has no use for a whole proxy in this one.
  const { LocalDataPlane } = await import("../plane/local_data_plane.ts");
  const accessLog = new AccessLog(writer, format, settings.accessLog);
  return new LocalDataPlane(rules, {
    createEngine: runtime.createEngine,
    clock: runtime.clock,
    settings: own,
    adminListener,
    record: (exchange) => accessLog.record(exchange),
    localAddresses: () => runtime.process.localAddresses(),
    onAcceptLimit: () => news.onAcceptLimit(),
    onRevoked: (counts) => news.onRevoked(counts),
  });
}

function plainAddress(listener: SocketAddress | undefined): { address: string; port: number } | undefined {
  return listener === undefined ? undefined : { address: listener.address.text, port: listener.port };
}

function warnOfWorkers({ settings }: CommandContext, log: ProcessLog): void {
  if (settings.workers !== 1) log.warn("one thread relays: more of them need the posix engine");
}
