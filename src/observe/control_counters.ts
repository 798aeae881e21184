// Owns the counts of what the control plane heard and did. Plain numbers that only grow; knows no metric's name.

/** The counts of one running proxy. */
export class ControlCounters {
  /** Threads of the data plane that died and were replaced. */
  threadEnds = 0;
  /** What was closed because other rules deny it. */
  readonly revoked: { tunnels: number; requests: number; keptAlive: number } = {
    tunnels: 0,
    requests: 0,
    keptAlive: 0,
  };
}
