// Runs setup-network's work in this network namespace with a packet socket that fails at its second frame: all is done by then.
import { Cidr } from "../../src/address/cidr.ts";
import { readRouterSettings } from "../../src/router/environment.ts";
import { setUpNetwork } from "../../src/router/setup.ts";
import { bunFfi } from "../../src/runtime/bun/ffi.ts";
import { systemNetwork } from "../../src/runtime/posix/network_sockets.ts";

const sockets = systemNetwork(bunFfi, process.platform);
if ("unavailable" in sockets) throw new Error(sockets.unavailable);
let frames = 0;
const failing = {
  ...sockets,
  openFrames: () => ({ send: () => ++frames === 2 ? -100 : 42, close: () => {} }),
};
const networks = process.argv.slice(2).flatMap((text) => Cidr.parse(text)?.cidr ?? []);
const settings = readRouterSettings(process.env, networks);
const wait = () => Promise.resolve();
try {
  await setUpNetwork({ sockets: failing, settings, interfaceName: "macvlan0", tell: () => {}, wait });
} catch (error) {
  console.log((error as Error).message);
}
