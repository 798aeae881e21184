// An engine that greets whoever comes and keeps them, run where descriptors are few. Its arguments name the engine's module
// and export; it says what happens, and ends all connections, also later ones, when it is told to "drop".
import process from "node:process";
import { address, octets } from "./engine_kit.ts";
import type { ConnectionId, CreateEngine, Engine } from "../../src/runtime/runtime.ts";

const [module = "", name = ""] = process.argv.slice(2);
const createEngine = (await import(module))[name] as CreateEngine;

const open = new Set<ConnectionId>();
let acceptCount = 0;
let limitCount = 0;
let isDropping = false;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function drop(id: ConnectionId): void {
  open.delete(id);
  engine.close(id);
}

const engine: Engine = createEngine({
  onAccept(id) {
    open.add(id);
    engine.write(id, octets("hello"));
    say(`accept ${++acceptCount}.`);
    if (isDropping) drop(id);
  },
  onAcceptLimit: () => say(`limit ${++limitCount}.`),
  onClose: (id) => void open.delete(id),
  onConnect() {},
  onConnectFail() {},
  onData() {},
  onEnd() {},
  onDrain() {},
  onWake() {},
});

process.stdin.on("data", () => {
  isDropping = true;
  for (const id of open) drop(id);
});
say(`port ${(await engine.listen(address("127.0.0.1"), 0)).port}.`);
