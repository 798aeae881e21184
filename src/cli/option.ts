// Owns what a row of the table of options is. Knows no row.
import type { ValueKind } from "./value_kind.ts";

/** Every command there is or will be. */
export type CommandName =
  | "run"
  | "check"
  | "explain"
  | "manifest"
  | "setup-network"
  | "healthcheck"
  | "suggest"
  | "self-test";

/** One option: its flag, its variable, its kind of value, its default, and who takes it. */
export interface Option<T> {
  readonly flag: string;
  /** The environment variable, or undefined for what only a flag says. */
  readonly variable: string | undefined;
  readonly kind: ValueKind<T>;
  /** The value where nothing is given. */
  readonly fallback: T;
  /** The default as help says it. */
  readonly fallbackText: string;
  /** What it does, in one sentence for help. */
  readonly help: string;
  readonly commands: readonly CommandName[];
}

/** Makes a row; its only use is to name the type of the value once. */
export function option<T>(row: Option<T>): Option<T> {
  return row;
}
