// Owns the peers that are this project: the compiled executable where it is built, else the source under Bun; each with its settings.
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Peer } from "./peer.ts";
import { firstLineOf } from "./program.ts";

const root = resolve(import.meta.dir, "../..");
/** The executable that compile.sh makes. */
export const OWN_EXECUTABLE = join(root, "dist/egress-http-proxy");

/** The command that starts this project's proxy: what `--ours` gave, else dist/egress-http-proxy, else the source. */
export function ownCommand(given: string | undefined): readonly string[] {
  if (given !== undefined) return given.trim().split(/\s+/).map((word) => existsSync(word) ? resolve(word) : word);
  return existsSync(OWN_EXECUTABLE) ? [OWN_EXECUTABLE] : [process.execPath, join(root, "src/main.ts")];
}

/** What sets one of the project's own peers apart. */
export interface OwnSettings {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly string[];
  readonly only?: readonly string[];
  readonly accessLog?: boolean;
}

/** Makes one of the project's own peers. All settings but those named are the defaults. */
export function ownPeer({ name, text, flags, only, accessLog = false }: OwnSettings, given: string | undefined): Peer {
  const command = ownCommand(given);
  const own = ["--access-log", accessLog ? "on" : "off", ...flags];
  return {
    name,
    text: `${text} (${own.join(" ")})`,
    plainHttp: true,
    tunnels: "connect",
    rules: true,
    warmOperations: 60_000,
    ...(only === undefined ? {} : { only }),
    unavailable: () => {
      const file = command.at(-1) ?? "";
      return existsSync(file) && statSync(file).isFile() ? undefined : `there is no ${file}`;
    },
    version: () => firstLineOf([...command, "--version"]),
    launch: ({ folder, port, rules }) => {
      const file = join(folder, "rules.txt");
      writeFileSync(file, rules);
      return {
        command: [...command, "--destination-file", file, "--listen", `:${port}`, ...own],
        stdout: accessLog ? "emptied-pipe" : "ignore",
      };
    },
  };
}
