// Owns how many client connections there may be where nobody has said.

/** Descriptors for everything that is no connection of the proxy's: listeners, the admin endpoint, name servers, files, the runtime's own. */
const RESERVED_FILES = 64;

/** Containers may have no limit, or one of a thousand million; nobody means that many connections. */
const MOST_CONNECTIONS = 100_000;

/** Derives the limit from that of open files (undefined: none): each client connection goes with one upstream. */
export function defaultMaxConnections(fileLimit: number | undefined): number {
  if (fileLimit === undefined) return MOST_CONNECTIONS;
  return Math.min(MOST_CONNECTIONS, Math.max(1, Math.floor((fileLimit - RESERVED_FILES) / 2)));
}
