// Owns what a thread of the data plane knows of names: the control plane's answers for as long as it may keep them, one
// question in flight for each name. Resolves nothing and decides nothing.
import type { Answer, NameResolver } from "../dns/answer.ts";
import { AnswerCache } from "../dns/answer_cache.ts";
import type { Clock } from "../runtime/runtime.ts";

/** The most names that a thread keeps. */
const MAX_KEPT_NAMES = 4_000;

/** How a thread asks the control plane. */
export interface NameQuestions {
  ask(name: string, token: number): void;
  forget(token: number): void;
  /** Told of each look-up that took no question. */
  onKept(): void;
}

/** One question to the control plane, and who waits for its answer. */
interface Question {
  readonly name: string;
  /** The token that it was asked by: its first waiter's, who may have left. */
  readonly token: number;
  readonly waiters: Set<number>;
}

/**
 * The names of one thread. Without it each request for a name costs a message there and back and the other thread's
 * time: a request by name on a connection of its own took 1.5 times the CPU.
 */
export class ThreadNames implements NameResolver {
  readonly #questions: NameQuestions;
  readonly #onAnswer: (token: number, answer: Answer) => void;
  readonly #kept: AnswerCache;
  readonly #byName = new Map<string, Question>();
  readonly #byToken = new Map<number, Question>();

  /** `onAnswer` takes the late answers of `lookup`. */
  constructor(clock: Clock, questions: NameQuestions, onAnswer: (token: number, answer: Answer) => void) {
    this.#questions = questions;
    this.#onAnswer = onAnswer;
    this.#kept = new AnswerCache(clock, MAX_KEPT_NAMES);
  }

  lookup(name: string, token: number): Answer | undefined {
    this.forget(token);
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      this.#questions.onKept();
      return kept;
    }
    const asked = this.#byName.get(name);
    const question = asked ?? { name, token, waiters: new Set<number>() };
    question.waiters.add(token);
    this.#byToken.set(token, question);
    if (asked === undefined) {
      this.#byName.set(name, question);
      this.#questions.ask(name, token);
    } else {
      this.#questions.onKept();
    }
    return undefined;
  }

  forget(token: number): void {
    const question = this.#byToken.get(token);
    if (question === undefined) return;
    this.#byToken.delete(token);
    question.waiters.delete(token);
    if (question.waiters.size > 0 || this.#byName.get(question.name) !== question) return;
    this.#byName.delete(question.name);
    this.#questions.forget(question.token);
  }

  /** Takes the answer to the question that was asked by this token; it may be kept for `keepMs`. */
  onAnswer(name: string, token: number, answer: Answer, keepMs: number): void {
    const question = this.#byName.get(name);
    // One that was forgotten, whose answer was on its way.
    if (question?.token !== token) return;
    this.#byName.delete(name);
    this.#kept.set(name, answer, keepMs);
    for (const waiter of question.waiters) {
      // Whoever is told may forget others: those are gone from the set before the loop comes to them.
      question.waiters.delete(waiter);
      this.#byToken.delete(waiter);
      this.#onAnswer(waiter, answer);
    }
  }
}
