// Owns the exchange of the rules while the proxy runs: a good text replaces them, a bad one is told and changes nothing.
import { formatQuotedText } from "../address/quoted_text.ts";
import { UsageError } from "../errors.ts";
import type { ProcessLog } from "../observe/process_log.ts";
import type { RuleStatus } from "../observe/rule_status.ts";
import { diffRulesInSteps, type RuleChange } from "../policy/diff_rules.ts";
import { digestText } from "../policy/digest.ts";
import { Policy } from "../policy/policy.ts";
import type { PolicyStore } from "../policy/store.ts";
import { finishInSlices } from "../plane/slices.ts";
import type { Clock, Files } from "../runtime/runtime.ts";
import type { FileWatchOwner } from "./file_watch.ts";
import {
  findRuleWarnings,
  formatRuleError,
  parseRuleText,
  type ReadRules,
  readRuleText,
  type RuleSource,
} from "./rule_source.ts";
import { trimBlanks } from "./value_kind.ts";

/** A log line and the status name at most so many errors, and the log at most so many changed rules. */
const MAX_TOLD_ERRORS = 100;
const MAX_TOLD_CHANGES = 50;
const MAX_TOLD_WARNINGS = 100;

/** What the exchange of rules needs. */
export interface ReloadParts {
  readonly source: RuleSource;
  readonly files: Files;
  readonly clock: Clock;
  readonly store: PolicyStore;
  readonly log: ProcessLog;
  readonly status: RuleStatus;
  /** Called with the text of new rules, when they are in the store. */
  readonly onReplaced: (text: string) => void;
}

/** A rule text that could not be had, or what is wrong with one. */
interface Refusal {
  readonly text: string | undefined;
  readonly errors: readonly { readonly line: number; readonly message: string }[];
}

/** Takes rule texts one after the other: those that a watch brings, and those that it is told to read. */
export class RuleReloader implements FileWatchOwner {
  readonly #parts: ReloadParts;
  /** The text in force. */
  #text: string;
  /** The text that was last refused, until one is good. */
  #refusedText: string | undefined;
  #last: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;

  /** `text` is the one in force. */
  constructor(parts: ReloadParts, text: string) {
    this.#parts = parts;
    this.#text = text;
  }

  /** Reads the rules; during a reading, once more after it, however often it is asked. Resolves when that is done. */
  reload(): Promise<void> {
    this.#waiting ??= this.#enqueue(() => {
      this.#waiting = undefined;
      return this.#read();
    });
    return this.#waiting;
  }

  /** Takes the text of a file that has changed; one that is known already is passed over in silence. */
  onText(text: string): void {
    void this.#enqueue(async () => {
      const isKnown = this.#parts.status.refused === undefined ? text === this.#text : text === this.#refusedText;
      if (!isKnown) await this.#judge(text);
    });
  }

  onUnreadable(reason: string): void {
    void this.#enqueue(() => {
      const message = `Cannot read the rules from ${this.#shownSource}: ${formatQuotedText(reason).slice(1, -1)}`;
      this.#refuse({ text: undefined, errors: [{ line: 0, message }] }, this.#parts.clock.nowMs());
      return Promise.resolve();
    });
  }

  get #shownSource(): string {
    return this.#parts.source.kind === "file" ? formatQuotedText(this.#parts.source.path) : "the settings";
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    // What goes wrong with one text must not keep the next from being read.
    this.#last = this.#last.then(work).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#refuse(
        { text: undefined, errors: [{ line: 0, message: `internal error: ${reason}` }] },
        this.#parts.clock.nowMs(),
      );
    });
    return this.#last;
  }

  async #read(): Promise<void> {
    const { source, files, log, clock } = this.#parts;
    if (source.kind === "text") {
      log.warn("rules not read again: they come from no file");
      return;
    }
    const startMs = clock.nowMs();
    let text: string;
    try {
      // A pipe in the file's place, with no one to write to it, would hold up this and every later reading.
      text = await readRuleText(source, files, false);
    } catch (error) {
      const lines = error instanceof UsageError ? error.lines : [String(error)];
      this.#refuse({ text: undefined, errors: lines.map((message) => ({ line: 0, message })) }, startMs);
      return;
    }
    await this.#judge(text, startMs);
  }

  async #judge(text: string, startMs = this.#parts.clock.nowMs()): Promise<void> {
    const { source, store, log, status, clock, onReplaced } = this.#parts;
    const parsed = await finishInSlices(parseRuleText(text, source));
    if (parsed.errors.length > 0) return this.#refuse({ text, errors: parsed.errors }, startMs);
    const before = store.current;
    const isSame = text === this.#text;
    const policy = isSame ? before : await finishInSlices(Policy.compileInSteps(parsed.rules));
    const digest = await finishInSlices(policy.prepareDigest());
    const changes = digest === before.digest ? [] : await finishInSlices(diffRulesInSteps(before.rules, policy.rules));
    this.#text = text;
    this.#refusedText = undefined;
    status.refused = undefined;
    if (!isSame) {
      store.replace(policy);
      status.inForce = { digest, ruleCount: policy.rules.length, epochMs: clock.epochMs() };
    }
    status.note(isSame ? "unchanged" : "applied", clock.epochMs(), clock.nowMs() - startMs);
    log.info("rules reloaded", {
      file: source.kind === "file" ? source.path : undefined,
      rules: policy.rules.length,
      digest,
      changed: changes.length > 0,
      added: countOf(changes, "added"),
      removed: countOf(changes, "removed"),
      moved: countOf(changes, "moved"),
    });
    if (isSame) return;
    onReplaced(text);
    logRuleChanges(log, changes);
    logRuleWarnings(log, await finishInSlices(findRuleWarnings(parsed, policy)));
  }

  /** One line with all errors: the last text that was good stays in force. */
  #refuse({ text, errors }: Refusal, startMs: number): void {
    const { source, log, status, clock } = this.#parts;
    const told = errors.slice(0, MAX_TOLD_ERRORS);
    const digest = text === undefined ? undefined : digestText(text);
    const epochMs = clock.epochMs();
    this.#refusedText = text;
    status.refused = {
      epochMs,
      digest,
      errors: told.map(({ line, message }) => ({ line, message })),
      errorCount: errors.length,
    };
    status.note("refused", epochMs, clock.nowMs() - startMs);
    const more = errors.length > told.length ? [`and ${errors.length - told.length} more`] : [];
    log.error("rules not reloaded: the old ones stay in force", {
      file: source.kind === "file" ? source.path : undefined,
      digest: status.inForce.digest,
      refused_digest: digest,
      errors: errors.length,
      details: [...told.map(formatRuleError), ...more].join("; "),
    });
  }
}

function countOf(changes: readonly RuleChange[], kind: RuleChange["kind"]): number | undefined {
  const count = changes.filter((change) => change.kind === kind).length;
  return count === 0 ? undefined : count;
}

function logRuleChanges(log: ProcessLog, changes: readonly RuleChange[]): void {
  for (const { kind, rule, was } of changes.slice(0, MAX_TOLD_CHANGES)) {
    log.info(`rule ${kind}`, { rule_line: rule.line, was_line: was?.line, rule: rule.text });
  }
  const untold = changes.length - MAX_TOLD_CHANGES;
  if (untold > 0) log.info("more rules have changed", { rules: untold });
}

/** Logs what is odd about rules that are in force. */
export function logRuleWarnings(log: ProcessLog, warnings: ReadRules["warnings"]): void {
  for (const { line, text, message } of warnings.slice(0, MAX_TOLD_WARNINGS)) {
    log.warn("rule warning", { rule_line: line, rule: trimBlanks(text), details: message });
  }
  const untold = warnings.length - MAX_TOLD_WARNINGS;
  if (untold > 0) log.warn("more rule warnings: 'check' shows all of them", { warnings: untold });
}
