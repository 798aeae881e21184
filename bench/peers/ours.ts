// Owns the peers that are this project: the compiled executable where it is built, else the source under Bun; each with its settings.
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Peer } from "./peer.ts";
import { firstLineOf } from "./program.ts";

const root = resolve(import.meta.dir, "../..");

/** The command that starts this project's proxy: what `--ours` gave, else dist/egress-http-proxy, else the source. */
export function ownCommand(given: string | undefined): readonly string[] {
  if (given !== undefined) return given.trim().split(/\s+/).map((word) => existsSync(word) ? resolve(word) : word);
  const executable = join(root, "dist/egress-http-proxy");
  return existsSync(executable) ? [executable] : [process.execPath, join(root, "src/main.ts")];
}

/** Makes one of the project's own peers; `flags` are what sets it apart. */
export function ownPeer(name: string, text: string, flags: readonly string[], given: string | undefined): Peer {
  const command = ownCommand(given);
  return {
    name,
    text: `${text}; ${command.join(" ")} ${flags.join(" ")}`,
    plainHttp: true,
    tunnels: "connect",
    rules: true,
    unavailable: () => {
      const file = command.at(-1) ?? "";
      return existsSync(file) && statSync(file).isFile() ? undefined : `there is no ${file}`;
    },
    version: () => firstLineOf([...command, "--version"]),
    launch: ({ folder, port, rules }) => {
      const file = join(folder, "rules.txt");
      writeFileSync(file, rules);
      return { command: [...command, "--destination-file", file, "--listen", `:${port}`, ...flags] };
    },
  };
}
