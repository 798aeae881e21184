// The simple kinds of values: their bounds, and why a value is refused.
import { describe, expect, test } from "bun:test";
import { choice, INTERFACE_NAME, listOf, ON_OFF, trimBlanks, wholeNumber } from "../../src/cli/value_kind.ts";

describe("wholeNumber()", () => {
  const kind = wholeNumber(1, 1024);
  const table = [
    { name: "the least", input: "1", expected: { value: 1 } },
    { name: "the most", input: "1024", expected: { value: 1024 } },
    { name: "one under the least", input: "0", expected: { why: "the least is 1" } },
    { name: "one over the most", input: "1025", expected: { why: "the most is 1024" } },
    { name: "nothing", input: "", expected: { why: "it is not a whole number" } },
    { name: "a sign", input: "+1", expected: { why: "it is not a whole number" } },
    { name: "an exponent", input: "1e2", expected: { why: "it is not a whole number" } },
    { name: "hexadecimal", input: "0x10", expected: { why: "it is not a whole number" } },
    { name: "other digits", input: "١", expected: { why: "it is not a whole number" } },
    { name: "a line feed behind", input: "1\n", expected: { why: "it is not a whole number" } },
  ];
  for (const { name, input, expected } of table) {
    test(`judges ${name}`, () => expect(kind.parse(input)).toEqual(expected));
  }
});

describe("INTERFACE_NAME", () => {
  for (const name of ["macvlan0", "net1", "a", "x".repeat(15), "eth0.100", "br-1_2@x"]) {
    test(`takes ${name}`, () => expect(INTERFACE_NAME.parse(name)).toEqual({ value: name }));
  }
  for (const name of ["", "x".repeat(16), "a/b", "a:b", "a b", ".", "..", "a\n", "bü"]) {
    test(`refuses ${JSON.stringify(name)}`, () => {
      expect(INTERFACE_NAME.parse(name)).toEqual({ why: "it cannot be the name of an interface" });
    });
  }
});

describe("choice()", () => {
  const kind = choice(["warn", "error"], { warning: "warn" });
  const table = [
    { name: "a word", input: "error", expected: { value: "error" } },
    { name: "another spelling", input: "warning", expected: { value: "warn" } },
    { name: "another case", input: "Error", expected: { why: "it is none of the known words" } },
    { name: "a word of Object", input: "constructor", expected: { why: "it is none of the known words" } },
  ];
  for (const { name, input, expected } of table) {
    test(`judges ${name}`, () => expect<unknown>(kind.parse(input)).toEqual(expected));
  }
});

describe("ON_OFF", () => {
  for (const input of ["on", "true", "yes", "1"]) {
    test(`reads '${input}' as on`, () => expect(ON_OFF.parse(input)).toEqual({ value: true }));
  }
  for (const input of ["off", "false", "no", "0"]) {
    test(`reads '${input}' as off`, () => expect(ON_OFF.parse(input)).toEqual({ value: false }));
  }
  for (const input of ["", "ON", "2", "toString"]) {
    test(`refuses '${input}'`, () => expect(ON_OFF.parse(input)).toEqual({ why: "it is neither" }));
  }
});

describe("listOf()", () => {
  const kind = listOf(wholeNumber(0, 9));
  const table = [
    { name: "one value", input: "1", expected: { value: [1] } },
    { name: "blanks around a comma", input: "1 ,\t2", expected: { value: [1, 2] } },
    { name: "a comma at the end", input: "1,", expected: { why: "there is nothing before or after a comma" } },
    { name: "a comma at the start", input: ",1", expected: { why: "there is nothing before or after a comma" } },
    { name: "a bad value among good ones", input: "1,x,2", expected: { why: "it is not a whole number" } },
  ];
  for (const { name, input, expected } of table) {
    test(`judges ${name}`, () => expect(kind.parse(input)).toEqual(expected));
  }
});

describe("trimBlanks()", () => {
  test("drops space, tab and line ends, and no other white space", () => {
    expect(trimBlanks(" \t\r\nx y\u00a0\n ")).toBe("x y\u00a0");
  });
});
