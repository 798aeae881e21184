// Owns how a breach of HTTP/1 becomes a ProxyError: whose fault it is, and text that can be shown. Never echoes raw octets.
import { ProxyError } from "../errors.ts";
import { CR, HTAB, LF, SP } from "./octets.ts";

/** Whose message is being read: a client's request or an upstream's response. */
export type Sender = "client" | "upstream";

/** Makes the error for a faulty message; `status` is heeded for a client's faults only (an upstream's are a 502). */
export function fault(sender: Sender, details: string, status = 400): ProxyError {
  return sender === "client"
    ? new ProxyError("http_request_error", details, status)
    : new ProxyError("http_protocol_error", details);
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
