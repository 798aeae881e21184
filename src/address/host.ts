// Owns what a host text means: a name in its one normal form, or an address. The URL Standard's host parser
// (by way of the URL class) decides on IDNA and IPv4 spellings; what it would repair or decode is refused before.
// Knows nothing of ports, rules or look-ups.
import { ProxyError } from "../errors.ts";
import { MAX_LABEL_OCTETS, MAX_NAME_OCTETS } from "../limits.ts";
import { IpAddress } from "./ip_address.ts";
import { formatQuotedOctets } from "./quoted_text.ts";

/** A target's host: a lower-case ASCII name (A-labels, no trailing dot), or an address. */
export type Host =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "address"; readonly address: IpAddress };

/** Mapping can shorten a text (it drops soft hyphens and the like), so the bound on what is mapped at all is wider. */
const MAX_UNMAPPED_OCTETS = 4 * MAX_NAME_OCTETS;

const DOT = 0x2e;
const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;

/**
 * Parses a host as it stands in a request target, one character per octet; octets from 0x80 are read as UTF-8.
 * Normalises as the URL Standard does: case, one trailing dot, IDNA, every IPv4 spelling, brackets round IPv6.
 * Throws ProxyError "http_request_error" for what is no host: empty, empty or over-long labels, percent-escapes and
 * zone ids, brackets round anything but IPv6, a name whose last label is a number, and every character but letters,
 * digits, "-", "_" and "." (the URL Standard forbids most others; RFC 3986's "!$&'()*+,;=" occur in no real name and
 * would be rule syntax in what is made from logs).
 */
export function parseHost(text: string): Host {
  const plain = foldPlainName(text);
  if (plain !== undefined) return { kind: "name", name: plain };
  const host = normaliseOctets(text);
  if (typeof host === "string") {
    throw new ProxyError("http_request_error", `Cannot read host ${formatQuotedOctets(text)}: ${host}`);
  }
  return host;
}

/**
 * Parses the name of a rule, in Unicode characters, to its normal form: lower case, A-labels, no trailing dot.
 * Whatever would be an address in any spelling is an error, and so is a hyphen in front, which is a list bullet gone astray.
 */
export function parseRuleName(text: string): string | { readonly error: string } {
  const host = foldPlainName(text) ?? normaliseName(text);
  if (typeof host !== "string") {
    if ("error" in host) return host;
    return { error: "it is another spelling of an IPv4 address, write four decimal numbers" };
  }
  if (host.charCodeAt(0) === HYPHEN) return { error: "a name does not begin with a hyphen" };
  return host;
}

/** Formats a host for logs, the Host field and another parseHost: IPv6 in brackets. */
export function formatHost(host: Host): string {
  if (host.kind === "name") return host.name;
  return host.address.family === 6 ? `[${host.address.text}]` : host.address.text;
}

/** Octets to a host, or to the reason why not. */
function normaliseOctets(text: string): Host | string {
  if (text === "") return "it is empty";
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text);
  const decoded = decodeUtf8(text);
  if (decoded === undefined) return "it is not valid UTF-8";
  const name = normaliseName(decoded);
  if (typeof name === "string") return { kind: "name", name };
  return "error" in name ? name.error : { kind: "address", address: name };
}

/** RFC 3986 §3.2.2 IP-literal: IPv6 and nothing else (CVE-2022-29188 was a name in brackets that no rule knew). */
function parseBracketed(text: string): Host | string {
  if (!text.endsWith("]")) return "the closing bracket is missing, or text follows it";
  const inner = text.slice(1, -1);
  if (inner.includes("%")) return "a zone id is not allowed";
  const address = inner.includes(":") ? IpAddress.parse(inner) : undefined;
  return address === undefined ? "brackets hold an IPv6 address and nothing else" : { kind: "address", address };
}

/** Unicode text to a name in normal form, an address, or the reason why it is neither. */
function normaliseName(text: string): string | IpAddress | { readonly error: string } {
  if (text === "") return { error: "it is empty" };
  if (text.length > MAX_UNMAPPED_OCTETS) return { error: `a name has at most ${MAX_NAME_OCTETS} octets` };
  const dotted = IpAddress.parse(text);
  if (dotted?.family === 4) return dotted;
  const fault = findForbidden(text);
  if (fault !== undefined) return { error: fault };
  const mapped = mapByUrl(text);
  if (mapped === undefined) return { error: explainUnmappable(text) };
  const name = mapped.endsWith(".") ? mapped.slice(0, -1) : mapped;
  const address = IpAddress.parse(name);
  if (address !== undefined) return address;
  const labelFault = findLabelFault(name);
  if (labelFault !== undefined) return { error: labelFault };
  // Mapping can produce ASCII that was not in the text: U+FF0A becomes an asterisk.
  const mappedFault = findForbidden(name);
  return mappedFault === undefined ? name : { error: mappedFault };
}

/** The normal form of a name that needs no more than lower case and the loss of one trailing dot; undefined for all else. */
function foldPlainName(text: string): string | undefined {
  if (isPlainName(text)) return text;
  if (!/^[A-Za-z0-9._-]+$/.test(text)) return undefined;
  const folded = text.toLowerCase();
  const name = folded.endsWith(".") ? folded.slice(0, -1) : folded;
  return isPlainName(name) ? name : undefined;
}

/** Whether the text is its own normal form for certain, so that the URL class has no say in it. */
function isPlainName(text: string): boolean {
  const end = text.length;
  if (end === 0 || end > MAX_NAME_OCTETS) return false;
  let labelStart = 0;
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (i === labelStart || i - labelStart > MAX_LABEL_OCTETS || isALabel(text, labelStart)) return false;
      labelStart = i + 1;
    } else if (!isPlainCode(code)) {
      return false;
    }
  }
  const lastLength = end - labelStart;
  if (lastLength === 0 || lastLength > MAX_LABEL_OCTETS || isALabel(text, labelStart)) return false;
  return !isNumber(text.slice(labelStart));
}

function isPlainCode(code: number): boolean {
  return code >= 0x61 && code <= 0x7a || code >= 0x30 && code <= 0x39 || code === HYPHEN || code === UNDERSCORE;
}

function isALabel(text: string, start: number): boolean {
  return text.charCodeAt(start) === 0x78 && text.startsWith("xn--", start);
}

/** The URL Standard's "ends in a number": such a host is IPv4 or nothing. */
function isNumber(label: string): boolean {
  const first = label.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && /^(?:[0-9]+|0x[0-9a-f]*)$/i.test(label);
}

/** The first character that no host may have, said in words. */
function findForbidden(text: string): string | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80 || code === DOT || isPlainCode(code) || code >= 0x41 && code <= 0x5a) continue;
    if (code === 0x25) return "a percent-escape or zone id is not allowed";
    if (code === 0x20) return "a space is not allowed";
    if (code < 0x20 || code === 0x7f) return "a control character is not allowed";
    return `the character ${formatQuotedOctets(text[i] ?? "")} is not allowed`;
  }
  return undefined;
}

function findLabelFault(name: string): string | undefined {
  if (name.length > MAX_NAME_OCTETS) return `a name has at most ${MAX_NAME_OCTETS} octets`;
  for (const label of name.split(".")) {
    if (label === "") return "it has an empty label";
    if (label.length > MAX_LABEL_OCTETS) return `a label has at most ${MAX_LABEL_OCTETS} octets`;
  }
  return undefined;
}

/** The host as the URL Standard's parser writes it. The text has no character that could end or restructure a host. */
function mapByUrl(text: string): string | undefined {
  try {
    return new URL(`http://${text}/`).hostname;
  } catch {
    return undefined;
  }
}

function explainUnmappable(text: string): string {
  const labels = text.split(".");
  if (labels.length > 1 && labels[labels.length - 1] === "") labels.pop();
  const isNumeric = isNumber(labels[labels.length - 1] ?? "");
  return isNumeric ? "its last label is a number, but it is not an IPv4 address" : "it is not valid under IDNA";
}

function decodeUtf8(octets: string): string | undefined {
  let isAscii = true;
  for (let i = 0; i < octets.length; i++) {
    const code = octets.charCodeAt(i);
    if (code > 0xff) return undefined;
    if (code >= 0x80) isAscii = false;
  }
  if (isAscii) return octets;
  try {
    // ignoreBOM keeps U+FEFF in the text, to be judged as any other character.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(octets, (octet) => octet.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}
