// Owns what a command is. Adding one is a file that exports a Command and a line in commands.ts.
import type { Runtime } from "../runtime/runtime.ts";
import type { CommandName } from "./options.ts";
import type { GivenSettings } from "./settings.ts";

/** What a command is called with. */
export interface CommandContext extends GivenSettings {
  readonly runtime: Runtime;
  readonly operands: readonly string[];
  /** What is odd about the environment, one line each; the command shows it where its warnings go. */
  readonly warnings: readonly string[];
}

/** One command. Its options are those that name it in the table of options. */
export interface Command {
  readonly name: CommandName;
  /** One sentence for help. */
  readonly summary: string;
  /** Whether it is left out of the list of commands; it has help of its own all the same. */
  readonly hidden?: boolean;
  /** The operands, where it takes any: at least one, unless they are optional. */
  readonly operands?: { readonly name: string; readonly help: string; readonly optional?: boolean };
  /** Further help, below the options. */
  readonly notes?: string;
  /** Does the work and resolves to the exit code. Throws UsageError for exit code 2. */
  execute(context: CommandContext): Promise<number>;
}
