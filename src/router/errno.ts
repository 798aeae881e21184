// Owns the words for the kernel's error numbers that this room meets.

const WORDS: ReadonlyMap<number, string> = new Map([
  [1, "operation not permitted"],
  [3, "not there"],
  [11, "not in time"],
  [12, "out of memory"],
  [13, "permission denied"],
  [16, "device busy"],
  [17, "already there"],
  [19, "no such device"],
  [22, "invalid argument"],
  [38, "not possible on this system"],
  [95, "not supported"],
  [97, "address family not supported"],
  [98, "address already in use"],
  [99, "address not available"],
  [100, "network is down"],
  [101, "network is unreachable"],
  [105, "no buffer space"],
  [113, "no route to host"],
]);

/** Says what an errno of Linux means. */
export function formatErrno(errno: number): string {
  return WORDS.get(errno) ?? `error ${errno} of the system`;
}
