// Proves what a compiled policy says of itself, and that the store hands out the one in force.
import { describe, expect, test } from "bun:test";
import { parseRules } from "../../src/policy/parse_rules.ts";
import { Policy } from "../../src/policy/policy.ts";
import { PolicyStore } from "../../src/policy/store.ts";

function compile(text: string): Policy {
  return Policy.compile(parseRules(text).rules);
}

describe("Policy.digest", () => {
  // Reference values of 64-bit FNV-1a: of the empty text, of "a.test\n", and of "!*.xn--bcher-kva.example\n10.0.0.0/8\n".
  const table = [
    { name: "no rules", input: "", expected: reference("") },
    { name: "one rule", input: "a.test", expected: reference("a.test\n") },
    {
      name: "the normal form",
      input: "# c\n !*.BÜCHER.example.\r\n10.1.2.3/8",
      expected: reference("!*.xn--bcher-kva.example\n10.0.0.0/8\n"),
    },
  ];
  for (const { name, input, expected } of table) {
    test(`is 64-bit FNV-1a over ${name}`, () => expect(compile(input).digest).toBe(`fnv1a64:${expected}`));
  }

  test("has the published value for no octets", () => expect(compile("").digest).toBe("fnv1a64:cbf29ce484222325"));

  test("differs when the order differs", () => {
    expect(compile("a.test\n!b.test").digest).not.toBe(compile("!b.test\na.test").digest);
  });
});

describe("PolicyStore", () => {
  test("gives the policy in force, before and after it is replaced", () => {
    const [first, second] = [compile("a.test"), compile("b.test")];
    const store = new PolicyStore(first);
    expect(store.current).toBe(first);
    store.replace(second);
    expect(store.current).toBe(second);
  });
});

/** FNV-1a as its definition says, in big integers. */
function reference(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const octet of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(octet)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}
