// The whole work over a kernel that is made up: what is asked of it in which order, and what is left where it is not as it says.
import { describe, expect, test } from "bun:test";
import { CommandFailure } from "../../src/errors.ts";
import { readRouterSettings } from "../../src/router/environment.ts";
import { addAddress, defaultRouteBody, formatRequest, hostRouteBody } from "../../src/router/requests.ts";
import { concat, parseMessages, TYPE } from "../../src/router/rtnetlink.ts";
import { setUpNetwork } from "../../src/router/setup.ts";
import type { NetworkSockets } from "../../src/runtime/runtime.ts";

const SETTINGS = readRouterSettings({ EGRESS_SOURCE: "192.168.12.99/24", EGRESS_GATEWAY: "192.168.12.1" });
const { source: address, prefixLength, gateway } = SETTINGS;
const NAMES: Readonly<Record<number, string>> = { [TYPE.NEWLINK]: "link", [TYPE.NEWADDR]: "address" };

/** An Ethernet link 3, up, of the name macvlan0 and the address 02:00:00:00:12:99. */
const LINK = new Uint8Array(
  Buffer.from(
    "00000100030000000100000000000000" + "0d0003006d6163766c616e3000000000" + "0a0001000200000012990000",
    "hex",
  ),
);

/** A kernel that acknowledges each change, keeps it or not, and notes all that is done. */
class FakeKernel implements NetworkSockets {
  readonly seen: string[] = [];
  readonly #keepsChanges: boolean;
  #isConfigured = false;

  constructor({ keepsChanges = true } = {}) {
    this.#keepsChanges = keepsChanges;
  }

  openRoutes() {
    const answers: Uint8Array[] = [];
    return {
      send: (message: Uint8Array) => {
        const [request] = parseMessages(message);
        if (request !== undefined) answers.push(this.#answer(request.type, request.flags, request.sequence));
        return message.length;
      },
      receive: () => answers.shift() ?? -11,
      close: () => void this.seen.push("routes closed"),
    };
  }

  openFrames() {
    return {
      send: (index: number, frame: Uint8Array) => {
        this.seen.push(`frame out of ${index}, form ${frame[21]}`);
        return frame.length;
      },
      close: () => void this.seen.push("frames closed"),
    };
  }

  #answer(type: number, flags: number, sequence: number): Uint8Array {
    const isListing = [TYPE.GETLINK, TYPE.GETADDR, TYPE.GETROUTE].some((one) => one === type);
    if (!isListing) {
      this.seen.push(`${type === TYPE.DELADDR || type === TYPE.DELROUTE ? "-" : "+"}${NAMES[type & ~1] ?? "route"}`);
      if (this.#keepsChanges && (flags & 0x400) !== 0) this.#isConfigured = true;
      return formatRequest({ type: TYPE.ERROR, flags: 0, body: new Uint8Array(20) }, sequence);
    }
    const listed = type === TYPE.GETLINK ? [LINK] : this.#isConfigured ? this.#configured(type) : [];
    return concat([
      ...listed.map((body) => formatRequest({ type: type - 2, flags: 2, body }, sequence)),
      formatRequest({ type: TYPE.DONE, flags: 2, body: new Uint8Array(4) }, sequence),
    ]);
  }

  #configured(type: number): Uint8Array[] {
    if (type === TYPE.GETADDR) return [addAddress({ interfaceIndex: 3, address, prefixLength }).body];
    return [hostRouteBody(gateway, 3), defaultRouteBody(gateway, 3)];
  }
}

function setUp(sockets: NetworkSockets, seen: string[]) {
  const wait = (timeMs: number) => Promise.resolve(void seen.push(`${timeMs} ms`));
  return setUpNetwork({ sockets, settings: SETTINGS, interfaceName: "macvlan0", tell: () => {}, wait });
}

describe("setUpNetwork()", () => {
  test("does the steps, announces twice, two seconds apart, and closes what it opened", async () => {
    const kernel = new FakeKernel();
    expect(await setUp(kernel, kernel.seen)).toBe(3);
    expect(kernel.seen).toEqual([
      ...["+address", "+route", "+route"],
      ...["frame out of 3, form 2", "2000 ms", "frame out of 3, form 1", "frames closed", "routes closed"],
    ]);
  });

  test("does not believe a kernel that says done and has not, and undoes what can be", async () => {
    const kernel = new FakeKernel({ keepsChanges: false });
    await expect(setUp(kernel, kernel.seen)).rejects.toThrow(
      new CommandFailure("Cannot add the address 192.168.12.99/24 to macvlan0: it was done and is not so"),
    );
    expect(kernel.seen).toEqual([
      ...["+address", "+route", "+route", "-route", "-route", "-address", "frames closed", "routes closed"],
    ]);
  });

  test("changes nothing where it may not announce", async () => {
    const kernel = new FakeKernel();
    const sockets = { openRoutes: () => kernel.openRoutes(), openFrames: () => -1 };
    await expect(setUp(sockets, kernel.seen)).rejects.toThrow(
      "Cannot open a packet socket for ARP: operation not permitted; it takes the capability NET_RAW",
    );
    expect(kernel.seen).toEqual(["routes closed"]);
  });

  test("says why there is no netlink socket", async () => {
    const kernel = new FakeKernel();
    const sockets = { openRoutes: () => -97, openFrames: () => kernel.openFrames() };
    await expect(setUp(sockets, kernel.seen)).rejects.toThrow(
      "Cannot open a netlink socket: address family not supported",
    );
    expect(kernel.seen).toEqual([]);
  });
});
