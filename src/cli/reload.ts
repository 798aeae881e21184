// Owns the exchange of the rules while the proxy runs: a good text replaces them, a bad one is logged and changes nothing.
import { UsageError } from "../errors.ts";
import type { ProcessLog } from "../observe/process_log.ts";
import type { PolicyStore } from "../policy/store.ts";
import type { Files } from "../runtime/runtime.ts";
import { formatRuleError, type ReadRules, readRules, type RuleSource } from "./rule_source.ts";
import { trimBlanks } from "./value_kind.ts";

/** Reads the rules again when told, one reading at a time. */
export class RuleReloader {
  readonly #source: RuleSource;
  readonly #files: Files;
  readonly #store: PolicyStore;
  readonly #log: ProcessLog;
  readonly #onReplaced: (text: string) => void;
  #running: Promise<void> | undefined;
  #again = false;

  /** `onReplaced` is called with the text of new rules, when they are in the store. */
  constructor(
    source: RuleSource,
    files: Files,
    store: PolicyStore,
    log: ProcessLog,
    onReplaced: (text: string) => void,
  ) {
    this.#source = source;
    this.#files = files;
    this.#store = store;
    this.#log = log;
    this.#onReplaced = onReplaced;
  }

  /** Reads the rules; during a reading, once more after it. Resolves when what was asked for is done. */
  reload(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#readWhileAsked();
    return this.#running;
  }

  /** Whoever asks after the last look at `#again` must find nothing running: both change in one go. */
  async #readWhileAsked(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#readOnce();
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #readOnce(): Promise<void> {
    if (this.#source.kind === "text") {
      this.#log.warn("rules not read again: they come from no file");
      return;
    }
    const file = this.#source.path;
    let read: ReadRules;
    try {
      read = await readRules(this.#source, this.#files);
    } catch (error) {
      this.#refuse(file, error instanceof UsageError ? error.lines : [String(error)]);
      return;
    }
    const { policy, errors } = read;
    if (policy === undefined) {
      this.#refuse(file, errors.map(formatRuleError));
      return;
    }
    const before = this.#store.current.digest;
    this.#store.replace(policy);
    this.#log.info("rules reloaded", {
      file,
      rules: policy.rules.length,
      digest: policy.digest,
      changed: policy.digest !== before,
    });
    logRuleWarnings(this.#log, read);
    this.#onReplaced(read.text);
  }

  /** One log line for each fault: the last text that was good stays in force. */
  #refuse(file: string, lines: readonly string[]): void {
    for (const details of lines) {
      this.#log.error("rules not reloaded: the old ones stay in force", { file, details });
    }
  }
}

/** Logs what is odd about rules that are in force. */
export function logRuleWarnings(log: ProcessLog, { warnings }: ReadRules): void {
  for (const { line, text, message } of warnings) {
    log.warn("rule warning", { rule_line: line, rule: trimBlanks(text), details: message });
  }
}
