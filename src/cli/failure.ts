// Owns the failure that is nobody's wrong usage and no fault of the program: something that it needs is not to be had.

/** Ends a command with exit code 1 and its message as the one line. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}
