// Owns the field names that the program knows by number. Knows no message; a name that is not here has the number 0.

/** The number of each known field name; 0 stands for every other name. */
export const FIELD = {
  OTHER: 0,
  HOST: 1,
  CONNECTION: 2,
  CONTENT_LENGTH: 3,
  TRANSFER_ENCODING: 4,
  UPGRADE: 5,
  TE: 6,
  TRAILER: 7,
  KEEP_ALIVE: 8,
  PROXY_CONNECTION: 9,
  PROXY_AUTHORIZATION: 10,
  PROXY_AUTHENTICATE: 11,
  PROXY_AUTHENTICATION_INFO: 12,
  PROXY: 13,
  PROXY_STATUS: 14,
  VIA: 15,
  EXPECT: 16,
  MAX_FORWARDS: 17,
  DATE: 18,
  AUTHORIZATION: 19,
  COOKIE: 20,
  SET_COOKIE: 21,
  CONTENT_TYPE: 22,
  CONTENT_ENCODING: 23,
  CONTENT_RANGE: 24,
  CACHE_CONTROL: 25,
  RANGE: 26,
  WWW_AUTHENTICATE: 27,
} as const;

/** A known field name's number, below 32 so that a set of them is one integer. */
export type FieldId = (typeof FIELD)[keyof typeof FIELD];

const SLOTS = 64;

/** The lower-case spelling of each known name, by its number. */
const SPELLING: Uint8Array[] = [];
/** The number of the one known name that can have this slot. */
const ID_BY_SLOT = new Uint8Array(SLOTS);

// Length, first and last letter tell all known names apart; the factors were searched for, and a clash throws at start.
function slotOf(length: number, first: number, last: number): number {
  return (length * 2 + (first | 0x20) * 36 + (last | 0x20)) & (SLOTS - 1);
}

for (const [key, id] of Object.entries(FIELD)) {
  const spelling = new TextEncoder().encode(key.toLowerCase().replaceAll("_", "-"));
  SPELLING[id] = spelling;
  if (id === FIELD.OTHER) continue;
  const slot = slotOf(spelling.length, spelling[0]!, spelling[spelling.length - 1]!);
  if (ID_BY_SLOT[slot] !== 0) throw new Error(`Cannot number field names: ${key} shares a slot`);
  ID_BY_SLOT[slot] = id;
}

/** Finds the number of the name at [start, end), whatever its case. Octets must be of a token. */
export function fieldIdOf(octets: Uint8Array, start: number, end: number): FieldId {
  const length = end - start;
  const id = ID_BY_SLOT[slotOf(length, octets[start]!, octets[end - 1]!)]!;
  const spelling = SPELLING[id]!;
  if (id === FIELD.OTHER || spelling.length !== length) return FIELD.OTHER;
  for (let i = 0; i < length; i++) {
    // Among token octets, only a letter's two cases and the hyphen itself give these values under | 0x20.
    if ((octets[start + i]! | 0x20) !== spelling[i]) return FIELD.OTHER;
  }
  return id as FieldId;
}
