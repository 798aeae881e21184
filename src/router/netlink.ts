// Owns one conversation with the kernel: numbered requests, their answers gathered, refusals as errors. Knows no plan.
import type { RouteSocket } from "../runtime/runtime.ts";
import { formatErrno } from "./errno.ts";
import type { NetworkState } from "./plan.ts";
import { formatRequest, requestAddresses, requestLinks, requestRoutes } from "./requests.ts";
import {
  FLAG,
  MalformedMessage,
  type Message,
  parseAcknowledgement,
  parseAddress,
  parseLink,
  parseMessages,
  parseRoute,
  type Request,
  TYPE,
} from "./rtnetlink.ts";

/** A refusal by the kernel, or an answer that did not come. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
}

/** What reads and changes the network. Every call ends before it returns and throws NetlinkError. */
export interface Netlink {
  /** Makes a change and waits for its acknowledgement. */
  change(request: Request): void;
  /** Reads links, IPv4 addresses and IPv4 routes. */
  readState(): NetworkState;
}

/** How often a listing is asked for again that changed while it was read. */
const MAX_DUMPS = 10;

/** Far above what a pod's tables take; a socket that only ever sends other things must not hold the program up. */
const MAX_DATAGRAMS = 10_000;

/** Speaks rtnetlink over a socket, which stays the caller's to close. */
export class RouteNetlink implements Netlink {
  readonly #socket: RouteSocket;
  #sequence = 0;

  constructor(socket: RouteSocket) {
    this.#socket = socket;
  }

  change(request: Request): void {
    this.#ask(request, () => {});
  }

  readState(): NetworkState {
    const links = this.#dump(requestLinks(), TYPE.NEWLINK, parseLink);
    const addresses = this.#dump(requestAddresses(), TYPE.NEWADDR, parseAddress);
    const routes = this.#dump(requestRoutes(), TYPE.NEWROUTE, parseRoute);
    return { links, addresses, routes };
  }

  #dump<T>(request: Request, type: number, parse: (payload: Uint8Array) => T | undefined): T[] {
    for (let attempt = 0; attempt < MAX_DUMPS; attempt++) {
      const found: T[] = [];
      const isWhole = this.#ask(request, (message) => {
        const value = message.type === type ? parse(message.payload) : undefined;
        if (value !== undefined) found.push(value);
      });
      if (isWhole) return found;
    }
    throw new NetlinkError("the tables changed each time they were read");
  }

  /** Resolves once acknowledged, or at the end of a listing; false where the listing is of two states. */
  #ask(request: Request, take: (message: Message) => void): boolean {
    const sequence = ++this.#sequence;
    const sent = this.#socket.send(formatRequest(request, sequence));
    if (sent < 0) throw new NetlinkError(formatErrno(-sent));
    let isWhole = true;
    for (let count = 0; count < MAX_DATAGRAMS; count++) {
      const datagram = this.#socket.receive();
      if (typeof datagram === "number") throw new NetlinkError(`no answer of the kernel: ${formatErrno(-datagram)}`);
      try {
        for (const message of parseMessages(datagram)) {
          if (message.sequence !== sequence) continue;
          if ((message.flags & FLAG.DUMP_INTERRUPTED) !== 0) isWhole = false;
          if (message.type !== TYPE.ERROR && message.type !== TYPE.DONE) {
            take(message);
            continue;
          }
          const { errno, text } = parseAcknowledgement(message);
          if (errno !== 0) throw new NetlinkError(text === "" ? formatErrno(errno) : `${formatErrno(errno)} (${text})`);
          return isWhole;
        }
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error;
        throw new NetlinkError(`the kernel's answer cannot be read: ${error.message}`);
      }
    }
    throw new NetlinkError("no end of the kernel's answer");
  }
}
