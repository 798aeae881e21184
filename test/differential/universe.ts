// Owns the small world in which squid and this proxy are compared: its addresses and its names. All of it lives on the
// loopback interface of a network namespace, so that documentation addresses are real there, and remote to a policy.

/** Addresses that the namespace has besides 127.0.0.0/8 and ::1; an origin answers on each. */
export const ADDRESSES = [
  "192.0.2.1",
  "192.0.2.2",
  "192.0.2.3",
  "192.0.2.4",
  "192.0.2.7",
  "192.0.2.8",
  "198.51.100.1",
  "198.51.100.2",
  "198.51.100.3",
  "203.0.113.9",
  "169.254.169.254",
  "2001:db8::1",
  "2001:db8::3",
  "2001:db8:1::1",
  "64:ff9b::c000:201", // NAT64 of 192.0.2.1
] as const;

/** Ports on which every address answers. */
export const PORTS = [80, 443, 8000] as const;

/** Names with one address each. */
export const SINGLE_NAMES: Readonly<Record<string, string>> = {
  "one.test": "192.0.2.1",
  "two.test": "192.0.2.2",
  "www.one.test": "192.0.2.4",
  "deep.www.one.test": "192.0.2.1",
  "xone.test": "198.51.100.2",
  "six.test": "2001:db8::1",
  "www.six.test": "2001:db8:1::1",
};

/** Names, with one address each, that the original can't have in a rule, or reads as something else there. */
export const ODD_NAMES: Readonly<Record<string, string>> = {
  "under_score.test": "198.51.100.3",
  "abc.de": "198.51.100.3",
  "www": "198.51.100.3",
  "xn--bcher-kva.test": "198.51.100.3",
};

/** Names with several addresses, in the order in which they are answered. */
export const MULTI_NAMES: Readonly<Record<string, readonly string[]>> = {
  "both.test": ["192.0.2.1", "198.51.100.1"],
};

/** Names that lead to what is not remote. */
export const INSIDE_NAMES: Readonly<Record<string, string>> = {
  "loop.test": "127.0.0.5",
  "metadata.test": "169.254.169.254",
};

/** A name that has no address. */
export const MISSING_NAME = "missing.test";

/** Addresses that say a name when they are looked up in reverse; nothing confirms it. */
export const REVERSE_NAMES: Readonly<Record<string, string>> = {
  "192.0.2.7": "evil.allowed.test",
  "192.0.2.8": "two.test",
};
