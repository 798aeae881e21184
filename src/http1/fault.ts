// Owns how a breach of HTTP/1 becomes a ProxyError: whose fault it is, and text that can be shown. Never echoes raw octets.
import { ProxyError } from "../errors.ts";
import { CR, HTAB, LF, SP } from "./octets.ts";

/** Whose message is being read: a client's request or an upstream's response. */
export type Sender = "client" | "upstream";

const QUOTE_LIMIT = 40;

/** Makes the error for a faulty message; `status` is heeded for a client's faults only (an upstream's are a 502). */
export function fault(sender: Sender, details: string, status = 400): ProxyError {
  return sender === "client"
    ? new ProxyError("http_request_error", details, status)
    : new ProxyError("http_protocol_error", details);
}

/** Formats latin1 text for a message: in single quotes, cut to 40 characters, everything that could break a line, a log or a header as `%XX`. */
export function quote(text: string): string {
  let shown = "";
  for (let i = 0; i < text.length && i < QUOTE_LIMIT; i++) {
    const code = text.charCodeAt(i);
    const plain = code >= SP && code < 0x7f && code !== 0x22 && code !== 0x25 && code !== 0x27 && code !== 0x5c;
    shown += plain ? text[i] : `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text.length > QUOTE_LIMIT ? `'${shown}...'` : `'${shown}'`;
}

/** Formats one octet for a message. */
export function describeOctet(octet: number): string {
  switch (octet) {
    case CR:
      return "a bare CR";
    case LF:
      return "a bare LF";
    case SP:
      return "a blank";
    case HTAB:
      return "a tab";
    case 0:
      return "a NUL";
  }
  return octet > SP && octet < 0x7f && octet !== 0x22 && octet !== 0x27 && octet !== 0x5c
    ? `'${String.fromCharCode(octet)}'`
    : `octet 0x${octet.toString(16).padStart(2, "0")}`;
}
