// Owns what is known of the rules in force and of the last text that was refused, for whoever shows or counts it.
// Reads no rules itself.

/** A rule text that was refused, or a file that could not be read. */
export interface RefusedRules {
  readonly epochMs: number;
  /** Of the text as it stands; undefined where there was no text to read. */
  readonly digest: string | undefined;
  /** Each with its line (0: the text as a whole); the first hundred at most. */
  readonly errors: readonly { readonly line: number; readonly message: string }[];
  /** All of them. */
  readonly errorCount: number;
}

/** The rules in force. */
export interface RulesInForce {
  readonly digest: string;
  readonly ruleCount: number;
  /** When they came into force. */
  readonly epochMs: number;
}

/** What became of one reading of the rules: in force now, the same as before, or refused. */
export type ReloadResult = "applied" | "unchanged" | "refused";

/** The state of the rules while the proxy runs. One object for its whole life; read it whenever it is asked for. */
export class RuleStatus {
  inForce: RulesInForce;
  /** Why the source is not what is in force; undefined while it is. */
  refused: RefusedRules | undefined;
  /** Readings since the start, by result. */
  readonly reloads: Record<ReloadResult, number> = { applied: 0, unchanged: 0, refused: 0 };
  /** How long the last reading took until its rules were in force or refused; undefined before the first. */
  lastReloadMs: number | undefined;
  lastReloadEpochMs: number | undefined;

  constructor(inForce: RulesInForce) {
    this.inForce = inForce;
  }

  /** Notes a reading that is over. */
  note(result: ReloadResult, epochMs: number, durationMs: number): void {
    this.reloads[result]++;
    this.lastReloadEpochMs = epochMs;
    this.lastReloadMs = durationMs;
  }
}
