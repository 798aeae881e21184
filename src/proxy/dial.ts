// Owns reaching one of the approved addresses: RFC 8305's staggered attempts. It dials approvals only and resolves nothing.
import type { Approval } from "./admit.ts";
import { assertApproval } from "./admit.ts";
import type { Endpoint, ProxyContext } from "./context.ts";
import { ProxyError } from "../errors.ts";
import { ATTEMPT_DELAY_MS } from "../limits.ts";
import { formatSocketAddress } from "../address/ip_address.ts";
import type { ConnectFailure, ConnectionId } from "../runtime/runtime.ts";
import { Timer } from "./timers.ts";

/** Who asked for a dial. Exactly one of the two is called, unless the dial is abandoned before. Never from within the constructor. */
export interface DialOwner {
  /** The connection is up and belongs to the owner from now on; it must attach its endpoint at once. */
  onDialled(id: ConnectionId, approval: Approval): void;
  onDialFailed(error: ProxyError): void;
}

/**
 * One dial over one or more approved addresses: the next attempt starts when the one before has failed or after
 * ATTEMPT_DELAY_MS, the first to connect wins, and the others are closed (RFC 8305 §5). The deadline is the owner's.
 */
export class Dial extends Timer implements Endpoint {
  readonly #context: ProxyContext;
  readonly #owner: DialOwner;
  readonly #queue: Approval[];
  readonly #attempts = new Map<ConnectionId, Approval>();
  #failure: { readonly failure: ConnectFailure; readonly approval: Approval } | undefined;

  constructor(context: ProxyContext, owner: DialOwner, approvals: readonly Approval[]) {
    super();
    this.#context = context;
    this.#owner = owner;
    this.#queue = interleaveFamilies(approvals);
    this.#attemptNext();
  }

  /** Ends the dial: every attempt is closed and the owner hears nothing more. */
  abandon(): void {
    this.#context.timers.remove(this);
    this.#queue.length = 0;
    for (const id of this.#attempts.keys()) this.#context.close(id);
    this.#attempts.clear();
  }

  override onTimer(): void {
    this.#attemptNext();
  }

  onConnect(id: ConnectionId): void {
    const approval = this.#attempts.get(id);
    if (approval === undefined) return;
    this.#attempts.delete(id);
    this.abandon();
    this.#owner.onDialled(id, approval);
  }

  onConnectFail(id: ConnectionId, failure: ConnectFailure): void {
    const approval = this.#attempts.get(id);
    if (approval === undefined) return;
    this.#attempts.delete(id);
    // The first failure is the most telling: later ones are often a family that this machine does not have.
    if (this.#failure === undefined || this.#failure.failure === "unreachable") this.#failure = { failure, approval };
    if (this.#queue.length > 0) return this.#attemptNext();
    if (this.#attempts.size > 0) return;
    this.#context.timers.remove(this);
    this.#owner.onDialFailed(describeFailure(this.#failure.failure, this.#failure.approval));
  }

  onClose(id: ConnectionId): void {
    this.onConnectFail(id, "failed");
  }

  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}

  #attemptNext(): void {
    const approval = this.#queue.shift();
    if (approval === undefined) return;
    assertApproval(approval);
    const id = this.#context.engine.connect(approval.address, approval.port);
    this.#attempts.set(id, approval);
    this.#context.attach(id, this);
    this.#context.timers.set(this, this.#queue.length > 0 ? this.#context.clock.nowMs() + ATTEMPT_DELAY_MS : Infinity);
  }
}

/** Orders addresses so that the families alternate, IPv6 first, each family in the resolver's order (RFC 8305 §4). */
function interleaveFamilies(approvals: readonly Approval[]): Approval[] {
  if (approvals.length < 2) return [...approvals];
  const six = approvals.filter(({ address }) => address.family === 6);
  const four = approvals.filter(({ address }) => address.family === 4);
  const ordered: Approval[] = [];
  for (let index = 0; index < Math.max(six.length, four.length); index++) {
    ordered.push(...six.slice(index, index + 1), ...four.slice(index, index + 1));
  }
  return ordered;
}

function describeFailure(failure: ConnectFailure, approval: Approval): ProxyError {
  const where = formatSocketAddress(approval.address, approval.port);
  switch (failure) {
    case "refused":
      return new ProxyError("connection_refused", `${where}: connection refused`);
    case "unreachable":
      return new ProxyError("destination_ip_unroutable", `${where}: no route to the address`);
    case "timeout":
      return new ProxyError("connection_timeout", `${where}: not connected in time`);
    case "limit":
      return new ProxyError("connection_limit_reached", `${where}: this proxy has no file descriptor left`);
    case "failed":
      return new ProxyError("connection_terminated", `${where}: the connection failed as it was made`);
  }
}
