// Owns the making of the resolver as the settings want it, for the commands that resolve.
import type { Answer } from "../dns/answer.ts";
import { Resolver } from "../dns/resolver.ts";
import type { Runtime, SocketAddress } from "../runtime/runtime.ts";
import { CommandFailure } from "../errors.ts";

/** Opens the resolver on these servers, or on the system's. Throws CommandFailure where a system file cannot be read. */
export async function openResolver(
  runtime: Runtime,
  servers: readonly SocketAddress[] | undefined,
  onAnswer?: (token: number, answer: Answer) => void,
): Promise<Resolver> {
  try {
    return await Resolver.create(runtime, { servers }, onAnswer);
  } catch (error) {
    throw new CommandFailure(error instanceof Error ? error.message : String(error));
  }
}
