// Owns the late loading of node: modules that not every start needs. Knows nothing of what is in them.
import process from "node:process";

interface Modules {
  readonly "node:child_process": typeof import("node:child_process");
  readonly "node:dgram": typeof import("node:dgram");
  readonly "node:fs": typeof import("node:fs");
  readonly "node:http": typeof import("node:http");
  readonly "node:net": typeof import("node:net");
  readonly "node:os": typeof import("node:os");
  readonly "node:tty": typeof import("node:tty");
  readonly "node:util": typeof import("node:util");
  readonly "node:worker_threads": typeof import("node:worker_threads");
}

/** Returns a node: module, which is loaded when it is first asked for: each costs a start of Bun (1.4.5) 1 to 2 ms and 1 to 5 MB. */
export function builtin<Name extends keyof Modules>(name: Name): Modules[Name] {
  return process.getBuiltinModule(name) as Modules[Name];
}
