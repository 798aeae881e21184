// Owns socket addresses as operators write them: `:8080`, `127.0.0.1:0`, `[::1]:8080`, `10.0.0.10`.
// Takes no host name: what is listened on or asked must not depend on a look-up.
import { IpAddress } from "../address/ip_address.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import { type Parsed, parseWholeNumber, type ValueKind } from "./value_kind.ts";

/** Where to listen; no address means every address of both families, port 0 any free port. */
export interface ListenAddress {
  readonly address: IpAddress | undefined;
  readonly port: number;
}

const DNS_PORT = 53;

/** An address and port to listen on. */
export const LISTEN_ADDRESS: ValueKind<ListenAddress> = {
  placeholder: "ADDR",
  expected: "':PORT', 'IPV4:PORT' or '[IPV6]:PORT'",
  parse(text) {
    if (/^[0-9]+$/.test(text)) return { why: `it is a port alone, write ':${text}' for every address` };
    const parts = splitAddress(text);
    if ("why" in parts) return parts;
    const { host, portText } = parts.value;
    if (portText === undefined) return { why: "the port is missing" };
    const port = parsePort(portText, 0);
    if ("why" in port) return port;
    if (host === "") return { value: { address: undefined, port: port.value } };
    const address = parseAddress(host);
    return "why" in address ? address : { value: { address: address.value, port: port.value } };
  },
};

/** A name server: an address, with port 53 where none is given. */
export const RESOLVER_ADDRESS: ValueKind<SocketAddress> = {
  placeholder: "IP[:PORT]",
  expected: "'IPV4', 'IPV4:PORT', 'IPV6' or '[IPV6]:PORT'",
  parse(text) {
    const whole = IpAddress.parse(text);
    if (whole !== undefined) return { value: { address: whole, port: DNS_PORT } };
    const parts = splitAddress(text);
    if ("why" in parts) return parts;
    const { host, portText } = parts.value;
    const port = portText === undefined ? { value: DNS_PORT } : parsePort(portText, 1);
    if ("why" in port) return port;
    const address = parseAddress(host);
    return "why" in address ? address : { value: { address: address.value, port: port.value } };
  },
};

/** Makes a kind that also takes the word `off`, for a listener that may be left out. */
export function offOr<T>(kind: ValueKind<T>): ValueKind<T | undefined> {
  return {
    placeholder: kind.placeholder,
    expected: `${kind.expected}, or 'off'`,
    parse: (text) => text === "off" ? { value: undefined } : kind.parse(text),
  };
}

/** Splits host and port; a host in brackets comes back without them and is known to be IPv6. */
function splitAddress(text: string): Parsed<{ host: string; portText: string | undefined }> {
  if (text.startsWith("[")) {
    const [, host, , portText] = /^\[([^\]]*)\](:(.*))?$/s.exec(text) ?? [];
    if (host === undefined) return { why: "what is in brackets is not followed by ':PORT'" };
    if (!host.includes(":")) return { why: "only an IPv6 address has brackets" };
    return { value: { host, portText } };
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) return { value: { host: text, portText: undefined } };
  if (text.indexOf(":") !== colon) return { why: "an IPv6 address with a port needs brackets" };
  return { value: { host: text.slice(0, colon), portText: text.slice(colon + 1) } };
}

function parsePort(text: string, least: number): Parsed<number> {
  const port = parseWholeNumber(text, least, 65_535);
  return "why" in port ? { why: `the port is bad, ${port.why}` } : port;
}

function parseAddress(text: string): Parsed<IpAddress> {
  const address = IpAddress.parse(text);
  if (address !== undefined) return { value: address };
  if (text.includes("%")) return { why: "a zone is not supported" };
  return { why: text === "" ? "the address is missing" : "the part before the port is not an IP address" };
}
