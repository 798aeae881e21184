// Owns `healthcheck`: whether the proxy that runs here is ready, for probes in an image that has no shell and no curl.
import { formatSocketAddress, IpAddress } from "../address/ip_address.ts";
import { formatQuotedText } from "../address/quoted_text.ts";
import { LOOPBACK_IPV4, LOOPBACK_IPV6 } from "../address/special_range.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import type { HttpAnswer, Runtime, SocketAddress } from "../runtime/runtime.ts";
import type { Command, CommandContext } from "./command.ts";
import { OPTIONS } from "./options.ts";
import type { ListenAddress } from "./socket_address.ts";

/** For all that is asked together: less than a probe gives it. */
const LIMIT_MS = 1_500;

/** The most of an answer that is shown. */
const MAX_SAID_CHARACTERS = 200;

const ANY = IpAddress.parse("0.0.0.0")!;
const LOOPBACK = [LOOPBACK_IPV4, LOOPBACK_IPV6];

/** Asks the running proxy whether it is ready. */
export const HEALTHCHECK: Command = {
  name: "healthcheck",
  summary: "Ask the running proxy whether it is ready",
  notes: [
    "It asks the admin endpoint that --admin or its variable names, by loopback where that is every address.",
    "",
    "Exit code: 0 ready; 1 not ready, or no answer; 2 wrong usage.",
  ].join("\n"),
  execute: healthcheck,
};

async function healthcheck({ runtime, settings }: CommandContext): Promise<number> {
  const { admin } = settings;
  const { flag, variable } = OPTIONS.admin;
  if (admin === undefined) {
    throw new UsageError([`Missing ${flag}: give it, or ${variable}, the value that the proxy has`]);
  }
  if (admin.port === 0) {
    const value = formatSocketAddress(admin.address ?? ANY, 0);
    throw new UsageError([`Bad value '${value}' for ${flag}: expected the port that the proxy has`]);
  }
  const { server, answer: { status, body } } = await ask(runtime, addressesOf(admin));
  if (status === 200) return 0;
  const said = formatQuotedText(body.trim().slice(0, MAX_SAID_CHARACTERS)).slice(1, -1);
  const place = formatSocketAddress(server.address, server.port);
  throw new CommandFailure(`Not healthy: ${place} answers ${status}: ${said}`);
}

/** Where to ask, in order. */
function addressesOf({ address, port }: ListenAddress): readonly SocketAddress[] {
  const isAny = address === undefined || address.bytes.every((octet) => octet === 0);
  if (!isAny) return [{ address, port }];
  const loopback = LOOPBACK.filter(({ family }) => address === undefined || address.family === family);
  return loopback.map((one) => ({ address: one, port }));
}

/** The first answer; where there is none, why the first could not be asked. */
async function ask(
  { http, clock }: Pick<Runtime, "http" | "clock">,
  servers: readonly SocketAddress[],
): Promise<{ server: SocketAddress; answer: HttpAnswer }> {
  let failure: CommandFailure | undefined;
  const untilMs = clock.nowMs() + LIMIT_MS;
  for (const server of servers) {
    try {
      return { server, answer: await http.get(server, "/readyz", Math.max(1, untilMs - clock.nowMs())) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      failure ??= new CommandFailure(
        `Cannot ask ${
          formatSocketAddress(server.address, server.port)
        }: ${why}; is the proxy running with ${OPTIONS.admin.flag}?`,
      );
    }
  }
  throw failure;
}
