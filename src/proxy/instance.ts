// Owns the name under which this proxy signs messages, and the random word that tells one running proxy from another.

/** The proxy's name in Via and Proxy-Status. */
export const PROXY_NAME = "egress-http-proxy";

/** Makes the random word of one run: 16 hexadecimal digits, not guessable, so that no origin can forge a loop. */
export function makeInstance(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** Formats the Via member that this proxy adds (RFC 9110 §7.6.3); the instance is its comment. */
export function formatVia(instance: string): string {
  return `1.1 ${PROXY_NAME} (${instance})`;
}
