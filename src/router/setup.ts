// Owns the init container's work from beginning to end: read, plan, apply, check, announce; all of it or nothing.
import { CommandFailure } from "../errors.ts";
import type { FrameSocket, NetworkSockets } from "../runtime/runtime.ts";
import { Application } from "./apply.ts";
import { type AnnouncementForm, formatAnnouncement } from "./arp.ts";
import type { RouterSettings } from "./environment.ts";
import { formatErrno } from "./errno.ts";
import { NetlinkError, RouteNetlink } from "./netlink.ts";
import { type Plan, planSteps } from "./plan.ts";

/** Peers that missed the first announcement, a port still learning of the link among them, hear the second. */
const SECOND_ANNOUNCEMENT_MS = 2_000;

/** What the work needs. */
export interface SetupParts {
  readonly sockets: NetworkSockets;
  readonly settings: RouterSettings;
  readonly interfaceName: string;
  /** Hears each step before it is done. */
  readonly tell: (line: string) => void;
  /** Waits; a test's own waits for nothing. */
  readonly wait?: (timeMs: number) => Promise<void>;
}

/** Says what would be done, one line each, and does nothing. Throws CommandFailure. */
export function describeSetup({ sockets, settings, interfaceName }: SetupParts): string[] {
  return withRoutes(sockets, (netlink) => {
    const { link, steps } = planSteps(readState(netlink), settings, interfaceName);
    const announcement = `announce ${settings.source.text} on ${link.name} by ARP`;
    return [
      ...steps.map(({ words }) => words),
      `${announcement}: a reply at once`,
      `${announcement}: a request ${SECOND_ANNOUNCEMENT_MS / 1000} s later`,
    ];
  });
}

/**
 * Brings the interface to the wanted state and announces its address; resolves to the number of changes.
 * Throws CommandFailure naming the step and the reason, with the network as it was before.
 */
export async function setUpNetwork(parts: SetupParts): Promise<number> {
  const { sockets, settings, interfaceName, tell, wait = sleep } = parts;
  return await withRoutes(sockets, async (netlink) => {
    const plan = planSteps(readState(netlink), settings, interfaceName);
    // Opened before anything is changed: what may not announce shall not begin.
    const frames = openFrames(sockets);
    const application = new Application(netlink, tell);
    try {
      application.run(plan.steps);
      checkResult(netlink, settings, interfaceName);
      announce(frames, "reply", plan, settings, tell);
      await wait(SECOND_ANNOUNCEMENT_MS);
      announce(frames, "request", plan, settings, tell);
    } catch (error) {
      const left = application.undo();
      if (!(error instanceof CommandFailure) || left.length === 0) throw error;
      throw new CommandFailure(`${error.message}; and cannot undo: ${left.join("; ")}`);
    } finally {
      frames.close();
    }
    return plan.steps.length;
  });
}

/** Runs `work` with a conversation, and closes its socket when that has ended. */
function withRoutes<T>(sockets: NetworkSockets, work: (netlink: RouteNetlink) => T): T {
  const socket = sockets.openRoutes();
  if (typeof socket === "number") throw new CommandFailure(`Cannot open a netlink socket: ${formatErrno(-socket)}`);
  let result: T;
  try {
    result = work(new RouteNetlink(socket));
  } catch (error) {
    socket.close();
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => socket.close()) as T;
  socket.close();
  return result;
}

function openFrames(sockets: NetworkSockets): FrameSocket {
  const frames = sockets.openFrames();
  if (typeof frames !== "number") return frames;
  const hint = -frames === 1 ? "; it takes the capability NET_RAW" : "";
  throw new CommandFailure(`Cannot open a packet socket for ARP: ${formatErrno(-frames)}${hint}`);
}

function readState(netlink: RouteNetlink): ReturnType<RouteNetlink["readState"]> {
  try {
    return netlink.readState();
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new CommandFailure(`Cannot read the network's state: ${error.message}`);
  }
}

/** The kernel's word alone is not taken for it: somebody else may be at work on the same network. */
function checkResult(netlink: RouteNetlink, settings: RouterSettings, interfaceName: string): void {
  const [step] = planSteps(readState(netlink), settings, interfaceName).steps;
  if (step !== undefined) throw new CommandFailure(`Cannot ${step.words}: it was done and is not so`);
}

function announce(
  frames: FrameSocket,
  form: AnnouncementForm,
  { link }: Plan,
  { source }: RouterSettings,
  tell: (line: string) => void,
): void {
  const words = `announce ${source.text} on ${link.name} by an ARP ${form}`;
  tell(words);
  const result = frames.send(link.index, formatAnnouncement(form, link.hardwareAddress, source));
  if (result < 0) throw new CommandFailure(`Cannot ${words}: ${formatErrno(-result)}`);
}

function sleep(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}
