// Owns the fixed bounds that no setting changes. Every bound has its unit in its name.

/** The most bytes that a whole message head may have (RFC 9112 §2.2 leaves it to the recipient). */
export const MAX_HEAD_BYTES = 64 * 1024;

/** The most bytes that a request line may have before the answer is 414 (RFC 9112 §3 asks for 8000 at least). */
export const MAX_REQUEST_LINE_BYTES = 16 * 1024;

/** The most fields in one head; more is a 431. */
export const MAX_FIELDS = 256;

/** The most bytes of chunk extensions in one body; they are dropped, and more is an attack on the reader. */
export const MAX_CHUNK_EXTENSION_BYTES = 16 * 1024;

/** The most bytes of a trailer section. */
export const MAX_TRAILER_BYTES = 8 * 1024;

/** The most interim (1xx) responses before one final response. */
export const MAX_INTERIM_RESPONSES = 16;

/** The most bytes kept of what a client sends behind a CONNECT head before the tunnel is up. */
export const MAX_EARLY_BYTES = 64 * 1024;

/** A name's length limits, in octets (RFC 1035 §2.3.4). */
export const MAX_NAME_OCTETS = 253;
export const MAX_LABEL_OCTETS = 63;

/** How long a kept-alive client connection may be silent between requests. */
export const KEEP_ALIVE_IDLE_MS = 60_000;

/** How long a connection that was answered and is to be closed is still read from, so that the answer is not lost (RFC 9112 §9.6). */
export const LINGER_MS = 2_000;

/** How long at most a request that is under way when other rules deny it may still take to end. */
export const REVOKED_REQUEST_MS = 10_000;

/** The delay before the next address is tried beside a pending attempt (RFC 8305 §5). */
export const ATTEMPT_DELAY_MS = 250;
