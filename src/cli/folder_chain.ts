// Owns which folders a path leads through, links followed one by one: those in which a change can put another file at its
// end. Watches nothing.
import type { Folders } from "../runtime/runtime.ts";

/** As many links as Linux follows. */
const MAX_LINKS = 40;

/**
 * Finds the folders that hold a link on the way, and the one that holds the file itself. Kubernetes' way to a file is
 * `rules -> ..data/rules` and `..data -> ..2026_11_26`: the volume's folder, where `..data` is exchanged, and the dated one.
 */
export async function findFolderChain(folders: Folders, path: string): Promise<readonly string[]> {
  const chain = new Set<string>();
  const waiting = path.split("/");
  let at = path.startsWith("/") ? "/" : ".";
  let links = 0;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === "" || part === ".") continue;
    const next = at === "/" ? `/${part}` : `${at}/${part}`;
    const link = part === ".." ? undefined : await folders.readLink(next);
    if (link !== undefined && links < MAX_LINKS) {
      links++;
      chain.add(at);
      if (link.startsWith("/")) at = "/";
      waiting.unshift(...link.split("/"));
      continue;
    }
    if (waiting.length === 0) chain.add(at);
    at = next;
  }
  return [...chain];
}
