// Owns DNS messages: queries to bytes, answers to addresses (RFC 1035 §4, RFC 6891). Sends nothing, keeps nothing, and
// takes every octet of an answer as hostile: whatever comes, it returns one of the results below and never throws.
import { IpAddress } from "../address/ip_address.ts";
import { MAX_LABEL_OCTETS, MAX_NAME_OCTETS } from "../limits.ts";

/** The two record types that are asked for (RFC 1035 §3.2.2, RFC 3596 §2.1). */
export const RECORD_TYPE = { A: 1, AAAA: 28 } as const;

/** One of the two. */
export type RecordType = (typeof RECORD_TYPE)[keyof typeof RECORD_TYPE];

/** The largest datagram that is asked for: below the smallest IPv6 path MTU, so that no answer comes in fragments (RFC 9715). */
export const EDNS_PAYLOAD_BYTES = 1232;

/** The most aliases that are followed inside one answer. */
export const MAX_ALIASES = 16;

/** The most addresses that are taken from one answer (CVE-2020-8277 is what huge answers did elsewhere). */
export const MAX_ADDRESSES_PER_ANSWER = 64;

const HEADER_BYTES = 12;
const TYPE_CNAME = 5;
const TYPE_OPT = 41;
const CLASS_IN = 1;

/** A name has at most 127 labels, and so no honest message needs more compression pointers in one. */
const MAX_POINTERS = 127;

/** A query with what its answer must repeat. */
export interface Query {
  readonly bytes: Uint8Array;
  readonly id: number;
  readonly type: RecordType;
  /** The name in wire form and lower case, one char per octet: unlike dotted text it is ambiguous for no label. */
  readonly key: string;
  /** Whether it carries an OPT record. */
  readonly edns: boolean;
}

/** What one message says. `none` is the last word on the name and type; `failed` is a reason to ask another server. */
export type ParsedAnswer =
  | { readonly kind: "addresses"; readonly addresses: readonly IpAddress[]; readonly ttlSeconds: number }
  | { readonly kind: "none"; readonly reason: "NXDOMAIN" | "no data" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "truncated" };

const MALFORMED: ParsedAnswer = { kind: "failed", reason: "malformed answer" };

/** RFC 1035 §4.1.1 and the IANA registry, as far as a header's four bits go. */
const RCODE_NAMES = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
  "DSOTYPENI",
] as const;

/** Says whether a name can be put into a query: ASCII, labels of 1 to 63 octets, 253 in all. */
export function isAskable(name: string): boolean {
  return encodeName(name) !== undefined;
}

/** Makes the query for exactly this name: no search list, nothing appended. Undefined where the name has no wire form. */
export function encodeQuery(name: string, type: RecordType, id: number, edns: boolean): Query | undefined {
  const key = encodeName(name);
  if (key === undefined) return undefined;
  const bytes = new Uint8Array(HEADER_BYTES + key.length + 1 + 4 + (edns ? 11 : 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, 0x0100); // recursion desired
  view.setUint16(4, 1);
  view.setUint16(10, edns ? 1 : 0);
  let at = HEADER_BYTES;
  for (let index = 0; index < key.length; index++) bytes[at++] = key.charCodeAt(index);
  at += 1; // the root label
  view.setUint16(at, type);
  view.setUint16(at + 2, CLASS_IN);
  if (edns) {
    view.setUint16(at + 5, TYPE_OPT); // behind the root name; version, flags and length stay 0 (RFC 6891 §6.1.2)
    view.setUint16(at + 7, EDNS_PAYLOAD_BYTES);
  }
  return { bytes, id, type, key, edns };
}

/**
 * Says whether a message claims to answer this query: the same id, a response to a standard query, and the same single
 * question. What does not is a stray or a forgery and is to be passed over. A FORMERR may come as a bare header: a server
 * that could not read the question cannot repeat it, and all that a forged one wins is a second query without EDNS.
 */
export function isAnswerTo(query: Query, message: Uint8Array): boolean {
  if (message.length < HEADER_BYTES || readUint16(message, 0) !== query.id) return false;
  if ((message[2]! & 0xf8) !== 0x80) return false; // QR set, opcode 0
  const questionCount = readUint16(message, 4);
  if (questionCount === 0) return message.length === HEADER_BYTES && (message[3]! & 0x0f) === 1;
  if (questionCount !== 1) return false;
  const name = readName(message, HEADER_BYTES);
  if (name === undefined || name.key !== query.key || name.end + 4 > message.length) return false;
  return readUint16(message, name.end) === query.type && readUint16(message, name.end + 2) === CLASS_IN;
}

/** Reads the answer to a query; `isAnswerTo` is checked here once more, so that no path can forget it. */
export function parseAnswer(query: Query, message: Uint8Array): ParsedAnswer {
  if (!isAnswerTo(query, message)) return MALFORMED;
  if ((message[2]! & 0x02) !== 0) return { kind: "truncated" };
  const rcode = message[3]! & 0x0f;
  if (rcode === 3) return { kind: "none", reason: "NXDOMAIN" };
  if (rcode !== 0) return { kind: "failed", reason: RCODE_NAMES[rcode] ?? `RCODE ${rcode}` };
  const owners = readOwners(query, message);
  if (owners === undefined) return MALFORMED;
  const isAuthoritative = (message[2]! & 0x04) !== 0;
  const hasRecursion = (message[3]! & 0x80) !== 0;
  if (owners.size === 0 && !isAuthoritative && !hasRecursion) {
    return { kind: "failed", reason: "no recursion" }; // a referral: this server does not resolve for us
  }
  return followAliases(query, message, owners);
}

/** The records of one owner name: where its addresses lie in the message, and its alias. */
interface Owner {
  readonly dataOffsets: number[];
  ttlSeconds: number;
  alias: string | undefined;
}

/** Collects the records that could matter, by owner; undefined where the section does not hold what the header says. */
function readOwners(query: Query, message: Uint8Array): Map<string, Owner> | undefined {
  const owners = new Map<string, Owner>();
  const dataBytes = query.type === RECORD_TYPE.A ? 4 : 16;
  let at = HEADER_BYTES + query.key.length + 1 + 4;
  for (let left = readUint16(message, 6); left > 0; left--) {
    const name = readName(message, at);
    if (name === undefined || name.end + 10 > message.length) return undefined;
    const type = readUint16(message, name.end);
    const recordClass = readUint16(message, name.end + 2);
    const data = name.end + 10;
    at = data + readUint16(message, name.end + 8);
    if (at > message.length) return undefined;
    if (recordClass !== CLASS_IN || (type !== query.type && type !== TYPE_CNAME)) continue;
    let owner = owners.get(name.key);
    if (owner === undefined) {
      owner = { dataOffsets: [], ttlSeconds: 0x7fffffff, alias: undefined };
      owners.set(name.key, owner);
    }
    owner.ttlSeconds = Math.min(owner.ttlSeconds, readTtl(message, name.end + 4));
    if (type === query.type) {
      if (at - data !== dataBytes) return undefined;
      if (owner.dataOffsets.length < MAX_ADDRESSES_PER_ANSWER) owner.dataOffsets.push(data);
    } else {
      const alias = readName(message, data);
      if (alias === undefined || alias.end !== at) return undefined;
      owner.alias ??= alias.key;
    }
  }
  return owners;
}

/** Goes from the asked name along its aliases to the addresses; records of any other name are never looked at. */
function followAliases(query: Query, message: Uint8Array, owners: ReadonlyMap<string, Owner>): ParsedAnswer {
  const dataBytes = query.type === RECORD_TYPE.A ? 4 : 16;
  let key = query.key;
  let ttlSeconds = 0x7fffffff;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const owner = owners.get(key);
    if (owner === undefined) return { kind: "none", reason: "no data" };
    ttlSeconds = Math.min(ttlSeconds, owner.ttlSeconds);
    if (owner.dataOffsets.length > 0) {
      const addresses = owner.dataOffsets.map((data) => IpAddress.fromBytes(message.subarray(data, data + dataBytes)));
      return { kind: "addresses", addresses, ttlSeconds };
    }
    if (owner.alias === undefined) return { kind: "none", reason: "no data" };
    key = owner.alias;
  }
  return { kind: "failed", reason: "too many aliases" };
}

/** The name as length octets and lower-case labels, without the root's final zero. */
function encodeName(name: string): string | undefined {
  if (name.length === 0 || name.length > MAX_NAME_OCTETS) return undefined;
  let key = "";
  for (const label of name.split(".")) {
    if (label.length === 0 || label.length > MAX_LABEL_OCTETS) return undefined;
    key += String.fromCharCode(label.length);
    for (let index = 0; index < label.length; index++) {
      const code = label.charCodeAt(index);
      if (code > 0x7f) return undefined;
      key += String.fromCharCode(lowerCase(code));
    }
  }
  return key;
}

/**
 * Reads a name, compressed or not, as its key and the offset behind it. A pointer must lead to before everything read of
 * this name so far (RFC 1035 §4.1.4: "a prior occurrence"), so that no chain of them can loop.
 */
function readName(message: Uint8Array, start: number): { readonly key: string; readonly end: number } | undefined {
  let key = "";
  let at = start;
  let lowest = start;
  let end = -1;
  let pointers = 0;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { key, end: end === -1 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (low === undefined || ++pointers > MAX_POINTERS) return undefined;
      const target = (length & 0x3f) << 8 | low;
      if (target < HEADER_BYTES || target >= lowest) return undefined;
      if (end === -1) end = at + 2;
      at = target;
      lowest = target;
      continue;
    }
    if (length > MAX_LABEL_OCTETS || at + 1 + length > message.length) return undefined;
    if (key.length + 1 + length > MAX_NAME_OCTETS + 1) return undefined;
    key += String.fromCharCode(length);
    for (let index = at + 1; index <= at + length; index++) key += String.fromCharCode(lowerCase(message[index]!));
    at += 1 + length;
  }
}

function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

function readUint16(message: Uint8Array, at: number): number {
  return message[at]! << 8 | message[at + 1]!;
}

/** A TTL with its top bit set counts as 0 (RFC 2181 §8). */
function readTtl(message: Uint8Array, at: number): number {
  const high = readUint16(message, at);
  return high >= 0x8000 ? 0 : high * 0x10000 + readUint16(message, at + 2);
}
