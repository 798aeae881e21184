// Owns the random rule texts and targets for the comparison with squid. They keep to where no difference is intended: see
// the remark at each restriction.
import fc from "fast-check";
import { ADDRESSES, MISSING_NAME, MULTI_NAMES, PORTS, REVERSE_NAMES, SINGLE_NAMES } from "./universe.ts";
import type { Case, Order } from "./world_protocol.ts";

const NAMES = Object.keys(SINGLE_NAMES);
/** Not those that have a reverse name, embed another address or are not remote. */
const REMOTE = ADDRESSES.filter((address) => !(address in REVERSE_NAMES) && !/^(64:ff9b|169\.254)/.test(address));
const INSIDE = ["127.0.0.1", "127.0.0.5", "169.254.169.254", "::1"];

type Kind = "name" | "address" | "any";
interface RandomRule {
  readonly kind: Kind;
  readonly text: string;
}

const nameRule = fc.record({
  deny: fc.boolean(),
  below: fc.boolean(),
  name: fc.constantFrom(...NAMES, "test", "nomatch.test", MISSING_NAME, ...Object.keys(MULTI_NAMES)),
}).map(({ deny, below, name }): RandomRule => ({
  kind: "name",
  text: `${deny ? "!" : ""}${below ? "*." : ""}${name}`,
}));

/** Never of length 0, which squid takes for one address, nor an IPv6 range so wide that it holds ::ffff:0:0/96. */
const addressRule = fc.record({
  deny: fc.boolean(),
  address: fc.constantFrom(...REMOTE, ...INSIDE),
  length: fc.option(fc.nat(), { freq: 2 }),
}).map(({ deny, address, length }): RandomRule => {
  const [least, most] = address === "::1" ? [81, 128] : address.includes(":") ? [3, 128] : [1, 32];
  const suffix = length === null ? "" : `/${least + length % (most - least + 1)}`;
  return { kind: "address", text: `${deny ? "!" : ""}${address}${suffix}` };
});

const any: RandomRule = { kind: "any", text: "*" };

function upperCaseSome(text: string, mask: number): string {
  return [...text].map((char, index) => (mask >> (index % 30)) & 1 ? char.toUpperCase() : char).join("");
}

/** Spells an address as a URL may have it. */
function spell(address: string, way: number): string {
  if (address.includes(":")) return way % 2 === 0 ? `[${address}]` : `[${address.toUpperCase()}]`;
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const spellings = [
    address,
    address,
    `${value}`,
    `0x${value.toString(16)}`,
    `${a}.${b}.${(c << 8) | d}`,
    `[::ffff:${address}]`,
  ];
  return spellings[way % spellings.length] ?? address;
}

function targets(kinds: ReadonlySet<Kind>): fc.Arbitrary<Case> {
  // An address rule takes a name with several addresses, or with none, differently; and "*" opens nothing inside.
  const names = kinds.has("address") ? NAMES : [...NAMES, MISSING_NAME, ...Object.keys(MULTI_NAMES)];
  const addresses = kinds.has("any") ? REMOTE : [...REMOTE, ...INSIDE];
  const host = fc.oneof(
    fc.record({ name: fc.constantFrom(...names), mask: fc.nat(), dot: fc.constantFrom("", "", ".") })
      .map(({ name, mask, dot }) => `${upperCaseSome(name, mask)}${dot}`),
    fc.record({ address: fc.constantFrom(...addresses), way: fc.nat({ max: 11 }) })
      .map(({ address, way }) => spell(address, way)),
  );
  return fc.record({ host, port: fc.constantFrom(...PORTS), isTunnel: fc.boolean() }).map((
    { host, port, isTunnel },
  ): Case =>
    isTunnel ? { method: "CONNECT", target: `${host}:${port}` } : { method: "GET", target: `http://${host}:${port}/` }
  );
}

/** Makes a rule text of up to twelve rules and two dozen requests. */
export function arbitraryOrder(): fc.Arbitrary<Order> {
  const rule = fc.oneof({ arbitrary: nameRule, weight: 3 }, { arbitrary: addressRule, weight: 2 });
  const rules = fc.oneof(
    fc.array(rule, { minLength: 1, maxLength: 12 }),
    fc.array(nameRule, { minLength: 1, maxLength: 12 }),
  );
  return fc.tuple(rules, fc.boolean()).chain(([list, open]) => {
    const all = open ? [...list, any] : list;
    const cases = fc.array(targets(new Set(all.map(({ kind }) => kind))), { minLength: 1, maxLength: 24 });
    return cases.map((some): Order => ({ rules: all.map(({ text }) => text).join("\n"), cases: some }));
  });
}
