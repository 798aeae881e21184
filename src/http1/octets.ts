// Owns the classes of octets that HTTP/1 knows (RFC 9110 §5.6, RFC 9112 §2-§5) as one table. Knows no message.

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COMMA = 0x2c;
export const COLON = 0x3a;

/** `tchar` of RFC 9110 §5.6.2. */
export const TOKEN = 1;
/** What a field value or a reason phrase may hold: HTAB, SP, visible ASCII and octets from 0x80 on. */
export const VALUE = 2;
/** What a request target may hold here: visible ASCII but `#` and `\`, and octets from 0x80 on, which the host alone may have. */
export const TARGET = 4;
/** What the host in a Host field may hold outside brackets: `reg-name` of RFC 3986 §3.2.2 but the comma, and octets from 0x80 on. */
export const REG_NAME = 8;
/** What an address in brackets may hold in a Host field. */
export const BRACKETED = 16;
/** What may stand plainly in a quoted string (RFC 9110 §5.6.4). */
export const QUOTED = 32;

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const add = (text: string, bit: number): void => {
    for (let i = 0; i < text.length; i++) classes[text.charCodeAt(i)]! |= bit;
  };
  const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  add(`!#$%&'*+-.^_\`|~${alphanumeric}`, TOKEN);
  add(`-._~%!$&'()*+;=${alphanumeric}`, REG_NAME);
  add("0123456789ABCDEFabcdef:.", BRACKETED);
  for (let octet = 0; octet < 256; octet++) {
    const high = octet >= 0x80;
    const visible = octet > SP && octet < 0x7f;
    if (high || visible || octet === SP || octet === HTAB) classes[octet]! |= VALUE;
    if (high || (visible && octet !== 0x23 && octet !== 0x5c)) classes[octet]! |= TARGET;
    if (high) classes[octet]! |= REG_NAME;
    if ((classes[octet]! & VALUE) !== 0 && octet !== 0x22 && octet !== 0x5c) classes[octet]! |= QUOTED;
  }
  return classes;
}

/** The classes of each octet, as a set of the bits above. */
export const OCTET_CLASS: Uint8Array = buildClasses();

function buildHexValues(): Uint8Array {
  const values = new Uint8Array(256).fill(16);
  for (let digit = 0; digit < 10; digit++) values[0x30 + digit] = digit;
  for (let digit = 10; digit < 16; digit++) {
    values[0x41 + digit - 10] = digit;
    values[0x61 + digit - 10] = digit;
  }
  return values;
}

/** The value of each octet as a hexadecimal digit; 16 where it is none. */
export const HEX_VALUE: Uint8Array = buildHexValues();
