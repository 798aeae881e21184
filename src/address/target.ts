// Owns where a request is to go, read from the forms of a request target (RFC 9112 §3.2). Knows nothing of methods,
// fields or rules. Its errors never repeat user information, a path or a query: they hold secrets.
import { ProxyError } from "../errors.ts";
import { formatHost, type Host, parseHost } from "./host.ts";
import { IpAddress } from "./ip_address.ts";
import { formatQuotedOctets } from "./quoted_text.ts";

/** Where a request is to go. */
export interface Target {
  readonly host: Host;
  /** 1 to 65535. */
  readonly port: number;
  /** The normalised host, IPv6 in brackets. */
  readonly hostText: string;
  /** `hostText` and ":port", the port left out where it is the default of an absolute-form target's scheme. */
  readonly authority: string;
}

/** An absolute-form target, split into where to and what for. */
export interface AbsoluteTarget {
  readonly target: Target;
  /** Path and query byte for byte, "/" put in front where the path was empty. */
  readonly originForm: string;
  /** The target had neither path nor query: an OPTIONS request is then sent on as "*" (RFC 9112 §3.2.4). */
  readonly isBare: boolean;
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([["http", 80], ["ws", 80], ["https", 443], ["wss", 443]]);

/** A scheme and its colon (RFC 3986 §3.1). */
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;

/**
 * Parses the target of a CONNECT, "host:port", one character per octet. The port is required: plain digits, 1 to 65535.
 * Throws ProxyError "http_request_error".
 */
export function parseAuthorityForm(text: string): Target {
  if (text.includes("@")) throw malformed("user information is not allowed in the target of a CONNECT");
  if (text.includes("/") || text.includes("?") || text.includes("#") || text === "*") {
    throw malformed("the target of a CONNECT is host:port and nothing else");
  }
  const { hostText, portText } = splitAuthority(text);
  if (portText === undefined || portText === "") {
    throw malformed("the target of a CONNECT needs a port, as in host:443");
  }
  const port = parsePort(portText);
  return makeTarget(parseHost(hostText), port, undefined);
}

/**
 * Parses the absolute-form target of a request to a proxy, one character per octet. Only http: is proxied; an empty
 * port is 80. Path and query are kept as they are, but octets outside printable ASCII, spaces, "#" and "\" are refused.
 * Throws ProxyError "http_request_error", saying what to do for https: and for origin-form.
 */
export function parseAbsoluteForm(text: string): AbsoluteTarget {
  if (!hasHttpPrefix(text)) throw malformed(explainOtherForm(text));
  const start = "http://".length;
  const end = findAuthorityEnd(text, start);
  checkPathOctets(text, end);
  const rest = text.slice(end);
  const authority = text.slice(start, end);
  const target = recentTargets.get(authority) ?? remember(authority, parseAuthority(authority, 80, rest));
  return {
    target,
    originForm: rest.startsWith("/") ? rest : `/${rest}`,
    isBare: rest === "",
  };
}

/**
 * Parses a target as a person writes it, in Unicode characters: a host, host:port, an address with or without brackets,
 * or an http, https, ws or wss URL, of which all but the authority is passed over. Without a port it is the scheme's,
 * and 443 where there is no scheme. Throws ProxyError "http_request_error".
 */
export function parseTargetArgument(text: string): Target {
  const bareAddress = IpAddress.parse(text);
  if (bareAddress !== undefined) return makeTarget({ kind: "address", address: bareAddress }, 443, undefined);
  const octets = toOctets(text);
  const scheme = octets.includes("://") ? (SCHEME.exec(octets)?.[1] ?? "").toLowerCase() : undefined;
  if (scheme === undefined) return parseAuthority(octets, 443, "");
  const defaultPort = DEFAULT_PORTS.get(scheme);
  if (defaultPort === undefined) throw malformed("a URL to explain begins with http://, https://, ws:// or wss://");
  const start = octets.indexOf("://") + 3;
  const end = findAuthorityEnd(octets, start);
  return parseAuthority(octets.slice(start, end), defaultPort, octets.slice(end));
}

/** A bounded memory of what authorities came to: requests repeat theirs, and reading one took a sixth of a small request's CPU here. */
const recentTargets = new Map<string, Target>();
const MAX_RECENT_TARGETS = 256;

function remember(authority: string, target: Target): Target {
  if (recentTargets.size >= MAX_RECENT_TARGETS) recentTargets.clear();
  recentTargets.set(authority, target);
  return target;
}

/** An authority whose port may be empty or missing; `rest` is what stands behind it. */
function parseAuthority(text: string, defaultPort: number, rest: string): Target {
  // Neither looked into nor repeated: RFC 9110 §4.2.4 treats user information from elsewhere as an error.
  if (text.includes("@")) throw malformed("user information is not allowed in the target");
  try {
    const { hostText, portText } = splitAuthority(text);
    const host = parseHost(hostText);
    const port = portText === undefined || portText === "" ? defaultPort : parsePort(portText);
    return makeTarget(host, port, defaultPort);
  } catch (error) {
    // A password with "/" or "?" in it ends the authority early: what looks like host and port may be its beginning.
    if (rest.includes("@")) {
      throw malformed("it has no valid host before the path, and user information is not allowed");
    }
    throw error;
  }
}

function makeTarget(host: Host, port: number, defaultPort: number | undefined): Target {
  const hostText = formatHost(host);
  return { host, port, hostText, authority: port === defaultPort ? hostText : `${hostText}:${port}` };
}

function splitAuthority(text: string): { readonly hostText: string; readonly portText: string | undefined } {
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close < 0 || close === text.length - 1) return { hostText: text, portText: undefined };
    if (text[close + 1] !== ":") throw malformed("only a port may follow the closing bracket of an address");
    return { hostText: text.slice(0, close + 1), portText: text.slice(close + 2) };
  }
  const colon = text.indexOf(":");
  if (colon < 0) return { hostText: text, portText: undefined };
  if (text.indexOf(":", colon + 1) >= 0) throw malformed("an IPv6 address needs brackets, as in [2001:db8::1]:443");
  return { hostText: text.slice(0, colon), portText: text.slice(colon + 1) };
}

/** Plain digits: a sign, white space, a leading zero or a sixth digit is a disagreement waiting to happen (CVE-2025-63938). */
function parsePort(text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) {
    throw malformed(`the port must be 1 to 65535 in plain digits: ${formatQuotedOctets(text)}`);
  }
  return port;
}

function hasHttpPrefix(text: string): boolean {
  return text.startsWith("http://") || text.length >= 7 && text.slice(0, 7).toLowerCase() === "http://";
}

function findAuthorityEnd(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2f || code === 0x3f || code === 0x23 || code === 0x5c) return i;
  }
  return text.length;
}

/** What one server takes for the end of the path another may not: nothing that needs a guess is passed on. */
function checkPathOctets(text: string, start: number): void {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x23) throw malformed("a fragment is not allowed in a request target");
    if (code === 0x5c) throw malformed("a backslash is not allowed in a request target");
    if (code <= 0x20 || code >= 0x7f) {
      throw malformed("only printable ASCII is allowed in a request target, the rest is percent-encoded");
    }
  }
}

function explainOtherForm(text: string): string {
  if (text.startsWith("/")) return "this is a proxy, send the whole URL (http://host/path) or use CONNECT host:port";
  if (text === "" || text === "*") return "the request names no target, send the whole URL (http://host/path)";
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === "https") return "https is not proxied by its URL, use CONNECT host:443";
  if (scheme === "http") return "a URL begins with http://";
  if (scheme !== undefined && text.startsWith("://", scheme.length)) {
    return `only http is proxied by its URL, not ${formatQuotedOctets(scheme)}, use CONNECT host:port`;
  }
  return "this is a proxy, send the whole URL (http://host/path), or use CONNECT for host:port";
}

function toOctets(text: string): string {
  let octets = "";
  for (const octet of new TextEncoder().encode(text)) octets += String.fromCharCode(octet);
  return octets;
}

function malformed(why: string): ProxyError {
  return new ProxyError("http_request_error", `Cannot read the request target: ${why}`);
}
